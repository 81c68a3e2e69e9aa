"""Pools: the events of one process, split by who they are, never by where they were read.

E events.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Flags, Floats, Integers
from rayscan.errors import WeightError
from rayscan.events.weights import Weights

PoolName = Literal["train", "validation", "test", "unseen"]
_NAMES: tuple[PoolName, ...] = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """How the events of each process are shared between training, validation and test.

    Attributes:
        train: Share of the events to train on.
        validation: Share of the events to stop training and to tune on; may be 0.
        test: Share of the events every result is measured on.
        split: ``events``: disjoint pools. ``histograms``: the published procedure, one pool for
            all, so that training and test share events; only to measure its optimism, on the share
            ``test`` of the events, which is kept out of it.
        min_pool_count: Cells with fewer background events than this in the pool are merged; 0
            keeps every cell.
        folds: Number K of equal folds, at least 3; 0: one split. With folds there are K networks in
            place of one, and network k is tested on fold k, stopped on fold k + 1 and trained on
            the others: each event is tested by a network that never saw it.
    """

    train: float = 0.64
    validation: float = 0.16
    test: float = 0.20
    split: Literal["events", "histograms"] = "events"
    min_pool_count: int = 0
    folds: int = 0

    def __post_init__(self) -> None:
        if self.folds:
            self._of_folds()
        for name in _NAMES:
            share, least = getattr(self, name), "at least 0" if name == "validation" else "above 0"
            if not 0 <= share <= 1 or (share == 0 and name != "validation"):
                raise ValueError(f"{name}: {share}, expected a share {least} and at most 1")
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test: {total:g}, expected shares that sum to 1")
        if self.min_pool_count < 0:
            raise ValueError(f"min_pool_count: {self.min_pool_count}, expected at least 0")

    def _of_folds(self) -> None:
        """Set the shares that folds make; nobody else may."""
        least, most = FOLDS
        if not least <= self.folds <= most:
            raise ValueError(f"folds: {self.folds}, expected 0 (one split) or {least} to {most}")
        if self.split == "histograms":
            raise ValueError(
                f"folds: {self.folds}, but with 'split: histograms' all pools are one; leave out "
                "one of the two"
            )
        ours = ((self.folds - 2) / self.folds, 1 / self.folds, 1 / self.folds)
        given = (self.train, self.validation, self.test)
        if given not in {(0.64, 0.16, 0.20), ours}:
            raise ValueError(
                f"folds: {self.folds} make the shares train {ours[0]:.3g}, validation and test "
                f"{ours[1]:.3g}; leave out the shares, or the folds"
            )
        for name, share in zip(_NAMES, ours, strict=True):
            object.__setattr__(self, name, share)

    @property
    def numbers_of(self) -> dict[str, tuple[int, ...]]:
        """Each pool, or each fold by its `fold_name`, and which numbers of `split` it holds.

        The pools of the published procedure are one, all but the test events of disjoint pools;
        those are the pool ``unseen``.
        """
        if self.folds:
            return {fold_name(k): (k,) for k in range(self.folds)}
        if self.split == "histograms":
            return {**dict.fromkeys(_NAMES, (0, 1)), "unseen": (2,)}
        return {name: (k,) for k, name in enumerate(_NAMES)}

    @property
    def numbers(self) -> tuple[int, ...] | tuple[None]:
        """The number of each fold; None alone for one split."""
        return tuple(range(self.folds)) if self.folds else (None,)


def uniform(process: str, file: str, entry: npt.ArrayLike, *, seed: int, salt: str) -> Floats:
    """A number in [0, 1) for each event of a file, (E,), that depends on who the event is alone.

    The splitmix64 generator (Steele, Lea, Flood, OOPSLA 2014) started at a 64-bit key of (seed,
    salt, process, file) and read at position ``entry``, the entry of the event in its file. The
    salt says what the number is for: different purposes give independent numbers.
    """
    state = np.asarray(entry, dtype=np.int64).astype(np.uint64)
    state += np.uint64(1)
    state *= np.uint64(0x9E3779B97F4A7C15)
    state += np.uint64(_key(seed, salt, process, file))
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    numbers: Floats = (state >> np.uint64(11)) * np.float64(2.0**-53)
    return numbers


FOLDS = (3, 100)
"""Fewest and most folds."""


def fold_name(fold: int) -> str:
    """What the events of a fold are called."""
    return f"fold {fold}"


def pools_of_fold(fold: int, folds: int) -> dict[PoolName, tuple[str, ...]]:
    """Names of the folds that are the pools of the network of one fold.

    >>> pools_of_fold(3, 4)
    {'train': ('fold 1', 'fold 2'), 'validation': ('fold 0',), 'test': ('fold 3',)}
    """
    after = (fold + 1) % folds
    others = (k for k in range(folds) if k not in {fold, after})
    return {
        "train": tuple(fold_name(k) for k in others),
        "validation": (fold_name(after),),
        "test": (fold_name(fold),),
    }


def split(process: str, file: str, entry: npt.ArrayLike, pools: Pools, *, seed: int) -> Integers:
    """For each event of a file, (E,), its fold, or its place in train, validation and test.

    The same event lands in the same pool however its file was sliced; `Pools.numbers_of` says which
    of these numbers are in a pool.
    """
    if pools.folds:
        folds = uniform(process, file, entry, seed=seed, salt="fold") * pools.folds
        return folds.astype(np.int64)
    numbers = uniform(process, file, entry, seed=seed, salt="pool")
    after = numbers >= pools.train
    return np.add(after, numbers >= pools.train + pools.validation, dtype=np.int64)


def unweight(
    weights: Floats, process: str, file: str, entry: npt.ArrayLike, *, maximum: float, seed: int
) -> Flags:
    """Which events of a file, (E,), are kept, with probability proportional to their weight.

    By rejection: an event is kept if its number in [0, 1) is below weight / maximum and then has
    weight ``maximum``, so every weighted sum is reproduced on average.

    Args:
        weights: Weight of each event, shape (E,).
        process: Process of the events.
        file: Short name of their file.
        entry: Their entries in it, shape (E,).
        maximum: `maximum_of` the weights of the whole process.
        seed: Root seed.

    Raises:
        WeightError: A weight is above the maximum.
    """
    if weights.max(initial=0.0) > maximum:
        raise WeightError(process=process, why=_no_maximum(float(weights.max()), maximum))
    if np.all(weights == maximum):
        return np.ones(len(weights), dtype=np.bool_)
    return uniform(process, file, entry, seed=seed, salt="unweight") * maximum < weights


def maximum_of(weights: Weights, process: str) -> float:
    """The weight that every event of a process has after `unweight`: the largest of all.

    Raises:
        WeightError: A weight is negative, zero for all, or not a number.
    """
    top, why = weights.largest, ""
    if weights.unknown:
        why = f"{weights.unknown} event weights are not finite numbers; remove the file"
    elif weights.negative:
        why = (
            f"{weights.negative} of {weights.events} event weights are negative, and no event can "
            "be drawn with a negative probability; use a leading-order sample, or one with "
            "positive weights"
        )
    elif (weights.events and top == 0) or not math.isfinite(top):
        why = _no_maximum(top, top)
    if why:
        raise WeightError(process=process, why=why)
    return top


def _no_maximum(largest: float, maximum: float) -> str:
    return (
        f"the largest event weight is {largest:g} and the maximum {maximum:g}; at least one "
        "weight must be above 0 and none above the maximum"
    )


def _key(seed: int, salt: str, process: str, file: str) -> int:
    text = json.dumps([seed, salt, process, file]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
