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
from rayscan.separation import Separation

HALF_AN_EVENT = 0.5
"""What a bin that a pool left empty is counted as, where a ratio needs a number."""


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
class Endless:
    """Draws from pools without end that have the templates' densities.

    Totals are fixed; nuisances, and the Poisson numbers they may come with, are in the variances to
    first order (the Gaussian limit).
    """

    templates: Templates

    def separation(self, weights: Floats) -> Separation:
        """Moments of sum_k w_k n_k in both classes; exact without nuisances."""
        t = self.templates
        # Class 0 has S more background events where its total is matched, or S of a second signal.
        extra = t.S if t.null == "matched" and t.against is None else 0
        signals = [(1.0, t.signal, t.signal_size)]
        if t.against is not None:
            signals.append((-1.0, t.against, t.against_size))
        null = [(t.B + extra, t.background), *((t.S, density) for _, density, _ in signals[1:])]
        null_variance = self._variance(weights, null, extra)
        alternative = [(t.B, t.background), (t.S, t.signal)]
        alternative_variance = self._variance(weights, alternative, 0)
        difference = t.S * sum(sign * float(weights @ density) for sign, density, _ in signals)
        difference -= extra * float(weights @ t.background)
        error = 0.0
        if (total := null_variance + alternative_variance) > 0:
            by_mean, by_variance = 1 / math.sqrt(total), -difference / (2 * total**1.5)
            away = weights - float(weights @ t.background)
            # The same pools of background in both classes.
            pull = -by_mean * extra * away + by_variance * (2 * t.B + extra) * away**2
            error = noise_of(t.backgrounds, pull)
            for sign, density, size in signals:
                away = weights - float(weights @ density)
                pull = t.S * (sign * by_mean * away + by_variance * away**2)
                error += variance(pull, density) / size
        return Separation(
            difference=difference,
            null_variance=null_variance,
            alternative_variance=alternative_variance,
            distance_error=math.sqrt(error),
        )

    def _variance(self, weights: Floats, events: list[tuple[int, Floats]], extra: int) -> float:
        """Variance in a class of so many events of each density (see `directions`)."""
        found = sum(number * variance(weights, density) for number, density in events)
        unsure = self.templates.nuisances
        if unsure is not None:
            found += float(np.sum((directions(self.templates, extra) @ weights) ** 2))
            if unsure.poisson:
                found += sum(n * float(weights @ density) ** 2 for n, density in events)
        return found
