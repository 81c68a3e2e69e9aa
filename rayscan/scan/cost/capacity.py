"""Whether a scan can fit the machine it runs on, from its own forecast, before anything runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from rayscan import places
from rayscan.errors import Problem, StorageError
from rayscan.places import beside
from rayscan.results.storage import absolute
from rayscan.scan.cost import footprint
from rayscan.scan.cost.workload import Workload

MOST_TRAININGS = 1_000_000
"""Trained members of a scan: each has a row in every table, and a folder of its own."""


def too_many_trainings(load: Workload) -> Iterator[Problem]:
    """More members than any cluster trains."""
    if load.members > MOST_TRAININGS:
        yield Problem(
            where="architectures",
            what=f"{load.members:,} classifiers would be trained, expected at most "
            f"{MOST_TRAININGS:,}: fewer strengths, benchmarks, repeats or search trials",
        )


def too_little_room(load: Workload, memory: float) -> Iterator[Problem]:
    """What this machine cannot hold at all, however few workers there are.

    Args:
        load: The work of the scan.
        memory: Memory of this machine [bytes].
    """
    needed = footprint.worker_bytes(load)
    if needed > memory:
        where, fix = _largest(load)
        yield Problem(
            where=where,
            what=f"one worker needs {_size(needed)} of memory, this machine has {_size(memory)}: "
            f"{fix}, or take a larger machine",
        )
    yield from _disk(load)


def _largest(load: Workload) -> tuple[str, str]:
    """Which key makes a worker large, and what to do about it."""
    drawn = 4 * footprint.epoch_bytes(load)  # as networks hold it
    other = footprint.training_bytes(load) - drawn
    parts = {
        ("ensembles.train", "lower ensembles.train or the bins"): drawn,
        ("architectures", "take smaller networks or fewer draws"): other,
        (
            "ensembles.test",
            "lower ensembles.test, limits.ensembles or the bins",
        ): footprint.testing_bytes(load),
    }
    return max(parts, key=lambda part: parts[part])


def _disk(load: Workload) -> Iterator[Problem]:
    """Disks of this machine that are too small for what is written there."""
    parts = footprint.disk_bytes(load)
    cached = parts["generated files"] + parts["event tables"]
    storage = load.config.storage
    cache = load.config.cache or beside(storage, "cache")
    written = {"storage": (storage, sum(parts.values()) - cached), "cache": (cache, cached)}
    for key, (place, needed) in written.items():
        if places.is_url(place):
            continue
        try:
            folder = Path(absolute(place))
        except StorageError:  # said where it is opened
            continue
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        free = shutil.disk_usage(there).free
        if needed > free and needed > free + _held(folder):
            yield Problem(
                where=key,
                what=f"{_size(needed)} will be written to {place}, where {_size(free)} are free; "
                "give another place, or make the scan smaller",
            )


def _held(folder: Path) -> float:
    """Bytes that an earlier run has left there."""
    return float(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()))


def _size(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
