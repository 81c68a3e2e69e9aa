"""The ceiling with nuisances: the likelihood ratio of histograms whose background is uncertain.

By Neyman and Pearson no statistic separates better than the ratio of the likelihoods integrated
over the nuisances. The integrands are as narrow as a histogram of many events makes them, and
nearly Gaussian: adaptive Gauss-Hermite quadrature, centred at the maximum of each and scaled by its
curvature, needs a few nodes (Naylor and Smith, 1982).

Letters: N histograms, bins = flat cells, J nuisances to integrate over, Q nodes.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.errors import DivergedError
from rayscan.models import storage
from rayscan.models.contract import Classifier, Templates, columns
from rayscan.models.ratio.nuisances import BackgroundNuisances
from rayscan.models.ratio.separation import HALF_AN_EVENT

STEPS = 30
TOLERANCE = 1e-5
"""A mode off by this many prior widths moves nothing: nodes and weights follow any centre."""
NODES = 5
FARTHEST = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class _Hypothesis:
    """Expected counts (B f + extra) q_k + S s_k of a class, as functions of the nuisances.

    Attributes:
        density: q_k at theta = 0, shape (bins,).
        signal: S s_k, shape (bins,); of class 0 that of the second signal, or 0.
        extra: Background events that no nuisance scales.
        base: B, or the number of background events less ``extra`` known of each histogram (N, 1).
        log_kappa: log(1 + sigma) of the normalisation to integrate over; 0: none.
        tilt: Slope of log q_k, shape (bins,); None: none.
    """

    density: Floats
    signal: Floats
    extra: float
    base: Floats
    log_kappa: float
    tilt: Floats | None

    @property
    def size(self) -> int:
        """Number of nuisances J."""
        return (self.log_kappa > 0) + (self.tilt is not None)

    def at(self, theta: Floats) -> tuple[Floats, list[Floats]]:
        """Expected counts (N, bins) at theta (N, J), and their derivatives by each nuisance."""
        q, slope = self.density[None], None
        if self.tilt is not None:
            q = q * np.exp(theta[:, -1:] * self.tilt)
            q = q / q.sum(axis=1, keepdims=True)
            slope = self.tilt - q @ self.tilt[:, None]
        scaled = self.base * np.exp(theta[:, :1] * self.log_kappa) if self.log_kappa else self.base
        background = (scaled + self.extra) * q
        by = [self.log_kappa * scaled * q] if self.log_kappa else []
        if slope is not None:
            by.append(background * slope)
        return background + self.signal, by

    def log_integrand(self, counts: Floats, theta: Floats) -> Floats:
        """Log of likelihood times prior, up to terms without theta, shape (N,)."""
        expected, _ = self.at(theta)
        value = np.einsum("nk,nk->n", counts, np.log(expected)) - expected.sum(axis=1)
        return np.asarray(value - 0.5 * np.sum(theta**2, axis=1))

    def mode(self, counts: Floats) -> tuple[Floats, Floats]:
        """Where the integrand is largest (N, J), and its curvature there (N, J, J).

        Gauss-Newton with the expected curvature, which is positive definite everywhere.
        """
        theta = np.zeros((len(counts), self.size))
        for _ in range(STEPS):
            gradient, curvature = self._derivatives(counts, theta)
            step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
            moved = np.clip(theta + np.clip(step, -1.0, 1.0), -FARTHEST, FARTHEST)
            change = float(np.max(np.abs(moved - theta), initial=0.0))
            theta = moved
            if change < TOLERANCE:
                break
        return theta, self._derivatives(counts, theta)[1]

    def _derivatives(self, counts: Floats, theta: Floats) -> tuple[Floats, Floats]:
        expected, by = self.at(theta)
        residual = counts / expected - 1.0
        gradient = np.stack([np.einsum("nk,nk->n", residual, each) for each in by], axis=1)
        curvature = np.zeros((len(counts), self.size, self.size))
        for i, j in itertools.product(range(self.size), repeat=2):
            curvature[:, i, j] = np.sum(by[i] * by[j] / expected, axis=1) + float(i == j)
        return gradient - theta, curvature

    def log_marginal(self, counts: Floats) -> Floats:
        """Log of the likelihood integrated over the nuisances, up to a constant, shape (N,)."""
        if self.size == 0:
            return self.log_integrand(counts, np.zeros((len(counts), 0)))
        centre, curvature = self.mode(counts)
        # With the curvature L L^T, theta = centre + L^-T z has unit Gaussian z.
        inverse = np.linalg.inv(np.linalg.cholesky(curvature)).transpose(0, 2, 1)
        values, weights = np.polynomial.hermite_e.hermegauss(NODES)
        terms = []
        for places in itertools.product(range(NODES), repeat=self.size):
            z = values[list(places)]
            found = self.log_integrand(counts, centre + inverse @ z)
            terms.append(found + 0.5 * z @ z + np.log(weights[list(places)]).sum())
        width = np.log(np.diagonal(inverse, axis1=1, axis2=2)).sum(axis=1)
        return np.asarray(np.logaddexp.reduce(terms, axis=0) + width)


class RatioOfHistograms(Classifier):
    """A likelihood ratio of known templates: its score is the log-odds of class 1."""

    architecture = "likelihood_ratio"
    reads: ClassVar[Literal["histograms", "events"]] = "histograms"
    rows_at_once: ClassVar[int]
    bins: int

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Log-odds of signal + background, shape (N,), of counts (N, bins).

        Raises:
            ShapeMismatchError: Another number of bins.
            DivergedError: NaN or infinite counts.
        """
        counts = columns(x, self.bins, what="histograms")
        found = np.empty(len(counts))
        # In blocks: counts of 16 bits would be four times as large as float64.
        for first in range(0, len(counts), self.rows_at_once):
            rows = slice(first, first + self.rows_at_once)
            found[rows] = self._of(counts[rows])
        if not np.all(np.isfinite(found)):
            raise DivergedError(
                architecture=self.architecture, epoch=0, what="a histogram holds NaN or infinity"
            )
        return found

    @abstractmethod
    def _of(self, counts: npt.NDArray[np.number]) -> Floats:
        """Scores of some histograms."""


