"""Memory and disk of a scan, and whether this machine has as much."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from rayscan import places
from rayscan.errors import Problem, StorageError
from rayscan.results.storage import absolute
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.cost.stages import generated
from rayscan.scan.cost.workload import Kind, Workload

MOST_TRAININGS = 1_000_000
"""Trained members of a scan: each has a row in every table, and a folder of its own."""

# A worker with numpy, pyarrow and scikit-learn; what TensorFlow adds, a graph included [bytes].
_WORKER, _TENSORFLOW = 0.3e9, 0.9e9
# Event tables: 23.6 bytes with two observables, 42.7 with eight; 10 are what an event is known by.
_TABLE_EVENT, _TABLE_OBSERVABLE = 18.0, 3.2
# Tables and ledger together: a row, and one with its ROC curve and score distributions.
_ROW, _CURVE = 1_500, 13_500
_CHANNEL = 160  # of a workspace in JSON


def worker_bytes(load: Workload) -> float:
    """Memory of the worker that needs most."""
    train, own, tested, events = _held(load).values()
    return _WORKER + max(train + own, tested, events)


def _held(load: Workload) -> dict[str, float]:
    """Bytes of what a worker holds, by the key of the scan file that asks for it."""
    config, benchmarks = load.config, len(load.config.benchmarks)
    hypotheses = max(head_of(kind.choice).hypotheses(benchmarks) for kind in load.kinds)
    tested = max(hypotheses * config.ensembles.test, 2 * config.limits.ensembles)
    events = max(load.events(name) or 0 for name in config.processes)
    train, own = max((_training(load, kind) for kind in load.kinds), key=sum)
    return {
        "ensembles.train": train,
        "architectures": own,
        "ensembles.test": 2 * tested * config.binning.bins,
        "processes": 2 * (24 + 4 * len(config.observables)) * events,
    }


def _training(load: Workload, kind: Kind) -> tuple[float, float]:
    """Bytes of an epoch of histograms as networks hold them, and of all else in a training."""
    large = any(point.mixture.null_total > 65_535 for point in kind.points)
    size, architecture = 4 if large or kind.choice.reads_events else 2, kind.choice.architecture
    pack = min(load.config.training.pack, kind.members // len(kind.points))
    held = architecture.held(kind.values, kind.shape, kind.examples, size=size, members=pack)
    epoch = 4 * size * kind.examples * load.config.binning.bins * (not kind.choice.reads_events)
    return min(epoch, held), max(held - epoch, 0) + _TENSORFLOW * kind.compiles


def disk_bytes(load: Workload) -> dict[str, float]:
    """Bytes of the cache (generated files, event tables), and of the storage."""
    config, fitted = load.config, load.limits(fitted=True)
    event = _TABLE_EVENT + _TABLE_OBSERVABLE * len(config.observables)
    events = sum(load.events(name) or 0 for name in config.processes if name not in load.read)
    tested = _CURVE if config.crosstest.curves == "all" else _ROW
    rows = load.total("members") + fitted + load.limits(fitted=False)
    channels = config.limits.channels * fitted * config.limits.workspaces
    classifiers = (
        kind.members * kind.choice.architecture.stored(kind.values, kind.shape)
        for kind in load.kinds
    )
    return {
        "cache": float(sum(recipe.size for recipe in generated(load))) + event * events,
        "storage": float(sum(classifiers))
        + rows * _ROW
        + load.total("pairs") * tested
        + channels * _CHANNEL,
    }


def problems(load: Workload, memory: float | None) -> Iterator[Problem]:
    """More than any cluster trains, and more than a machine of so much memory [bytes] holds."""
    if (members := load.total("members")) > MOST_TRAININGS:
        what = f"{members:,} classifiers would be trained, expected at most {MOST_TRAININGS:,}"
        fix = "fewer strengths, benchmarks, repeats or search trials"
        yield Problem(where="architectures", what=f"{what}: {fix}")
    if memory is None:
        return
    needed, held = worker_bytes(load), _held(load)
    if needed > memory:
        what = f"one worker needs {_size(needed)} of memory, this machine has {_size(memory)}"
        fix = "ask for less here, or take a larger machine"
        yield Problem(where=max(held, key=held.__getitem__), what=f"{what}: {fix}")
    storage = load.config.storage
    at = {"storage": storage, "cache": load.config.cache or places.beside(storage, "cache")}
    for key, size in disk_bytes(load).items():
        yield from _disk(key, at[key], size)


def _disk(key: str, place: str, needed: float) -> Iterator[Problem]:
    """A disk of this machine that is too small for what is written there."""
    try:
        folder = Path(absolute(place))
    except StorageError:  # said where it is opened
        return
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free = shutil.disk_usage(there).free
    if places.is_url(place) or needed <= free:
        return
    earlier = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if needed > free + earlier:
        what = f"{_size(needed)} will be written to {place}, where {_size(free)} are free"
        yield Problem(where=key, what=f"{what}; give another place, or make the scan smaller")


def _size(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
