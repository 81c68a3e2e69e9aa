"""Pools: the events of one process, split by who they are, never by where they were read.

E events.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayscan.arrays import Floats, Integers
from rayscan.errors import WeightError

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
    def numbers(self) -> tuple[int, ...] | tuple[None]:
        """The number of each fold; None alone for one split."""
        return tuple(range(self.folds)) if self.folds else (None,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unweighting:
    """What turning weighted events into unweighted ones cost.

    Attributes:
        kept: Events kept.
        of: Events there were.
        effective: Kish's effective size of the weighted sample, (sum w)^2 / sum w^2: the number of
            unweighted events that would carry the same statistical information.
        maximum: Weight every kept event has.
    """

    kept: int
    of: int
    effective: float
    maximum: float


def uniform(
    process: str,
    file: Sequence[str] | pa.Array | pa.ChunkedArray,
    entry: npt.ArrayLike,
    *,
    seed: int,
    salt: str,
) -> Floats:
    """A number in [0, 1) for each event, (E,), that depends on nothing but who the event is.

    The splitmix64 generator (Steele, Lea, Flood, OOPSLA 2014) started at a 64-bit key of (seed,
    salt, process, file) and read at position ``entry``, the entry of the event in its file. The
    salt says what the number is for: different purposes give independent numbers.
    """
    column = file if isinstance(file, (pa.Array, pa.ChunkedArray)) else pa.array(file, pa.string())
    names, codes = _encoded(column)
    keys = np.array([_key(seed, salt, process, name) for name in names], dtype=np.uint64)
    positions = np.asarray(entry, dtype=np.int64).astype(np.uint64)
    state = keys[codes] + (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    numbers: Floats = (state >> np.uint64(11)) * 2.0**-53
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


def split(table: pa.Table, pools: Pools, *, seed: int) -> dict[str, pa.Table]:
    """The events of each pool, in the order of the table.

    The same event lands in the same pool however its file was sliced.

    Returns:
        Pool -> event table. Disjoint, unless ``pools.split`` is ``histograms``: then each pool is
        all but the test events of disjoint pools, which are the pool ``unseen``. With
        ``pools.folds`` fold -> event table, by their `fold_name`.
    """
    if pools.folds:
        fold = np.floor(_uniform(table, seed=seed, salt="fold") * pools.folds)
        return {fold_name(k): table.filter(pa.array(fold == k)) for k in range(pools.folds)}
    numbers = _uniform(table, seed=seed, salt="pool")
    edges = np.array([pools.train, pools.train + pools.validation])
    pool = np.searchsorted(edges, numbers, side="right")
    if pools.split == "histograms":
        unseen = pool == _NAMES.index("test")
        shared = table.filter(pa.array(~unseen))
        return {**dict.fromkeys(_NAMES, shared), "unseen": table.filter(pa.array(unseen))}
    return {name: table.filter(pa.array(pool == k)) for k, name in enumerate(_NAMES)}


def unweight(
    table: pa.Table, *, process: str, seed: int, maximum: float | None = None
) -> tuple[pa.Table, Unweighting]:
    """Events drawn from weighted ones with probability proportional to their weight, by rejection.

    An event is kept if its number in [0, 1) is below weight / maximum and then has weight
    ``maximum``, so every weighted sum is reproduced on average.

    Args:
        table: Event table of one process: all of it, for the maximum is over what is given here.
        process: Its name, for messages.
        seed: Root seed.
        maximum: Weight of every kept event; the largest in the table where not given. Give that of
            the whole process to unweight a part of it.

    Returns:
        The kept events in their order (the table itself where all weights are equal), and the cost.

    Raises:
        WeightError: A weight is negative, zero for all, not a number, or above ``maximum``.
    """
    weights = table["weight"].to_numpy()
    top = _checked_maximum(weights, process, maximum)
    total, squares = float(weights.sum()), float((weights**2).sum())
    effective = total**2 / squares if squares else 0.0
    if not np.all(weights == top):
        kept = _uniform(table, seed=seed, salt="unweight") * top < weights
        table = table.filter(pa.array(kept))
        column = table.schema.get_field_index("weight")
        same = pa.array(np.full(table.num_rows, top))
        table = table.set_column(column, table.schema.field(column), same)
    cost = Unweighting(kept=table.num_rows, of=len(weights), effective=effective, maximum=top)
    return table, cost


def _checked_maximum(weights: Floats, process: str, maximum: float | None) -> float:
    largest, why = float(weights.max(initial=0.0)), ""
    top = largest if maximum is None else maximum
    if unknown := int((~np.isfinite(weights)).sum()):
        why = f"{unknown} event weights are not finite numbers; remove the file"
    elif negative := int((weights < 0).sum()):
        why = (
            f"{negative} of {len(weights)} event weights are negative, and no event can be drawn "
            "with a negative probability; use a leading-order sample, or one with positive weights"
        )
    elif largest > top or (len(weights) and top == 0) or not math.isfinite(top):
        why = (
            f"the largest event weight is {largest:g} and the maximum {top:g}; at least one "
            "weight must be above 0 and none above the maximum"
        )
    if why:
        raise WeightError(process=process, why=why)
    return top


def _uniform(table: pa.Table, *, seed: int, salt: str) -> Floats:
    names, codes = _encoded(table["process"])
    entry = table["entry"].to_numpy()
    out = np.empty(table.num_rows)
    for code, name in enumerate(names):
        rows = np.flatnonzero(codes == code)
        file = table["file"].take(pa.array(rows))
        out[rows] = uniform(name, file, entry[rows], seed=seed, salt=salt)
    return out


def _encoded(column: pa.Array | pa.ChunkedArray) -> tuple[list[str], Integers]:
    """The different strings of a column and the code of each row."""
    plain = column if not pa.types.is_dictionary(column.type) else pc.cast(column, pa.string())
    whole = plain.combine_chunks() if isinstance(plain, pa.ChunkedArray) else plain
    encoded = pc.dictionary_encode(whole)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _key(seed: int, salt: str, process: str, file: str) -> int:
    text = json.dumps([seed, salt, process, file]).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
