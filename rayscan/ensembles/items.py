"""Items: sets of N events of one mixture, by the places of their events in the pools.

Letters: n items, N events of each. Places count through the pools of the backgrounds, one after the
other, then through that of the signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Integers
from rayscan.ensembles.draw import Method
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.totals import Totals

Places = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ItemEnsembles:
    """Items of one mixture, whose totals are fixed.

    Attributes:
        backgrounds: Events of each background pool.
        shares: Yield of each background, adding up to 1.
        signal: Events of the signal pool.
        mixture: Events of an item.
        method: ``without_replacement``: no event twice in an item; else as if pools had no end.

    Raises:
        PoolExhaustedError: An item needs more events than a pool has.
        ValueError: Totals are not fixed.
    """

    backgrounds: tuple[int, ...]
    shares: tuple[float, ...]
    signal: int
    mixture: Mixture
    method: Method = "without_replacement"
    _starts: Integers = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.method == "poisson" or self.mixture.totals == "poisson":
            raise ValueError("totals: poisson, but all items have equal numbers of events")
        starts = np.cumsum([0, *self.backgrounds])
        object.__setattr__(self, "_starts", starts)
        if self.method == "without_replacement":
            names = tuple(f"background {k + 1}" for k in range(len(self.backgrounds)))
            self._totals(self.mixture.null_total).check(names, np.array(self.backgrounds))
            own = Totals(events=self.mixture.signal, shares=np.ones(1), poisson=False)
            own.check(("signal",), np.array([self.signal]))

    def null(self, rng: np.random.Generator, items: int) -> Places:
        """Items of class 0, in any order, shape (n, N)."""
        return self._background(rng, items, self.mixture.null_total)

    def alternative(self, rng: np.random.Generator, items: int) -> Places:
        """Items of class 1, the S signal events in the last places, shape (n, N)."""
        background = self._background(rng, items, self.mixture.background)
        signal = np.empty((items, self.mixture.signal), np.int32)
        for row in signal:
            row[:] = self._starts[-1] + self._picked(rng, self.signal, len(row))
        return np.hstack([background, signal])

    def _background(self, rng: np.random.Generator, items: int, events: int) -> Places:
        found = np.empty((items, events), np.int32)
        numbers = self._totals(events).draw(rng, items)
        for row, each in zip(found, numbers, strict=True):
            first = 0
            for start, size, number in zip(self._starts, self.backgrounds, each, strict=False):
                row[first : first + number] = start + self._picked(rng, size, int(number))
                first += number
        return rng.permuted(found, axis=1, out=found)

    def _totals(self, events: int) -> Totals:
        return Totals(events=events, shares=np.array(self.shares), poisson=False)

    def _picked(self, rng: np.random.Generator, size: int, number: int) -> Integers:
        if self.method == "without_replacement":
            return rng.choice(size, number, replace=False, shuffle=False)
        return rng.integers(size, size=number)


def labelled(
    several: Sequence[ItemEnsembles], rng: np.random.Generator, items: int, *, shuffled: bool
) -> tuple[Places, Integers]:
    """Items of both classes in turn, each of one of some mixtures at random.

    Args:
        several: The mixtures, of equal totals.
        rng: The stream.
        items: Of each class.
        shuffled: Whether rows are in random order, or signal last.

    Returns:
        Places (2 items, N) and labels (2 items,).
    """
    numbers = rng.multinomial(items, np.full(len(several), 1 / len(several)))
    draws = [(each, int(n)) for each, n in zip(several, numbers, strict=True) if n]
    null = np.concatenate([each.null(rng, n) for each, n in draws])
    alternative = np.concatenate([each.alternative(rng, n) for each, n in draws])
    places = np.stack([null, alternative], axis=1).reshape(2 * items, -1)
    if shuffled:
        rng.permuted(places, axis=1, out=places)
    return places, np.tile(np.arange(2), items)