class MarginalLikelihoodRatio(RatioOfHistograms):
    """The likelihood ratio of known templates, integrated over the nuisances of the background.

    Where totals are fixed a histogram's total N tells the number of its background events, B f, and
    with it theta_n: nothing is left to integrate there.

    Raises:
        ValueError: Templates without nuisances, or without background.
    """

    rows_at_once = 512

    def __init__(self, templates: Templates) -> None:
        if templates.nuisances is None or templates.B == 0:
            raise ValueError("templates: no nuisance of a background, expected one")
        self.templates = templates
        self._unsure = templates.nuisances
        floor = HALF_AN_EVENT / templates.background_size
        nothing = np.zeros_like(templates.signal)
        second = nothing if templates.against is None else templates.against
        self.bins = len(templates.signal)
        self._some = (templates.background > 0) | (templates.signal > 0) | (second > 0)
        density = np.maximum(templates.background[self._some], floor)
        self._density = density / density.sum()
        self._signal = templates.S * templates.signal[self._some]
        self._second = templates.S * second[self._some]

    def _of(self, counts: npt.NDArray[np.number]) -> Floats:
        exact = np.asarray(counts, dtype=np.float64)
        t, seen = self.templates, exact.sum(axis=1)
        extra = float(t.S if t.null == "matched" and t.against is None else 0)
        rest = seen - (extra if t.against is None else t.S)  # background events that are scaled
        inside = exact[:, self._some]
        null, alternative = (self._second, extra, rest), (self._signal, 0.0, seen - t.S)
        found = self._class(*alternative).log_marginal(inside)
        found -= self._class(*null).log_marginal(inside)
        if self._total_tells:
            found += self._log_chance(seen - t.S) - self._log_chance(rest)
        return np.asarray(found)

    @property
    def _total_tells(self) -> bool:
        return self._unsure.relative > 0 and not self._unsure.poisson

    def _class(self, signal: Floats, extra: float, background: Floats) -> _Hypothesis:
        B = self.templates.B
        log_kappa = 0.0 if self._total_tells else math.log1p(self._unsure.relative)
        known = np.maximum(background, 0.5)[:, None] if self._total_tells else np.full((1, 1), B)
        tilt = None if self._unsure.tilt is None else self._unsure.tilt[self._some]
        return _Hypothesis(self._density, signal, extra, known, log_kappa, tilt)

    def _log_chance(self, background: Floats) -> Floats:
        """Log-normal density of the number of background events, up to a constant."""
        logarithm = np.log(np.maximum(background, 0.5))
        away = (logarithm - math.log(self.templates.B)) / math.log1p(self._unsure.relative)
        return np.asarray(-0.5 * away**2 - logarithm)

    def save(self, folder: Path) -> None:
        """Write the templates into a folder."""
        t, unsure = self.templates, self._unsure
        arrays = {"background": t.background, "signal": t.signal}
        arrays["relative"] = np.array(unsure.relative)
        if unsure.tilt is not None:
            arrays["tilt"] = unsure.tilt
        names = ["S", "B", "background_size", "signal_size", "null"]
        if t.against is not None:
            arrays["against"] = t.against
            names.append("against_size")
        numbers = {name: getattr(t, name) for name in names}
        storage.write(
            folder,
            architecture=self.architecture,
            description={"templates": numbers | {"poisson": unsure.poisson}},
            arrays=arrays,
        )

    @classmethod
    def load(cls, folder: Path) -> MarginalLikelihoodRatio:
        """Read what ``save`` wrote."""
        body, arrays = storage.read(folder, "templates")
        numbers = dict(body["templates"])
        unsure = BackgroundNuisances(
            relative=float(arrays["relative"]),
            tilt=arrays.get("tilt"),
            poisson=numbers.pop("poisson"),
        )
        numbers |= {"against": arrays.get("against"), "nuisances": unsure}
        return cls(Templates(arrays["background"], arrays["signal"], **numbers))
