"""Events that were read twice: equal contents in different files or ranges, beyond chance.

Poor events (one number, or nothing but counts) are alike by chance, so an event is compared with
those that tell as much, and repeats count only where chance cannot give as many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from rayscan.arrays import Flags, Integers
from rayscan.errors import RepeatedEventsError

_STRATA = (60, 40, 20)
"""Bits from which events are compared, the richest first: among 10^8 events of 60 bits one pair in
two hundred such scans is alike by chance; the hash itself has 64."""

# Bits are measured as if branches were independent: ten times as many by chance are allowed for.
_ALLOWANCE = 10.0
_CHANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the selected events of one file are known by, each of shape (E,).

    Their entries in the file, hashes of what they hold, and how many bits that tells.
    """

    entries: Integers
    hashes: npt.NDArray[np.uint64]
    bits: npt.NDArray[np.uint8]


def compared(files: Mapping[str, Known]) -> int:
    """How many events tell enough to be compared."""
    return sum(int((file.bits >= _STRATA[-1]).sum()) for file in files.values())


def repeats(files: Mapping[str, Known]) -> tuple[RepeatedEventsError, ...]:
    """Every pair of files (or a file with itself) that holds events of each other.

    The files by the name that messages have for them.
    """
    names, seen = list(files), 0
    for bits in _STRATA:
        rich = [file.bits >= bits for file in files.values()]
        sizes = [int(some.sum()) for some in rich]
        if sum(sizes) == seen:  # none that was not compared before
            continue
        seen = sum(sizes)
        hashes = [file.hashes[some] for file, some in zip(files.values(), rich, strict=True)]
        ordered = np.sort(np.concatenate(hashes))
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(twice):
            continue
        chance = [
            float(np.exp2(-file.bits[some].astype(np.float64)).sum())
            for file, some in zip(files.values(), rich, strict=True)
        ]
        found = tuple(
            RepeatedEventsError(first=names[a], second=names[b], events=count, entries=entries)
            for (a, b), (count, entries) in _pairs(list(files.values()), rich, twice).items()
            if pdtrc(count - 1, _ALLOWANCE * _expected(sizes, chance, a, b)) < _CHANCE
        )
        if found:
            return found
    return ()


def _expected(sizes: Sequence[int], chance: Sequence[float], a: int, b: int) -> float:
    """Pairs of events of two files that are alike by chance: n_a n_b times the mean of 2^-bits."""
    if a == b:
        return sizes[a] * chance[a] / 2
    return sizes[a] * sizes[b] * (chance[a] + chance[b]) / (sizes[a] + sizes[b])


def _pairs(
    files: Sequence[Known], rich: Sequence[Flags], twice: npt.NDArray[np.uint64]
) -> dict[tuple[int, int], tuple[int, tuple[int, int]]]:
    """Pairs of files -> events of the second that an earlier one held, and the first of them."""
    first: dict[int, tuple[int, int]] = {}
    counts: Counter[tuple[int, int]] = Counter()
    where: dict[tuple[int, int], tuple[int, int]] = {}
    for index, (file, some) in enumerate(zip(files, rich, strict=True)):
        rows = np.flatnonzero(some)
        rows = rows[np.isin(file.hashes[rows], twice)]
        told = zip(file.hashes[rows].tolist(), file.entries[rows].tolist(), strict=True)
        for content, entry in told:
            if content not in first:
                first[content] = (index, entry)
                continue
            other, earlier = first[content]
            counts[other, index] += 1
            where.setdefault((other, index), (earlier, entry))
    return {pair: (counts[pair], where[pair]) for pair in sorted(counts)}
