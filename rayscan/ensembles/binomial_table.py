"""Binomial numbers from a table of 65,536 slots, with a remainder that keeps them exact."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.unsignedinteger]

SLOTS = 65536
REACH = 9.5
"""Standard deviations (plus 20 counts) beyond which a binomial is cut off: a probability below
1e-18, far under the rounding of the probabilities themselves."""


def binomial(trials: int, probability: float) -> tuple[int, Floats]:
    """The binomial distribution on the range that can be told from zero.

    Built by the ratio of neighbouring terms outwards from the mode, so that the relative error of a
    term grows with its distance from the mode only, not with the number of trials.

    Args:
        trials: At least 0.
        probability: Strictly between 0 and 1.

    Returns:
        The smallest value, and the probabilities of it and the following ones (they add up to 1).

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


class BinomialTable:
    """A binomial distribution ready to fill arrays, at a few ns a number.

    Each value owns floor(65536 p) of the 65,536 slots. What the rounding leaves over is a
    distribution of its own, drawn by inversion in the few slots nobody owns, so the mixture of the
    two is the binomial itself and not a 16-bit approximation of it.
    """

    __slots__ = ("_multiplicity", "_owned", "_remainder", "_values")

    def __init__(self, trials: int, probability: float) -> None:
        low, terms = binomial(trials, probability)
        exact = terms * SLOTS
        self._multiplicity = exact.astype(np.int64)
        self._owned = int(self._multiplicity.sum())
        self._remainder = np.cumsum(exact - self._multiplicity)
        kind = np.uint16 if low + len(terms) <= SLOTS else np.uint32
        self._values: Counts = np.arange(low, low + len(terms), dtype=kind)

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
            out[free] = self._invert(rng.random(free.size))

    def _invert(self, uniform: Floats) -> Counts:
        place = np.searchsorted(self._remainder, uniform * self._remainder[-1], side="right")
        values: Counts = self._values[np.minimum(place, len(self._values) - 1)]
        return values
