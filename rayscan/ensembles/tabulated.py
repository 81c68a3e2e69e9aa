"""Random whole numbers from a table of 65,536 slots, with a remainder that keeps them exact."""

from __future__ import annotations

import numpy as np

from rayscan.arrays import AnyIntegers, Counts, Floats, Integers

SLOTS = 65536
REACH = 9.5
"""Standard deviations (plus 20 counts) beyond which a binomial is cut off: a probability below
1e-18, far under the rounding of the probabilities themselves."""
LONGEST_GAP = 5000
"""Gaps that can be longer than this are left to numpy: their table would be mostly remainder."""


def count_type(largest: int) -> type[np.uint16 | np.uint32]:
    """The unsigned type of counts of at most ``largest``: 16 bits if they do."""
    return np.uint16 if largest <= np.iinfo(np.uint16).max else np.uint32


def binomial(trials: int, probability: float) -> tuple[int, Floats]:
    """The smallest value and the probabilities of a binomial, on the range that differs from zero.

    Built by the ratio of neighbouring terms outwards from the mode, so that the relative error of a
    term grows with its distance from the mode only, not with the number of trials. They add up to
    1; the probability of a success is strictly between 0 and 1.

    >>> binomial(2, 0.5)
    (0, array([0.25, 0.5 , 0.25]))
    """
    reach = REACH * np.sqrt(trials * probability * (1 - probability)) + 20
    mode = min(int((trials + 1) * probability), trials)
    low, high = max(0, int(mode - reach)), min(trials, int(mode + reach) + 1)
    odds = probability / (1 - probability)
    above = np.arange(mode, high)
    below = np.arange(mode, low, -1)
    up = np.cumprod((trials - above) / (above + 1) * odds)
    down = np.cumprod(below / ((trials - below + 1) * odds))
    terms = np.concatenate([down[::-1], [1.0], up])
    return low, terms / terms.sum()


class Table:
    """A distribution of whole numbers from ``low`` ready to fill arrays, at a few ns a number.

    Each value owns floor(65536 p) of the 65,536 slots. What the rounding leaves over is a
    distribution of its own, drawn by inversion in the few slots nobody owns, so the mixture of the
    two is the distribution itself and not a 16-bit approximation of it.
    """

    __slots__ = ("_multiplicity", "_owned", "_remainder", "_values", "high")

    def __init__(self, low: int, terms: Floats) -> None:
        exact = terms * SLOTS
        self.high = low + len(terms) - 1
        self._multiplicity = exact.astype(np.int64)
        self._owned = int(self._multiplicity.sum())
        self._remainder = np.cumsum(exact - self._multiplicity)
        self._values: Counts = np.arange(low, self.high + 1, dtype=count_type(self.high))

    def fill(self, rng: np.random.Generator, out: Counts) -> None:
        """Fill a one-dimensional array with independent numbers."""
        words = rng.integers(0, 2**64, (out.size + 3) // 4, dtype=np.uint64)
        slot = words.view(np.uint16)[: out.size]
        # Rebuilding the 128 kB from the multiplicities costs 3 us; keeping it for a thousand bins
        # would cost the cache more, and 100 MB.
        table = np.repeat(self._values, self._multiplicity)
        np.take(table.astype(out.dtype, copy=False), slot, out=out, mode="clip")
        if self._owned < SLOTS:
            free = np.flatnonzero(slot >= self._owned)
            level = rng.random(free.size) * self._remainder[-1]
            place = np.searchsorted(self._remainder, level, side="right")
            out[free] = self._values[np.minimum(place, len(self._values) - 1)]


class Successes:
    """Places of the successes among independent trials, at a cost that follows the successes."""

    __slots__ = ("_probability", "_table")

    def __init__(self, probability: float) -> None:
        self._probability = probability
        # Cut off where a gap has a chance of 1e-18, as the binomials are.
        longest = int(np.ceil(-41.5 / np.log1p(-probability)))
        self._table: Table | None = None
        if longest <= LONGEST_GAP:
            terms = probability * (1 - probability) ** np.arange(longest)
            self._table = Table(1, terms / terms.sum())

    def places(self, rng: np.random.Generator, trials: int) -> Integers:
        """Places from 0 to ``trials`` - 1 that succeeded, ascending."""
        found, last, more = [], -1, True
        while more:
            expected = (trials - last) * self._probability
            gaps = self._gaps(rng, int(expected + 4 * np.sqrt(expected)) + 16)
            places = last + np.cumsum(gaps, dtype=np.int64)
            inside = int(np.searchsorted(places, trials))
            found.append(places[:inside])
            more, last = inside == len(places), int(places[-1])
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _gaps(self, rng: np.random.Generator, number: int) -> AnyIntegers:
        if self._table is None or number < SLOTS // 16:
            return rng.geometric(self._probability, number)
        gaps = np.empty(number, dtype=np.uint16)
        self._table.fill(rng, gaps)
        return gaps
