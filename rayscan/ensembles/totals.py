"""How many events each pool gives to a histogram, and the exact moments that follow.

Letters: N histograms, P pools, bins = flat cells; s_p the share and pi_p the density of a pool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from rayscan.arrays import Floats, Integers
from rayscan.ensembles.nuisance import CUT, factor_moments, thetas
from rayscan.errors import PoolExhaustedError

RARE = 1e-12
"""Chance that one histogram asks a pool for more than it was checked for; drawing then raises."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """Numbers of events from each of several pools.

    Attributes:
        events: Events of a histogram, all pools together; its mean if ``poisson``.
        shares: Share of each pool, shape (P,), adding up to 1.
        poisson: Independent Poisson numbers, or exactly ``events`` split multinomially.
        scaled: How many of ``events`` are multiplied by a factor drawn for each histogram.
        relative: Relative uncertainty of that factor (1 + relative)^theta (nuisance.py).
    """

    events: int
    shares: Floats
    poisson: bool
    scaled: int = 0
    relative: float = 0.0

    @property
    def uncertain(self) -> bool:
        """Whether a nuisance changes the numbers from histogram to histogram."""
        return self.scaled > 0 and self.relative > 0

    @property
    def mean(self) -> float:
        """Mean number of events of a histogram, over the nuisance too."""
        if not self.uncertain:
            return self.events
        return self.events + self.scaled * (factor_moments(self.relative)[0] - 1)

    @property
    def spread(self) -> float:
        """Variance that the nuisance gives to the number of events of a histogram."""
        return self.scaled**2 * factor_moments(self.relative)[1] if self.uncertain else 0.0

    @property
    def most(self) -> int:
        """Largest number that the nuisance can ask for, before any Poisson fluctuation."""
        factor = (1 + self.relative) ** CUT if self.uncertain else 1.0
        return math.ceil(self.events + self.scaled * (factor - 1))

    @property
    def expected(self) -> Floats:
        """Mean number from each pool, shape (P,)."""
        return self.mean * self.shares

    @property
    def exact(self) -> bool:
        """Whether the numbers are the same in every histogram."""
        same = len(self.shares) == 1 and not self.poisson and not self.uncertain
        return self.events == 0 or same

    def means(self, rng: np.random.Generator, histograms: int) -> Floats:
        """What the nuisance makes of the number of events, for each histogram, shape (N,)."""
        factor = (1 + self.relative) ** thetas(rng, histograms)
        return np.asarray(self.events + self.scaled * (factor - 1))

    def draw(self, rng: np.random.Generator, histograms: int) -> Integers:
        """Numbers of events, shape (N, P)."""
        if self.uncertain:
            means = self.means(rng, histograms)
            if self.poisson:
                return rng.poisson(means[:, None] * self.shares)
            return rng.multinomial(np.rint(means).astype(np.int64), self.shares)
        if self.poisson:
            return rng.poisson(self.expected, size=(histograms, len(self.shares)))
        return rng.multinomial(self.events, self.shares, size=histograms)

    def largest(self) -> Integers:
        """Most events a histogram can ask of each pool, but for a chance of 10^-12, shape (P,)."""
        from scipy import special  # noqa: PLC0415

        if self.uncertain:
            return replace(self, events=self.most, scaled=0).largest()
        if self.exact:
            return np.full(len(self.shares), self.events)
        found = []
        for mean, share in zip(self.expected, self.shares, strict=True):
            several = np.arange(int(mean), int(mean + 8 * np.sqrt(mean)) + 40)
            if self.poisson:
                tail = special.pdtrc(several, mean)
            else:
                several = several[several <= self.events]
                tail = special.bdtrc(several, self.events, share)
            found.append(several[np.searchsorted(-tail, -RARE)])
        return np.array(found, dtype=np.int64)

    def check(self, names: tuple[str, ...], sizes: Integers) -> None:
        """Refuse pools that are too small to draw from without replacement.

        Raises:
            PoolExhaustedError: Naming the first such pool.
        """
        for name, size, needed in zip(names, sizes, self.largest(), strict=True):
            if needed > size:
                raise PoolExhaustedError(pool=name, available=int(size), needed=int(needed))

    def moments(
        self, first: Floats, second: Floats, sizes: Integers | None
    ) -> tuple[Floats, Floats]:
        """Exact mean and variance of a sum over the drawn events of a number w per event.

        Within a pool the variance of n events without replacement is
        n (N - n) / (N - 1) (<w^2> - <w>^2), averaged over n; the fluctuating n adds the variance
        of sum_p n_p <w>_p: sum_p m s_p <w>_p^2, less m (sum_p s_p <w>_p)^2 if the total m is fixed.
        An uncertain total adds Var(m) (sum_p s_p <w>_p)^2.

        Args:
            first: Mean of w over each pool, shape (P, ...); moments have the trailing shape.
            second: Mean of w^2 over each pool, shape (P, ...).
            sizes: Pool sizes N, shape (P,); None for pools without end (with replacement).
        """
        mean = np.tensordot(self.expected, first, axes=1)
        variance = np.tensordot(self.within(sizes), second - first**2, axes=1)
        variance += np.tensordot(self.expected, first**2, axes=1)
        if not self.poisson:
            variance -= mean**2 / max(self.mean, 1)
        if self.uncertain:
            variance += mean**2 * (self.spread / self.mean**2)
        # Where the terms cancel (one pool, fixed total) rounding could leave a tiny negative.
        return mean, np.maximum(variance, 0.0)

    def within(self, sizes: Integers | None) -> Floats:
        """What the variance of w inside each pool counts for in `moments`, shape (P,)."""
        number = self.expected
        if sizes is None:
            return number
        square = number**2 + (number if self.poisson else number * (1 - self.shares))
        if self.uncertain:
            square = square + self.shares**2 * self.spread
        return np.asarray((sizes * number - square) / np.maximum(sizes - 1, 1))

    def slope(self, first: Floats) -> Floats:
        """Derivative of the variance in `moments` by the mean of w in each pool, shape (P,)."""
        together = float(self.shares @ first)
        common = 0.0 if self.poisson else together
        return np.asarray(
            2 * self.expected * (first - common) + 2 * self.spread * self.shares * together
        )
