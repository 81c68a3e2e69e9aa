"""How far two densities known from finite pools lie apart, and the moments of linear scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rayscan.arrays import Floats
from rayscan.models.contract import Templates
from rayscan.models.ratio.mixed import inverse, noise_of, noise_over_density, variance
from rayscan.models.ratio.nuisances import directions

HALF_AN_EVENT = 0.5
"""What a bin that a pool left empty is counted as, where a ratio needs a number."""


class Separation(Protocol):
    """Moments of a linear statistic in both classes."""

    @property
    def difference(self) -> float:
        """Mean in class 1 less mean in class 0."""

    @property
    def null_variance(self) -> float:
        """Variance in class 0."""

    @property
    def alternative_variance(self) -> float:
        """Variance in class 1."""

    @property
    def distance_error(self) -> float:
        """Error of difference / sqrt(sum of the variances) from the finite pools."""


class Drawn(Protocol):
    """Whatever knows the exact moments of its draws (`rayscan.ensembles.draw.Ensembles`)."""

    def separation(self, weights: Floats) -> Separation:
        """Exact moments of sum_k w_k n_k in both classes."""


def squared_separation(templates: Templates) -> tuple[float, float, float]:
    """The squared separation k^2 of two densities known from finite pools.

    Returns:
        Corrected for the pools' noise as told in `likelihood_ratio.closed_form` (at least 0);
        uncorrected; and the error of the first.
    """
    if templates.against is not None:
        return _between_signals(templates, templates.against)
    N_s, pools = templates.signal_size, templates.backgrounds
    signal, background = templates.signal, templates.background
    a, inverted = signal * N_s, inverse(pools)
    pairs = a * np.maximum(a - 1, 0) * inverted
    square = float(pairs.sum()) / (N_s * max(N_s - 1, 1)) - 1
    ratio = signal * inverted
    floored = np.maximum(background, HALF_AN_EVENT / templates.background_size)
    raw = float(np.sum((signal - background) ** 2 / floored))
    # First order: d(k^2)/d p_s = 2 r and d(k^2)/d p_b = -r^2, multinomial pools; second order: the
    # square of the noise itself, all that is left for a signal that looks like background.
    first = 4 * variance(ratio, signal) / N_s + noise_of(pools, ratio**2)
    second = 2 * float(np.sum((ratio / N_s + ratio**2 * noise_over_density(pools, inverted)) ** 2))
    return max(square, 0.0), raw, math.sqrt(first + second)


def _between_signals(templates: Templates, against: Floats) -> tuple[float, float, float]:
    """The same for k^2 = sum_k (p_s - p_a)^2 / p_b, two signals on one background."""
    N_s, N_a, pools = templates.signal_size, templates.against_size, templates.backgrounds
    signal, background = templates.signal, templates.background
    s, a, inverted = signal * N_s, against * N_a, inverse(pools)
    # Products of different events only: each term has the expectation of the true densities.
    terms = s * np.maximum(s - 1, 0) / (N_s * max(N_s - 1, 1))
    terms = terms + a * np.maximum(a - 1, 0) / (N_a * max(N_a - 1, 1)) - 2 * signal * against
    square = float(np.sum(terms * inverted))
    floored = np.maximum(background, HALF_AN_EVENT / templates.background_size)
    raw = float(np.sum((signal - against) ** 2 / floored))
    ratio = (signal - against) * inverted
    first = 4 * (variance(ratio, signal) / N_s + variance(ratio, against) / N_a)
    first += noise_of(pools, ratio**2)
    noise = (signal / N_s + against / N_a) * inverted
    noise = noise + ratio**2 * noise_over_density(pools, inverted)
    return max(square, 0.0), raw, math.sqrt(first + 2 * float(np.sum(noise**2)))


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of `Endless`."""

    difference: float
    null_variance: float
    alternative_variance: float
    distance_error: float


@dataclass(frozen=True, slots=True)
class Endless:
    """Draws from pools without end that have the templates' densities.

    Totals are fixed; nuisances, and the Poisson numbers they may come with, are in the variances to
    first order (the Gaussian limit).
    """

    templates: Templates

    def separation(self, weights: Floats) -> Moments:
        """Moments of sum_k w_k n_k in both classes; exact without nuisances."""
        t = self.templates
        if t.against is not None:
            return _two_signals(t, t.against, weights)
        n = t.B + (t.S if t.null == "matched" else 0)
        background, signal = float(weights @ t.background), float(weights @ t.signal)
        null_variance = n * variance(weights, t.background)
        alternative_variance = t.B * variance(weights, t.background)
        alternative_variance += t.S * variance(weights, t.signal)
        difference = t.S * signal - (n - t.B) * background
        if t.nuisances is not None:
            null_variance += float(np.sum((directions(t, n - t.B) @ weights) ** 2))
            alternative_variance += float(np.sum((directions(t, 0) @ weights) ** 2))
            if t.nuisances.poisson:
                null_variance += n * background**2
                alternative_variance += t.B * background**2 + t.S * signal**2
        error = 0.0
        if (total := null_variance + alternative_variance) > 0:
            by_mean, by_variance = 1 / math.sqrt(total), -difference / (2 * total**1.5)
            b, s = weights - background, weights - signal
            pull = -by_mean * (n - t.B) * b + by_variance * (n + t.B) * b**2
            error = noise_of(t.backgrounds, pull)
            pull = t.S * (by_mean * s + by_variance * s**2)
            error += variance(pull, t.signal) / t.signal_size
        return Moments(difference, null_variance, alternative_variance, math.sqrt(error))


def _two_signals(t: Templates, against: Floats, weights: Floats) -> Moments:
    """Class 0 holds S events of the second signal, and as many background events as class 1."""
    of_background = t.B * variance(weights, t.background)
    null_variance = t.S * variance(weights, against)
    alternative_variance = t.S * variance(weights, t.signal)
    if t.nuisances is not None:
        of_background += float(np.sum((directions(t, 0) @ weights) ** 2))
        if t.nuisances.poisson:
            of_background += t.B * float(weights @ t.background) ** 2
            null_variance += t.S * float(weights @ against) ** 2
            alternative_variance += t.S * float(weights @ t.signal) ** 2
    null_variance, alternative_variance = (
        of_background + null_variance,
        of_background + alternative_variance,
    )
    difference = t.S * float(weights @ (t.signal - against))
    error = 0.0
    if (total := null_variance + alternative_variance) > 0:
        by_mean, by_variance = 1 / math.sqrt(total), -difference / (2 * total**1.5)
        away = weights - float(weights @ t.background)
        # the same background events in both classes
        error = noise_of(t.backgrounds, 2 * t.B * by_variance * away**2)
        for sign, density, size in (
            (1.0, t.signal, t.signal_size),
            (-1.0, against, t.against_size),
        ):
            away = weights - float(weights @ density)
            pull = t.S * (sign * by_mean * away + by_variance * away**2)
            error += variance(pull, density) / size
    return Moments(difference, null_variance, alternative_variance, math.sqrt(error))
