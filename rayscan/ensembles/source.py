"""Events of one kind for one class: how many from each pool, and into which bins they fall.

Shape letters: N histograms, P pools, bins = flat cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rayscan.arrays import Counts, Floats, Integers
from rayscan.ensembles.hypergeometric import Hypergeometric
from rayscan.ensembles.nuisance import nodes, thetas, tilted
from rayscan.ensembles.tabulated import count_type
from rayscan.ensembles.totals import Totals

ROWS_AT_ONCE = 4096


class Source:
    """A number of events from a group of pools, drawn as histograms.

    Args:
        pools: Bin counts of each pool by name, shape (bins,).
        totals: How many events, and from which pools.
        finite: Without replacement, or as if the pools had no end.
        tilt: What the shape nuisance adds to the logarithm of the density (nuisance.py), (bins,).

    Raises:
        PoolExhaustedError: A histogram can need more events than a pool has.
        ValueError: A tilt of finite pools: without replacement events follow no other law.
    """

    def __init__(
        self,
        pools: Mapping[str, Integers],
        totals: Totals,
        *,
        finite: bool,
        tilt: Floats | None = None,
    ) -> None:
        if finite and tilt is not None:
            raise ValueError(
                "shape: without replacement events follow the law of their pool, not a tilted one; "
                "draw with method: multinomial or poisson"
            )
        self._tilt = tilt
        counts = np.array(list(pools.values()))
        self.totals = totals
        self.sizes: Integers = counts.sum(axis=1)
        self.bins: int = counts.shape[1]
        self._densities: Floats = counts / self.sizes[:, None]
        self._finite = finite
        self._samplers: list[Hypergeometric] = []
        if finite:
            totals.check(tuple(pools), self.sizes)
            typical = np.minimum(np.ceil(totals.expected).astype(np.int64), self.sizes)
            for (name, pool), n in zip(pools.items(), typical, strict=True):
                self._samplers.append(Hypergeometric(pool, int(n), pool=name))

    def moments(self, weights: Floats) -> tuple[float, float]:
        """Exact mean and variance of sum_k w_k n_k."""
        if self._tilt is not None:
            density, chance = self._at_nodes(self._tilt)
            mean, variance = self._tilted_moments(density @ weights, density @ weights**2, chance)
            return float(mean), float(variance)
        first, second = self._densities @ weights, self._densities @ weights**2
        mean, variance = self.totals.moments(first, second, self.sizes if self._finite else None)
        return float(mean), float(variance)

    def bin_moments(self) -> tuple[Floats, Floats]:
        """Exact means and variances of the counts, shape (bins,) each."""
        if self._tilt is not None:
            density, chance = self._at_nodes(self._tilt)
            return self._tilted_moments(density, density, chance)
        sizes = self.sizes if self._finite else None
        return self.totals.moments(self._densities, self._densities, sizes)

    def _at_nodes(self, tilt: Floats) -> tuple[Floats, Floats]:
        """Densities at nodes of the shape nuisance (Q, bins), and the nodes' weights (Q,)."""
        theta, chance = nodes()
        return tilted(self.totals.shares @ self._densities, tilt, theta), chance

    def _tilted_moments(
        self, first: Floats, second: Floats, chance: Floats
    ) -> tuple[Floats, Floats]:
        """Mean and variance of a sum over events, given <w> and <w^2> at the nodes (Q, ...).

        By the law of total variance, with m events and <w> independent: m times the variance of w
        within the density, averaged, and the variance of m <w>.
        """
        number, totals = self.totals.mean, self.totals
        once = np.tensordot(chance, first, axes=1)
        squared = np.tensordot(chance, first**2, axes=1)
        variance = number * (np.tensordot(chance, second, axes=1) - squared)
        variance += (number**2 + totals.spread) * squared - (number * once) ** 2
        if totals.poisson:
            variance += number * squared
        return number * once, np.maximum(variance, 0.0)

    def gradient(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """How mean and variance of sum_k w_k n_k follow the densities of the pools, each (P,).

        The derivative of the mean by <w>, that of the variance by <w>, and that of the variance by
        <w^2> - <w>^2; at theta_s = 0 of an uncertain shape.
        """
        sizes = self.sizes if self._finite else None
        slope = self.totals.slope(self._densities @ weights)
        return self.totals.expected, slope, self.totals.within(sizes)

    def pool_noise(self, weights: Floats, linear: Floats, square: Floats) -> float:
        """Variance, over other pools of the same sizes, of a function of their densities.

        Its derivatives in each pool, (P,): by <w> (``linear``), by <w^2> - <w>^2 (``square``).
        """
        away = weights - (self._densities @ weights)[:, None]
        pull = linear[:, None] * away + square[:, None] * away**2
        mean = np.sum(self._densities * pull, axis=1)
        variance = np.sum(self._densities * pull**2, axis=1) - mean**2
        return float(np.sum(variance / self.sizes))

    @property
    def reach(self) -> float:
        """A count no bin exceeds (with fluctuating totals: but for a chance of 10^-12)."""
        if self._finite:
            fullest = [int(sampler.counts.max()) for sampler in self._samplers]
            return float(np.minimum(fullest, self.totals.largest()).sum())
        if not self.totals.poisson:
            return float(self.totals.most)
        share = 1.0  # a tilt may put nearly all events into one bin
        if self._tilt is None:
            share = float(np.max(self.totals.shares @ self._densities))
        mean = share * self.totals.most
        return mean + 8 * float(np.sqrt(mean)) + 40

    def fill(self, rng: np.random.Generator, out: Counts) -> None:
        """Fill (N, bins) with counts."""
        if not self._finite:
            self._fill_without_end(rng, out)
            return
        numbers = None if self.totals.exact else self.totals.draw(rng, len(out))
        for p, sampler in enumerate(self._samplers):
            totals = None if numbers is None else numbers[:, p]
            if p == 0:
                sampler.draw(rng, len(out), out, totals=totals)
            else:
                out += sampler.draw(rng, len(out), np.empty_like(out), totals=totals)

    def _fill_without_end(self, rng: np.random.Generator, out: Counts) -> None:
        density = self.totals.shares @ self._densities
        some = np.flatnonzero(density)
        chance = density[some] / density.sum()
        out[:] = 0
        for first in range(0, len(out), ROWS_AT_ONCE):
            rows = out[first : first + ROWS_AT_ONCE]
            if self.totals.uncertain or self._tilt is not None:
                rows[:, some] = self._one_law_each(rng, len(rows), some, chance)
            elif self.totals.poisson:
                rows[:, some] = rng.poisson(self.totals.events * chance, (len(rows), len(some)))
            else:
                rows[:, some] = rng.multinomial(self.totals.events, chance, size=len(rows))

    def _one_law_each(
        self, rng: np.random.Generator, histograms: int, some: Integers, chance: Floats
    ) -> Counts:
        """Counts of the bins that are filled, every histogram with nuisances of its own."""
        law = chance[None]
        means = self.totals.means(rng, histograms)
        if self._tilt is not None:
            law = tilted(chance, self._tilt[some], thetas(rng, histograms))
        if self.totals.poisson:
            return rng.poisson(means[:, None] * law).astype(np.uint64)
        return rng.multinomial(np.rint(means).astype(np.int64), law).astype(np.uint64)


def drawn(rng: np.random.Generator, histograms: int, sources: Sequence[Source]) -> Counts:
    """Histograms that hold the events of all sources, shape (N, bins)."""
    kind = count_type(int(sum(source.reach for source in sources)))
    out = np.empty((histograms, sources[0].bins), dtype=kind)
    sources[0].fill(rng, out)
    for source in sources[1:]:
        more = np.empty_like(out)
        source.fill(rng, more)
        out += more
    return out


def bin_moments(sources: Sequence[Source]) -> tuple[Floats, Floats]:
    """Exact means and variances of the counts of all sources together, shape (bins,) each."""
    means, variances = zip(*(source.bin_moments() for source in sources), strict=True)
    return np.sum(means, axis=0), np.sum(variances, axis=0)


def moments(sources: Sequence[Source], weights: Floats) -> tuple[float, float]:
    """Exact mean and variance of sum_k w_k n_k over all sources together."""
    means, variances = zip(*(source.moments(weights) for source in sources), strict=True)
    return sum(means), sum(variances)
