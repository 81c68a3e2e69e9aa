"""What an event holds: a hash it is known by in any file, and values that nothing can have.

E events, N objects of one collection. Copies of a file, jobs with one seed and merged files beside
their parts hold equal events under other names, so an event is known by all leaf branches that were
read of it, bit by bit, whatever it weighs and wherever it lies.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Flags, Integers
from rayscan.events.flat import Leaf
from rayscan.events.reconstruction import LEAVES

_Words = npt.NDArray[np.uint64]
_Values = npt.NDArray[Any]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))  # MurmurHash3's finaliser
_SHIFT = np.uint64(32)

_SAMPLE = 4096
_FLOAT_BITS = 23.0
"""What a float32 tells at most: its mantissa."""
_FEW = 8
_MISSING = "MissingET"

# Inclusive ranges of the properties that are read. A jet's mass may be slightly negative by
# rounding; sentinels such as -999 lie outside of all.
_POSSIBLE = {"pt": (0.0, 1e6), "eta": (-100.0, 100.0), "phi": (-7.0, 7.0), "mass": (-100.0, 1e6)}
_LARGEST = float(np.finfo(np.float32).max)
_RANGES = {
    branch: _POSSIBLE.get(name, (-_LARGEST, _LARGEST))
    for properties in LEAVES.values()
    for name, branch in properties.items()
}


def broken(read: Mapping[str, Leaf]) -> dict[str, Flags]:
    """Which events have a value that is not finite or impossible, (E,), by leaf branch with such.

    Impossible: a negative transverse momentum, one above 10^6 GeV, an angle outside [-7, 7], a
    pseudorapidity beyond 100. An object that is absent is no value: it is not in the list.
    """
    found = {}
    for name, leaf in read.items():
        if leaf.values.dtype.kind != "f" or not leaf.values.size:
            continue
        low, high = _RANGES.get(name, (-_LARGEST, _LARGEST))
        # NaN goes through minimum and maximum and compares as False.
        if leaf.values.min() >= low and leaf.values.max() <= high:
            continue
        bad = ~((leaf.values >= low) & (leaf.values <= high))
        objects = bad if bad.ndim == 1 else bad.any(axis=1)
        event = np.repeat(np.arange(len(leaf.counts)), leaf.counts)
        found[name] = np.bincount(event[objects], minlength=len(leaf.counts)) > 0
    return found


def known(read: Mapping[str, Leaf], events: int) -> tuple[_Words, npt.NDArray[np.uint8]]:
    """Hash of all that was read of each event, and how much that tells.

    Args:
        read: Leaf branches, without the weights: an event that is weighted anew is the same.
        events: E.

    Returns:
        Hashes, shape (E,), which depend on the event alone and not on its slice; and bits, shape
        (E,): two different events of this slice are alike with a probability of 2^-bits. It is
        measured: for each branch, how often two objects share its value; a float counts as 23 bits
        at most, branches count as independent. Momenta may balance (at parton level they do): of
        objects of one kind all but the first count half, and the missing momentum only where it
        tells more than all of them.
    """
    hashes = np.zeros(events, dtype=np.uint64)
    bits = np.zeros(events)
    missing = np.zeros(events)
    for collection, names in _collections(read).items():
        words, floats = [], []
        for name in names:
            own = _words(read[name].values)
            words += own
            floats += [read[name].values.dtype.kind == "f"] * len(own)
        objects = _hashed(words, zlib.crc32(collection.encode()))
        counts = read[names[0]].counts
        some = np.flatnonzero(counts)
        if not len(some):
            continue
        first = np.cumsum(counts)[some] - counts[some]
        # A sum: objects come in the same order in equal events, so order tells nothing more.
        hashes[some] += np.add.reduceat(objects, first)
        told = missing if collection == _MISSING else bits
        told[some] += (1 + counts[some]) / 2 * _bits(words, floats, first)
    bits = np.maximum(bits, missing)
    return hashes, np.minimum(bits, 255).astype(np.uint8)


def _collections(read: Mapping[str, Leaf]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in sorted(read):
        found.setdefault(name.partition(".")[0], []).append(name)
    return found


def _words(values: _Values) -> list[npt.NDArray[np.uint32]]:
    """The values as 32-bit words, alike for wider types of the same values."""
    kind = np.float32 if values.dtype.kind == "f" else np.int32
    same = values.astype(kind, copy=False)
    columns = [same] if same.ndim == 1 else same.T
    return [np.ascontiguousarray(column).view(np.uint32) for column in columns]


def _hashed(words: list[npt.NDArray[np.uint32]], start: int) -> _Words:
    """One word of 64 bits for each object, shape (N,)."""
    state = np.full(len(words[0]), start, dtype=np.uint64)
    for word in words:
        state ^= word
        state *= _ODD
        state ^= state >> _SHIFT
    for factor in _MIX:
        state *= factor
        state ^= state >> _SHIFT
    return state


def _bits(words: list[npt.NDArray[np.uint32]], floats: list[bool], first: Integers) -> float:
    """Bits that one object tells, from the first ones of a sample of events."""
    sample = first[:: -(-len(first) // _SAMPLE)]
    return sum(
        _column_bits(np.sort(word[sample]), is_float=is_float)
        for word, is_float in zip(words, floats, strict=True)
    )


def _column_bits(ordered: npt.NDArray[np.uint32], *, is_float: bool) -> float:
    pairs = len(ordered) * (len(ordered) - 1) / 2
    if not pairs:
        return 0.0
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    if len(starts) == len(ordered):
        # None alike: a float is taken for continuous unless there are too few to say.
        return _FLOAT_BITS if is_float and len(ordered) >= _FEW else np.log2(pairs)
    runs = np.diff(np.append(starts, len(ordered))).astype(np.float64)
    return float(np.log2(pairs / (runs * (runs - 1) / 2).sum()))
