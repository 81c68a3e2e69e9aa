"""Sums of per-event numbers over events picked at random, for scores of single events.

Letters: N histograms, E events of the pool, K numbers of each event, one of each classifier: all
are summed over the same picks, which cost more than the sums.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rayscan.arrays import Floats, Integers
from rayscan.ensembles.tabulated import Successes

EVENTS_AT_ONCE = 2_000_000
FEW_EVENTS = 1000
RARE_EVENTS = 0.02
"""Below this many events, or this share of the pool, numpy's own choice is the faster way."""


def sums_with_replacement(rng: np.random.Generator, values: Floats, totals: Integers) -> Floats:
    """Sums over ``totals`` (N,) independent picks of values (E,) or (K, E): (N,) or (K, N)."""
    kinds = np.atleast_2d(values)
    out = np.zeros((len(kinds), len(totals)))
    for rows in _blocks(totals):
        picks = rng.integers(0, values.shape[-1], int(totals[rows].sum()))
        owner = np.repeat(np.arange(len(totals[rows])), totals[rows])
        for of_kind, numbers in zip(out, kinds, strict=True):
            of_kind[rows] = np.bincount(owner, weights=numbers[picks], minlength=len(totals[rows]))
    return out.reshape(*values.shape[:-1], len(totals))


def sums_without_replacement(rng: np.random.Generator, values: Floats, totals: Integers) -> Floats:
    """Sums over ``totals`` different events, every such set equally likely, for each histogram.

    Where many events are picked, each event is first taken with a probability that gives a few
    too many; the surplus is put back at random. Any set of the wanted size is then equally likely
    whatever the surplus was, and a histogram that came out short is simply done again. Shapes as of
    `sums_with_replacement`.
    """
    size = values.shape[-1]
    # Picking n of E is leaving out E - n: the smaller set is drawn.
    leave = 2 * totals > size
    drawn = np.where(leave, size - totals, totals)
    few = (drawn < FEW_EVENTS) | (drawn < RARE_EVENTS * size)
    sums = np.empty((*values.shape[:-1], len(totals)))
    for i in np.flatnonzero(few):
        places = rng.choice(size, int(drawn[i]), replace=False, shuffle=False)
        sums[..., i] = values.take(places, axis=-1).sum(axis=-1)
    many = np.flatnonzero(~few)
    if len(many):
        most = int(drawn[many].max())
        successes = Successes(min((most + 3 * np.sqrt(most)) / size, 0.75))
        for i in many:
            sums[..., i] = _thinned(rng, values, int(drawn[i]), successes)
    return np.where(leave, values.sum(axis=-1, keepdims=True) - sums, sums)


def _thinned(rng: np.random.Generator, values: Floats, n: int, successes: Successes) -> Floats:
    """Sums over n events: each taken by chance, the surplus put back, all again if too few."""
    size = values.shape[-1]
    places = successes.places(rng, size)
    while len(places) < n:
        places = successes.places(rng, size)
    picked = values.take(places, axis=-1)
    back = rng.choice(len(places), len(places) - n, replace=False, shuffle=False)
    sums: Floats = picked.sum(axis=-1) - picked.take(back, axis=-1).sum(axis=-1)
    return sums


def _blocks(totals: Integers) -> list[slice]:
    """Runs of histograms with about two million events together."""
    number = np.cumsum(totals) // EVENTS_AT_ONCE
    edges = np.flatnonzero(np.diff(number)) + 1
    bounds = [0, *edges.tolist(), len(totals)]
    return [slice(a, b) for a, b in pairwise(bounds) if b > a]
