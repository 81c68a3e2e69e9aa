"""Folds: the pools as the network of each fold sees them, and with every event tested.

With ``pools: {folds: K}`` whatever is trained is trained K times. Network k is tested on fold k,
which neither its training nor its stopping nor a search for its hyperparameters has seen. For each
a scan is an ordinary scan, on pools and random streams of its own (`PooledScan.at_fold`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rayscan.events.split import fold_name, pools_of_fold

if TYPE_CHECKING:
    from rayscan.scan.pools.binned import BinnedPools, ProcessPools
    from rayscan.scan.steps.candidates import Candidate

Counts = npt.NDArray[np.int64]


def view_of(binned: BinnedPools, fold: int) -> BinnedPools:
    """The pools as the network of one fold knows them."""
    processes = {name: _seen(part, fold, binned.folds) for name, part in binned.processes.items()}
    return replace(binned, processes=processes, folds=0)


def _seen(part: ProcessPools, fold: int, folds: int) -> ProcessPools:
    pools = pools_of_fold(fold, folds)
    return replace(
        part,
        counts={pool: _added(part.counts, names) for pool, names in pools.items()},
        selected={
            pool: sum(part.selected[name] for name in names) for pool, names in pools.items()
        },
        events={
            pool: reduce(add, (part.events[name] for name in names))
            for pool, names in pools.items()
            if part.events
        },
    )


def _added(counts: Mapping[str, Counts], names: Sequence[str]) -> Counts:
    return np.asarray(np.sum([counts[name] for name in names], axis=0))


def with_first_fold(part: ProcessPools, folds: int) -> ProcessPools:
    """A process with the pools of the first fold beside its folds, but for their single events."""
    if not folds:
        return part
    first = _seen(part, 0, folds)
    return replace(
        part,
        counts={**part.counts, **first.counts},
        selected={**part.selected, **first.selected},
    )


def least_training(binned: BinnedPools) -> npt.NDArray[np.float64]:
    """Fewest background events that any network has to train on, by their weight, shape (bins,)."""
    views = (view_of(binned, fold) for fold in range(binned.folds)) if binned.folds else (binned,)
    return np.asarray(np.min([view.weighted_counts("train") for view in views], axis=0))


def every_event(binned: BinnedPools) -> BinnedPools:
    """The pools with every event in the test pool: for what nothing was trained for.

    Pools that share their events are one pool, counted once, and what is kept out of it.
    """
    shared = binned.mode == "shared_pool"
    names = ("test", "unseen") if shared else ("train", "validation", "test")
    processes = {}
    for name, part in binned.processes.items():
        everything = _added(part.counts, [pool for pool in names if pool in part.counts])
        processes[name] = replace(part, counts={**part.counts, "test": everything})
    return replace(binned, processes=processes)


def fold_counts(part: ProcessPools) -> tuple[Counts, ...]:
    """Events per bin of each fold of a process, shape (bins,) each."""
    folds = (fold_name(k) for k in range(len(part.counts)))
    return tuple(part.counts[name] for name in folds if name in part.counts)


def by_fold(
    candidates: Sequence[Candidate],
) -> Iterator[tuple[int | None, tuple[Candidate, ...]]]:
    """Classifiers of the same fold together, the first fold first; None for one split."""
    numbers = {candidate.fold for candidate in candidates}
    for fold in sorted(numbers, key=lambda number: -1 if number is None else number):
        yield fold, tuple(c for c in candidates if c.fold == fold)


def teams(candidates: Sequence[Candidate]) -> tuple[tuple[Candidate, ...], ...]:
    """Classifiers that score every event together: of each point and repeat that of every fold.

    Of a search the best of each fold; where one has failed, the next repeat takes its place and the
    last team lacks that fold.
    """
    found: dict[tuple[str, int], list[Candidate]] = {}
    for _, those in by_fold(candidates):
        place: dict[str, int] = {}
        for candidate in sorted(those, key=lambda c: int(c.row["repeat"])):
            point = str(candidate.row["point"])
            place[point] = place.get(point, -1) + 1
            found.setdefault((point, place[point]), []).append(candidate)
    return tuple(tuple(team) for team in found.values())
