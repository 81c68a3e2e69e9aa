"""Uncertainties inside the ensembles: every pseudo-experiment has a background of its own.

Two unit Gaussian nuisances are drawn anew for each histogram, cut at five standard deviations so
that no histogram asks a pool for more than a known number of events:

- theta_n scales the number of background events by (1 + sigma)^theta_n, the log-normal factor of
  pyhf's normsys, so that ensembles and fits have one law;
- theta_s tilts their distribution along one axis, p_k (1 + a)^(theta_s t_k) / Z(theta_s), with t_k
  the axis (its logarithm on a log axis) at the centre of the bin, standardised to mean 0 and
  variance 1 under the background: at one standard deviation from its mean the density changes by
  the factor 1 + a for theta_s = 1. Unlike 1 + theta_s a t_k it is a density for every theta_s.

Letters: N histograms, Q nodes, bins = flat cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rayscan.arrays import Floats
from rayscan.ensembles.binning import Binning

CUT = 5.0
"""Largest |theta|; a chance of 6e-7 lies beyond."""
_NODES = 41


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeUncertainty:
    """An uncertain slope of the background along one axis of the histogram.

    Attributes:
        observable: Which axis.
        slope: Relative change of the density at one standard deviation of the observable from its
            mean, for a nuisance of one sigma.
    """

    observable: str
    slope: float

    def __post_init__(self) -> None:
        if not 0 < self.slope < 1:
            raise ValueError(f"slope: {self.slope:g}, expected a number between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """What is not known of the background of a pseudo-experiment.

    Attributes:
        background: Relative uncertainty of the number of background events.
        shape: Uncertain slope along one axis; needs draws with replacement.

    >>> bool(Uncertainty()), bool(Uncertainty(background=0.1))
    (False, True)
    """

    background: float = 0.0
    shape: ShapeUncertainty | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.background < 1:
            raise ValueError(f"background: {self.background:g}, expected 0 <= value < 1")

    def __bool__(self) -> bool:
        return self.background > 0 or self.shape is not None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nuisances:
    """The same, worked out for a binning.

    What theta_s = 1 adds to the logarithm of the density is the tilt, log(1 + a) t_k, shape
    (bins,); None without an uncertain shape.
    """

    relative: float = 0.0
    tilt: Floats | None = None


def nuisances(uncertainty: Uncertainty, binning: Binning, density: Floats) -> Nuisances | None:
    """The nuisances of a scan; None without uncertainties.

    The background density, shape (bins,), standardises the axis.

    Raises:
        ValueError: The observable is on no axis, or all background lies in one of its bins.
    """
    if not uncertainty:
        return None
    shape = uncertainty.shape
    tilt = None if shape is None else _tilt(shape, binning, density)
    return Nuisances(relative=uncertainty.background, tilt=tilt)


def _tilt(shape: ShapeUncertainty, binning: Binning, density: Floats) -> Floats:
    if shape.observable not in binning.observables:
        known = " and ".join(binning.observables)
        raise ValueError(f"shape: '{shape.observable}' is on no axis, expected {known}")
    place = binning.observables.index(shape.observable)
    axis = binning.axes[place]
    edges = np.log(axis.edges) if axis.scale == "log" else axis.edges
    centres = (edges[1:] + edges[:-1]) / 2
    along = np.indices(binning.shape)[place].ravel()
    there = centres[along]
    mean = float(density @ there)
    variance = float(density @ (there - mean) ** 2)
    if not variance > 0:
        raise ValueError(f"shape: all background is in one bin of '{shape.observable}'")
    return np.asarray(math.log1p(shape.slope) * (there - mean) / math.sqrt(variance))


def thetas(rng: np.random.Generator, histograms: int) -> Floats:
    """Unit Gaussian numbers within the cut, shape (N,)."""
    found = rng.standard_normal(histograms)
    while np.any(far := np.abs(found) > CUT):
        found[far] = rng.standard_normal(int(far.sum()))
    return found


def factor_moments(relative: float) -> tuple[float, float]:
    """Exact mean and variance of the factor (1 + relative)^theta.

    The moment generating function of a Gaussian cut at +-T is
    exp(c^2/2) (Phi(T - c) - Phi(-T - c)) / (Phi(T) - Phi(-T)).
    """
    log_kappa = math.log1p(relative)

    def generated(c: float) -> float:
        inside = _below(CUT - c) - _below(-CUT - c)
        return math.exp(c * c / 2) * inside / (_below(CUT) - _below(-CUT))

    mean = generated(log_kappa)
    return mean, generated(2 * log_kappa) - mean**2


def _below(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def tilted(density: Floats, tilt: Floats, theta: Floats) -> Floats:
    """Densities (N, bins) at values of theta_s (N,), of the density (bins,) at theta_s = 0."""
    found = density * np.exp(theta[:, None] * tilt)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def nodes() -> tuple[Floats, Floats]:
    """Values of the cut Gaussian and their weights (Gauss-Legendre), shape (Q,) each."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    values = CUT * places
    chance = weights * np.exp(-(values**2) / 2)
    return values, chance / chance.sum()
