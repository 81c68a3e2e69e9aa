"""Memory and disk of a scan, and whether this machine has as much."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.filesize import decimal

from rayscan import places
from rayscan.errors import Problem, StorageError
from rayscan.results.storage import absolute
from rayscan.scan.cost.stages import generated
from rayscan.scan.cost.workload import Kind, Workload
from rayscan.scan.pools.filling import EVENTS_OF_A_PART
from rayscan.scan.steps.examples import event_features

MOST_TRAININGS = 1_000_000
"""Trained members of a scan: each has a row in every table, and a folder of its own."""

# A worker with numpy, pyarrow and scikit-learn; what TensorFlow adds, a graph included [bytes].
_WORKER, _TENSORFLOW = 300_000_000, 900_000_000
# Event tables: 16.4 bytes with two observables, of which 9 are what an event is known by; each
# observable takes 2.9 to 3.6, in event pools too.
_TABLE_EVENT, _TABLE_OBSERVABLE = 10, 3
# Tables and ledger together: a row, and one with its ROC curve and score distributions.
_ROW, _CURVE = 1_500, 13_500
_LEFT_OUT = 9  # a histogram left out: its score and its part


def worker_bytes(load: Workload) -> int:
    """Memory of the worker that needs most."""
    train, own, tested, events = _held(load).values()
    return _WORKER + max(train + own, tested, events)


def _held(load: Workload) -> dict[str, int]:
    """Bytes of what a worker holds, by the key of the scan file that asks for it."""
    config, benchmarks = load.config, len(load.config.benchmarks)
    hypotheses = max(kind.points[0].head.hypotheses(benchmarks) for kind in load.kinds)
    tested = max(hypotheses * config.ensembles.test, 2 * config.limits.ensembles)
    events = max(load.events(name) or 0 for name in config.processes)
    train, own = max((_training(load, kind) for kind in load.kinds), key=sum)
    return {
        "ensembles.train": train,
        "architectures": own,
        "ensembles.test": 2 * tested * config.binning.bins,
        "processes": 2 * (24 + 4 * len(config.observables)) * min(events, EVENTS_OF_A_PART),
    }


def _training(load: Workload, kind: Kind) -> tuple[int, int]:
    """Bytes of an epoch of histograms as networks hold them, and of all else in a training."""
    large = any(point.mixture.null_total > 65_535 for point in kind.points)
    size, architecture = 4 if large or kind.choice.sees_features else 2, kind.choice.architecture
    held = architecture.held(kind.values, kind.shape, kind.examples, size=size, members=kind.pack)
    if kind.choice.reads_items:  # of pools that stay in memory, as they are read and seen
        pools, own = load.config.pools, (*load.config.backgrounds, *kind.points[0].benchmarks)
        events = load.pool(own, max(pools.train + pools.validation, pools.test)) or 0
        held += 3 * size * events * kind.shape[1]
    epoch = 4 * size * kind.examples * load.config.binning.bins * (not kind.choice.sees_features)
    return min(epoch, held), max(held - epoch, 0) + _TENSORFLOW * kind.compiles


def disk_bytes(load: Workload) -> dict[str, int]:
    """Bytes of the cache (generated files, event tables and pools), and of the storage."""
    config, fitted = load.config, load.limits(fitted=True)
    columns = len(config.observables) + len(event_features(config))
    event = _TABLE_EVENT + _TABLE_OBSERVABLE * columns
    events = sum(load.events(name) or 0 for name in config.processes if name not in load.read)
    tested = _CURVE if config.crosstest.curves == "all" else _ROW
    # A workspace is about as large as a row.
    limits = load.limits(fitted=False) + fitted * (1 + config.limits.workspaces)
    rows, pairs = load.total("members") + limits, load.total("pairs")
    stored = (k.members * k.choice.architecture.stored(k.values, k.shape) for k in load.kinds)
    folds = sum(_LEFT_OUT * kind.left_out for kind in load.kinds)
    return {
        "cache": sum(recipe.size for recipe in generated(load)) + event * events,
        "storage": sum(stored) + folds + rows * _ROW + pairs * tested,
    }


def problems(load: Workload, memory: int | None) -> Iterator[Problem]:
    """More than any cluster trains, and more than a machine of so much memory [bytes] holds."""
    if (members := load.total("members")) > MOST_TRAININGS:
        what = f"{members:,} classifiers would be trained, expected at most {MOST_TRAININGS:,}"
        fix = "fewer strengths, benchmarks, repeats or search trials"
        yield Problem(where="architectures", what=f"{what}: {fix}")
    if memory is None:
        return
    needed, held = worker_bytes(load), _held(load)
    if needed > memory:
        what = f"one worker needs {decimal(needed)} of memory, this machine has {decimal(memory)}"
        fix = "ask for less here, or take a larger machine"
        yield Problem(where=max(held, key=held.__getitem__), what=f"{what}: {fix}")
    storage = load.config.storage
    at = {"storage": storage, "cache": load.config.cache or places.beside(storage, "cache")}
    for key, size in disk_bytes(load).items():
        yield from _disk(key, at[key], size)


def _disk(key: str, place: str, needed: int) -> Iterator[Problem]:
    """A disk of this machine that is too small for what is written there."""
    if places.is_url(place):
        return
    try:
        folder = Path(absolute(place))
    except StorageError:  # said where it is opened
        return
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    earlier = (file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if needed > free and needed > free + sum(earlier):
        what = f"{decimal(needed)} will be written to {place}, where {decimal(free)} are free"
        yield Problem(where=key, what=f"{what}; give another place, or make the scan smaller")
