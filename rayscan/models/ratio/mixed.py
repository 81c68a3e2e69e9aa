"""A density mixed of several finite pools: what each pool leaves uncertain, and how many events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rayscan.arrays import Floats

NODES = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """One pool of a mixture: its density (bins,), its share of the yield, and its events."""

    density: Floats
    share: float
    size: float


def effective_size(shares: Sequence[float], sizes: Sequence[float]) -> float:
    """Events of one pool as uncertain as several: 1 / sum of share^2 / size.

    >>> round(effective_size([0.99, 0.01], [5_000, 20_000]))
    5101
    """
    if len(sizes) == 1:
        return float(sizes[0])
    return float(1 / np.sum(np.square(shares) / np.asarray(sizes)))


def noise_of(parts: Sequence[Part], values: Floats) -> float:
    """Variance, over other pools of the same sizes, of the mixture's mean of ``values`` (bins,)."""
    return float(sum(p.share**2 * variance(values, p.density) / p.size for p in parts))


def variance(values: Floats, density: Floats) -> float:
    """Variance of ``values`` under a density, shape (bins,) each."""
    mean = float(values @ density)
    return max(float(values**2 @ density) - mean**2, 0.0)


def inverse(parts: Sequence[Part]) -> Floats:
    """An estimate of 1/p in each bin, shape (bins,), whose expectation is that of the true p.

    An event of pool i adds w_i = share_i/(N_i + 1) to a bin of n_i events. E[(1 - t w)^n] =
    exp(-t w lambda) for Poisson n of mean lambda, so that the integral over t of the product over
    the pools from 0 to 1/max(w) has the expectation (1 - exp(-p/max(w))) / p: exact but where the
    bin holds less than a few of the heaviest events. Of one pool it is (N + 1)/(n + 1).
    """
    weight = np.array([part.share / (part.size + 1) for part in parts])
    counts = np.array([part.density * part.size for part in parts])
    if len(parts) == 1:
        return np.asarray(1 / (weight[0] * (counts[0] + 1)))
    ratio = weight / weight.max()
    # With 1 - s = x^(1/(m + 1)), m the bin in heaviest events, what is left to integrate is flat.
    m = ratio @ counts
    x, chance = np.polynomial.legendre.leggauss(NODES)
    found = np.zeros_like(m)
    for each, share in zip((x + 1) / 2, chance / 2, strict=True):
        left = each ** (1 / (m + 1))
        log = -m * np.log(left)
        for r, n in zip(ratio, counts, strict=True):
            log = log + n * np.log1p(-r * (1 - left))
        found += share * np.exp(log)
    return np.asarray(found / (m + 1) / weight.max())


def noise_over_density(parts: Sequence[Part], inverted: Floats) -> Floats:
    """Variance of the mixture's density over itself, shape (bins,): 1/N of one pool of N events.

    An event of the heaviest pool is added to each bin: one that such a pool left empty is as
    uncertain as one event of it. ``inverted`` is the `inverse` of the pools.
    """
    noise = sum(part.share**2 * part.density / part.size for part in parts)
    heaviest = max(part.share / part.size for part in parts)
    return np.asarray((noise + heaviest**2) * inverted)
