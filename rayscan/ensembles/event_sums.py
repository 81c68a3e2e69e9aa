"""Sums of a per-event number over events picked at random, for scores of single events.

Letters: N histograms, E events of the pool.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.tabulated import Successes

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
    few = (drawn < FEW_EVENTS) | (drawn < RARE_EVENTS * size)
    sums = np.empty(len(totals))
    for i in np.flatnonzero(few):
        sums[i] = values[rng.choice(size, int(drawn[i]), replace=False, shuffle=False)].sum()
    many = np.flatnonzero(~few)
    if len(many):
        most = int(drawn[many].max())
        successes = Successes(min((most + 3 * np.sqrt(most)) / size, 0.75))
        for i in many:
            sums[i] = _thinned(rng, values, int(drawn[i]), successes)
    return np.where(leave, values.sum() - sums, sums)


def _thinned(rng: np.random.Generator, values: Floats, n: int, successes: Successes) -> float:
    """Sum over n events: each taken by chance, the surplus put back, all over again if too few."""
    places = successes.places(rng, len(values))
    while len(places) < n:
        places = successes.places(rng, len(values))
    picked = values[places]
    back = rng.choice(len(picked), len(picked) - n, replace=False, shuffle=False)
    return float(picked.sum() - picked[back].sum())


def _blocks(totals: Integers) -> list[slice]:
    """Runs of histograms with about two million events together."""
    number = np.cumsum(totals) // EVENTS_AT_ONCE
    edges = np.flatnonzero(np.diff(number)) + 1
    bounds = [0, *edges.tolist(), len(totals)]
    return [slice(a, b) for a, b in pairwise(bounds) if b > a]
