"""Ensembles of one mixture: background-only and signal + background histograms, and event sums.

Shape letters: N histograms, E events, bins = flat cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from rayscan.arrays import Counts, Floats, Integers, Reals
from rayscan.ensembles.event_sums import sums_with_replacement, sums_without_replacement
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import Nuisances
from rayscan.ensembles.source import Source, bin_moments, drawn, moments
from rayscan.ensembles.totals import Totals
from rayscan.separation import Separation

Method: TypeAlias = Literal["without_replacement", "multinomial", "poisson"]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Events of one process (its name is for messages) to draw from, as bin counts (bins,)."""

    name: str
    counts: Integers

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", np.array(self.counts, dtype=np.int64))
        if self.counts.ndim != 1 or np.any(self.counts < 0) or not self.counts.any():
            raise ValueError(
                f"counts: pool '{self.name}' expected one axis of numbers of at least 0, not all 0"
            )

    @property
    def size(self) -> int:
        """Events in the pool."""
        return int(self.counts.sum())

    @property
    def density(self) -> Floats:
        """Share of the pool's events in each bin, shape (bins,)."""
        return self.counts / self.size


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Pools of the backgrounds, mixed in proportion to their yields.

    The yields, in any common unit, are kept normalised to 1.
    """

    pools: tuple[Pool, ...]
    shares: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        shares = _normalised(self.shares, len(self.pools))
        object.__setattr__(self, "pools", tuple(self.pools))
        object.__setattr__(self, "shares", tuple(shares.tolist()))
        if len({pool.name for pool in self.pools}) < len(self.pools):
            raise ValueError("pools: two have the same name, expected one pool per process")
        if len({len(pool.counts) for pool in self.pools}) != 1:
            raise ValueError("pools: they have different numbers of bins, expected one binning")

    @property
    def density(self) -> Floats:
        """Probability of each bin for one background event, shape (bins,)."""
        return np.asarray(np.tensordot(self.shares, [pool.density for pool in self.pools], axes=1))


def drawing(method: Method, pools: int, bins: int, *, unequal: bool) -> float:
    """CPU seconds of a histogram, the mean of both classes, on the machine of the forecast.

    A pool takes 0.2 us, and a bin 0.012 us of one background in equal numbers without replacement,
    or else 0.03 to 0.06 us; class 1 has the signal's pool too.
    """
    finite = method == "without_replacement"
    each = 0.0122e-6 if finite and pools == 1 and not unequal else 0.05e-6
    return (0.5 + (pools if finite else 1)) * (0.2e-6 + each * bins)


class Ensembles:
    """Histograms of one mixture, drawn from pools of bin counts.

    Args:
        background: The background pools.
        signal: The signal pool; None if only background is to be drawn.
        mixture: Events of a histogram.
        against: A second signal, of which class 0 holds S events beside B background events.
        method: ``without_replacement``: no event twice in a histogram (published);
            ``multinomial``: pools without end; ``poisson``: the same with Poisson totals, whatever
            ``mixture.totals`` says.
        nuisances: What of the background changes from histogram to histogram. Of class 0 the B
            events are scaled that class 1 has too, not those that match its S: totals stay matched.

    Raises:
        PoolExhaustedError: A histogram needs more events than a pool has.
        ValueError: Background and signals with different numbers of bins, or an uncertain shape of
            draws without replacement.

    >>> background = Background((Pool("z", np.array([6, 4])),))
    >>> both = Ensembles(background, Pool("s", np.array([0, 5])), Mixture(signal=2, background=8))
    >>> both.alternative_mean
    array([4.8, 5.2])
    """

    def __init__(
        self,
        background: Background,
        signal: Pool | None,
        mixture: Mixture,
        *,
        against: Pool | None = None,
        method: Method = "without_replacement",
        nuisances: Nuisances | None = None,
    ) -> None:
        for pool in (signal, against):
            if pool is not None and len(pool.counts) != len(background.pools[0].counts):
                raise ValueError(
                    f"signal: pool '{pool.name}' has {len(pool.counts)} bins, the background "
                    f"{len(background.pools[0].counts)}, expected one binning"
                )
        self.mixture = mixture
        poisson = method == "poisson" or mixture.totals == "poisson"
        finite = method == "without_replacement"

        def source(group: Background, events: int, unsure: Nuisances) -> Source:
            totals = Totals(
                events=events,
                shares=np.array(group.shares),
                poisson=poisson,
                scaled=mixture.background,
                relative=unsure.relative,
            )
            pools = {pool.name: pool.counts for pool in group.pools}
            return Source(pools, totals, finite=finite, tilt=unsure.tilt)

        known, unsure = Nuisances(), nuisances or Nuisances()

        def of_signal(pool: Pool | None) -> Source | None:
            return None if pool is None else source(Background((pool,)), mixture.signal, known)

        self._signal, self._against = of_signal(signal), of_signal(against)
        total = mixture.null_total if against is None else mixture.background
        self._null = source(background, total, unsure)
        same = total == mixture.background
        self._background = self._null if same else source(background, mixture.background, unsure)
        self._class0 = [each for each in (self._null, self._against) if each]

    def null(self, rng: np.random.Generator, histograms: int) -> Counts:
        """Histograms of class 0, shape (N, bins), uint16 or uint32."""
        return drawn(rng, histograms, self._class0)

    def alternative(self, rng: np.random.Generator, histograms: int) -> Counts:
        """Histograms of class 1 (background and signal), shape (N, bins), uint16 or uint32."""
        return drawn(rng, histograms, self._class1)

    @property
    def _class1(self) -> list[Source]:
        if self._signal is None:
            raise ValueError("signal: none was given, class 1 cannot be drawn; give a signal pool")
        return [self._background, self._signal]

    @property
    def null_mean(self) -> Floats:
        """Exact expected counts of class 0, shape (bins,)."""
        return bin_moments(self._class0)[0]

    @property
    def null_variance(self) -> Floats:
        """Exact variances of the counts of class 0, shape (bins,)."""
        return bin_moments(self._class0)[1]

    @property
    def alternative_mean(self) -> Floats:
        """Exact expected counts of class 1, shape (bins,)."""
        return bin_moments(self._class1)[0]

    @property
    def alternative_variance(self) -> Floats:
        """Exact variances of the counts of class 1, shape (bins,)."""
        return bin_moments(self._class1)[1]

    @property
    def draw_fraction(self) -> float:
        """Largest share of a pool that one histogram takes (on average), n/N."""
        sources = (*self._class0, self._background, self._signal)
        return max(float(np.max(s.totals.expected / s.sizes)) for s in sources if s)

    def separation(self, weights: Floats) -> Separation:
        """Exact moments of sum_k w_k n_k in both classes, weights of shape (bins,)."""
        null_mean, null_variance = moments(self._class0, weights)
        mean, alternative_variance = moments(self._class1, weights)
        difference = mean - null_mean
        return Separation(
            difference=difference,
            null_variance=null_variance,
            alternative_variance=alternative_variance,
            distance_error=self._noise(weights, difference, null_variance + alternative_variance),
        )

    def _noise(self, weights: Floats, difference: float, variance: float) -> float:
        """Error of difference / sqrt(variance) by linear propagation from the pool densities."""
        if variance == 0:
            return 0.0
        background, signal = self._class1
        by_mean, by_variance = 1 / np.sqrt(variance), -difference / (2 * variance**1.5)
        # Null and background come from the same pools, so that their means move together.
        null_mean, null_slope, null_within = self._null.gradient(weights)
        mean, slope, within = background.gradient(weights)
        noise = background.pool_noise(
            weights,
            by_mean * (mean - null_mean) + by_variance * (slope + null_slope),
            by_variance * (within + null_within),
        )
        for source, sign in ((signal, 1.0), (self._against, -1.0)):
            if source is not None:
                mean, slope, within = source.gradient(weights)
                linear = sign * by_mean * mean + by_variance * slope
                noise += source.pool_noise(weights, linear, by_variance * within)
        return float(np.sqrt(noise))


class EventEnsembles:
    """Sums of per-event numbers over the events of one histogram.

    Args:
        background: For each background process the numbers of its pool events, shape (E,), or K
            numbers of each event, shape (K, E), and its yield in any common unit.
        signal: Numbers of the signal pool events, shape (E,) or (K, E).
        mixture: Events of a histogram.
        method: See `Ensembles`.
        relative: Relative uncertainty of the number of background events (nuisance.py).

    Raises:
        PoolExhaustedError: A histogram needs more events than a pool has.
    """

    def __init__(
        self,
        background: Sequence[tuple[Reals, float]],
        signal: Reals,
        mixture: Mixture,
        method: Method = "without_replacement",
        relative: float = 0.0,
    ) -> None:
        self._background = [np.asarray(values, dtype=np.float64) for values, _ in background]
        self._signal = [np.asarray(signal, dtype=np.float64)]
        shares = _normalised([share for _, share in background], len(background))
        poisson = method == "poisson" or mixture.totals == "poisson"
        self._finite = method == "without_replacement"
        null = Totals(
            events=mixture.null_total,
            shares=shares,
            poisson=poisson,
            scaled=mixture.background,
            relative=relative,
        )
        self._null_totals, self._b_totals = null, replace(null, events=mixture.background)
        self._s_totals = Totals(events=mixture.signal, shares=np.ones(1), poisson=poisson)
        if self._finite:
            names = tuple(f"background {i + 1}" for i in range(len(shares)))
            sizes = np.array([values.shape[-1] for values in self._background])
            self._null_totals.check(names, sizes)
            self._s_totals.check(("signal",), np.array([self._signal[0].shape[-1]]))

    def null(self, rng: np.random.Generator, histograms: int) -> Floats:
        """Sums over the events of class 0, shape (N,) or (K, N)."""
        return self._sums(rng, histograms, self._background, self._null_totals)

    def alternative(self, rng: np.random.Generator, histograms: int) -> Floats:
        """Sums over the events of class 1, shape (N,) or (K, N)."""
        background = self._sums(rng, histograms, self._background, self._b_totals)
        return background + self._sums(rng, histograms, self._signal, self._s_totals)

    def _sums(
        self, rng: np.random.Generator, histograms: int, pools: list[Floats], totals: Totals
    ) -> Floats:
        sums = sums_without_replacement if self._finite else sums_with_replacement
        numbers = totals.draw(rng, histograms)
        parts = [sums(rng, values, number) for values, number in zip(pools, numbers.T, strict=True)]
        total: Floats = np.sum(parts, axis=0)
        return total


def _normalised(shares: Sequence[float], pools: int) -> Floats:
    found = np.asarray(shares, dtype=np.float64)
    if pools == 0 or found.shape != (pools,):
        raise ValueError(
            f"shares: {found.size} for {pools} pools, expected one for each, at least one"
        )
    if not (np.all(np.isfinite(found)) and np.all(found > 0)):
        raise ValueError(f"shares: {shares}, expected finite numbers above 0")
    return np.asarray(found / found.sum(), dtype=np.float64)
