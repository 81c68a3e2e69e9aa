"""Sums of a per-event number over events picked at random, for scores of single events.

Letters: N histograms, E events of the pool.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.hypergeometric import successes

Integers: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

EVENTS_AT_ONCE = 2_000_000
FEW_EVENTS = 1000
RARE_EVENTS = 0.02
"""Below this many events, or this share of the pool, numpy's own choice is the faster way."""


def sums_with_replacement(rng: np.random.Generator, values: Floats, totals: Integers) -> Floats:
    """Sum of ``totals`` independent picks, for each histogram.

    Args:
        rng: Source of randomness.
        values: Number of each pool event, shape (E,).
        totals: Events of each histogram, shape (N,).

    Returns:
        Shape (N,).
    """
    out = np.zeros(len(totals))
    for rows in _blocks(totals):
        picks = values[rng.integers(0, len(values), int(totals[rows].sum()))]
        owner = np.repeat(np.arange(len(totals[rows])), totals[rows])
        out[rows] = np.bincount(owner, weights=picks, minlength=len(totals[rows]))
    return out


def sums_without_replacement(rng: np.random.Generator, values: Floats, totals: Integers) -> Floats:
    """Sum over ``totals`` different events, every such set equally likely, for each histogram.

    Where many events are picked, each event is first taken with a probability that gives a few
    too many; the surplus is put back at random. Any set of the wanted size is then equally likely
    whatever the surplus was, and a histogram that came out short is simply done again.

    Args:
        rng: Source of randomness.
        values: Number of each pool event, shape (E,).
        totals: Events of each histogram, at most E, shape (N,).

    Returns:
        Shape (N,).
    """
    size = len(values)
    # Picking n of E is leaving out E - n: the smaller set is drawn.
    leave = 2 * totals > size
    drawn = np.where(leave, size - totals, totals)
    many = (drawn >= FEW_EVENTS) & (drawn >= RARE_EVENTS * size)
    sums = np.empty(len(totals))
    for i in np.flatnonzero(~many):
        sums[i] = values[rng.choice(size, int(drawn[i]), replace=False, shuffle=False)].sum()
    pending = np.flatnonzero(many)
    while len(pending):
        short = [pending[rows] for rows in _blocks(drawn[pending])]
        pending = np.concatenate([rows[_thin(rng, values, drawn, rows, sums)] for rows in short])
    return np.where(leave, values.sum() - sums, sums)


def _thin(
    rng: np.random.Generator, values: Floats, drawn: Integers, rows: Integers, sums: Floats
) -> npt.NDArray[np.bool_]:
    """Fill the sums of some rows; tells which came out short and must be done again."""
    size, most = len(values), int(drawn[rows].max())
    probability = min((most + 3 * np.sqrt(most)) / size, 0.75)
    row, event = np.divmod(successes(rng, len(rows) * size, probability), size)
    found = np.bincount(row, minlength=len(rows))
    picked = values[event]
    total = np.bincount(row, weights=picked, minlength=len(rows))
    starts = np.cumsum(found) - found
    surplus = found - drawn[rows]
    for i in np.flatnonzero(surplus >= 0):
        back = rng.choice(int(found[i]), int(surplus[i]), replace=False, shuffle=False)
        sums[rows[i]] = total[i] - picked[starts[i] + back].sum()
    return surplus < 0


def _blocks(totals: Integers) -> list[slice]:
    """Runs of histograms with about two million events together."""
    number = np.cumsum(totals) // EVENTS_AT_ONCE
    edges = np.flatnonzero(np.diff(number)) + 1
    bounds = [0, *edges.tolist(), len(totals)]
    return [slice(a, b) for a, b in pairwise(bounds) if b > a]
