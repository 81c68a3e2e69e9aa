"""Events that were read twice: equal contents in different files or ranges, beyond chance.

Poor events (one number, or nothing but counts) are alike by chance, so an event is compared with
those that tell as much, and repeats count only where chance cannot give as many. A reduction: equal
events fall into one range of hashes, each range is searched alone, and what is found adds up.
E events, S strata, K pairs of files in one stratum.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import pdtrc

from rayscan.arrays import Flags, Floats, Integers
from rayscan.errors import RepeatedEventsError

_STRATA = (60, 40, 20)
"""Bits from which events are compared, the richest first: among 10^8 events of 60 bits one pair in
two hundred such scans is alike by chance; the hash itself has 64."""

# Bits are measured as if branches were independent: ten times as many by chance are allowed for.
_ALLOWANCE = 10.0
_CHANCE = 1e-6

_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Known:
    """What selected events are known by, each of shape (E,).

    Indices of their files, their entries there, hashes of what they hold, and how many bits that
    tells.
    """

    files: npt.NDArray[np.int32]
    entries: Integers
    hashes: npt.NDArray[np.uint64]
    bits: npt.NDArray[np.uint8]

    def __getitem__(self, rows: slice | Flags | Integers) -> Known:
        """Some of the events."""
        return Known(self.files[rows], self.entries[rows], self.hashes[rows], self.bits[rows])

    @classmethod
    def joined(cls, several: Sequence[Known]) -> Known:
        """The events of all, in order."""
        columns = zip(*((k.files, k.entries, k.hashes, k.bits) for k in several), strict=True)
        return cls(*map(np.concatenate, columns))

    @property
    def comparable(self) -> Known:
        """Those that tell enough to be compared."""
        return self[self.bits >= _STRATA[-1]]

    def cut(self, ranges: int) -> list[Known]:
        """By ranges of hashes, equally long ones."""
        which = ((self.hashes >> _HALF) * np.uint64(ranges) >> _HALF).astype(np.uint16)
        ordered = self[np.argsort(which, kind="stable")]
        edges = np.cumsum([0, *np.bincount(which, minlength=ranges)])
        return [ordered[a:b] for a, b in itertools.pairwise(edges)]


def told(bits: npt.NDArray[np.uint8]) -> Floats:
    """Events of each stratum, and the sum of their 2^-bits, of events of these bits; (S, 2)."""
    counts = np.bincount(bits, minlength=256)
    sums = np.exp2(-np.arange(256.0)) * counts
    return np.array([(counts[least:].sum(), sums[least:].sum()) for least in _STRATA])


def alike(pieces: Sequence[Known]) -> Integers:
    """Pairs of equal events of one range of hashes, all of whose events these pieces hold.

    Returns:
        Shape (6, K): stratum, file that held the events first, file that repeats them, the first
        entry repeated there and where the other file has it, and how many there are.
    """
    hashes = np.concatenate([piece.hashes for piece in pieces])
    hashes.sort()
    twice = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    del hashes
    if not len(twice):
        return np.zeros((6, 0), dtype=np.int64)
    known = Known.joined([piece[_among(piece.hashes, twice)] for piece in pieces])
    known = known[np.lexsort((known.entries, known.files, known.hashes))]
    return merged(
        [_pairs(known[known.bits >= bits], stratum) for stratum, bits in enumerate(_STRATA)]
    )


def _among(hashes: npt.NDArray[np.uint64], ordered: npt.NDArray[np.uint64]) -> Flags:
    places = np.searchsorted(ordered, hashes)
    return np.asarray(ordered[np.minimum(places, len(ordered) - 1)] == hashes)


def _pairs(known: Known, stratum: int) -> Integers:
    """Each event that is equal to an earlier one, with the first of them, as `alike`; by hash."""
    again = known.hashes[1:] == known.hashes[:-1]
    rows = np.arange(len(known.hashes))
    first = np.maximum.accumulate(np.where(np.append(False, again), 0, rows))[1:][again]
    second = rows[1:][again]
    files, entries = known.files.astype(np.int64), known.entries
    level, one = np.full(len(first), stratum), np.ones(len(first), dtype=np.int64)
    return np.stack([level, files[first], files[second], entries[second], entries[first], one])


def merged(found: Sequence[Integers]) -> Integers:
    """Pairs of several ranges, each as `alike` gives it, as those of all."""
    pairs = np.concatenate(found, axis=1)
    if not pairs.size:
        return pairs
    pairs = pairs[:, np.lexsort(pairs[3::-1])]
    new = (pairs[:3, 1:] != pairs[:3, :-1]).any(axis=0)
    starts = np.flatnonzero(np.append(True, new))
    return np.vstack([pairs[:5, starts], np.add.reduceat(pairs[5], starts)])


def compared(told_of: Floats) -> int:
    """How many events tell enough to be compared; `told` of each file, (files, S, 2)."""
    return int(told_of[:, -1, 0].sum())


def repeats(
    names: Sequence[str], told_of: Floats, pairs: Integers
) -> tuple[RepeatedEventsError, ...]:
    """Every pair of files (or a file with itself) that holds events of each other.

    Args:
        names: Of the files, in messages.
        told_of: What is `told` of each file, shape (files, S, 2).
        pairs: `alike` of all hashes.
    """
    for stratum in range(len(_STRATA)):
        sizes, chance = told_of[:, stratum].T
        found = tuple(
            RepeatedEventsError(first=names[a], second=names[b], events=n, entries=(earlier, entry))
            for a, b, entry, earlier, n in pairs[1:, pairs[0] == stratum].T.tolist()
            if pdtrc(n - 1, _ALLOWANCE * _expected(sizes, chance, a, b)) < _CHANCE
        )
        if found:
            return found
    return ()


def _expected(sizes: Floats, chance: Floats, a: int, b: int) -> float:
    """Pairs of events of two files that are alike by chance: n_a n_b times the mean of 2^-bits."""
    if a == b:
        return float(sizes[a] * chance[a] / 2)
    return float(sizes[a] * sizes[b] * (chance[a] + chance[b]) / (sizes[a] + sizes[b]))
