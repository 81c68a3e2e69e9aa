"""The ceiling of a benchmark, estimated from a likelihood ratio whose templates are noisy.

The likelihood ratio of templates filled from a finite training pool separates less than that of the
true densities, because it trusts the pool's fluctuations: a smoother classifier may pass it. On
test pools of its own it is a lower estimate of the Neyman-Pearson ceiling, on the pool it learned
from an upper one. What the noise does is found by repeating the pools, from templates that hold the
noise already: the loss so seen is too small. The ceiling is set halfway to the next order in the
noise, and that half is part of its error. What lies in bins that a pool leaves empty no one knows:
there it stays low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from rayscan.arrays import Floats
from rayscan.models.contract import Templates
from rayscan.models.ratio.likelihood_ratio import best_weights
from rayscan.models.ratio.mixed import Part, effective_size
from rayscan.models.ratio.separation import Endless

REPLICATES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateNoise:
    """What finite pools do to the separation of a likelihood ratio.

    Attributes:
        factor: Separation of the true densities' likelihood ratio over that of noisy templates,
            on the same test pool.
        relative_error: Standard deviation of that relation over pools of the same sizes.
        spread: Standard deviation, over such pools, of the corrected separation itself: with what
            the test pool does to the best of classifiers too.
        order: Part of ``factor`` that is half of the next order in the noise.
    """

    factor: float
    relative_error: float
    spread: float = 0.0
    order: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The AUC that the likelihood ratio of the true densities would have on a test set.

    Attributes:
        auc: The AUC.
        error: Its standard error, from test set and pools together.
        pool_error: The part that comes from the finite pools, without that of the next order.
        total_error: Error against pools without end: what the test pool does to every classifier is
            part of it.
    """

    auc: float
    error: float
    pool_error: float
    total_error: float


def template_noise(
    templates: Templates,
    *,
    test_background: int | Sequence[int],
    test_signal: int,
    shared: bool,
    rng: np.random.Generator,
    test_against: int = 0,
) -> TemplateNoise:
    """The parametric bootstrap of the pools (Efron 1979), with exact moments of every replicate.

    With the templates p for the truth: training and test pools of the same sizes are drawn from p;
    on each test pool the likelihood ratio of the drawn training pool separates by d*, that of p
    itself by d. Both meet the same test pool, so that its own fluctuation is not counted. If a
    separation d of densities seems to be sqrt(d^2 + s^2) in templates of noise s, d / d* is
    sqrt(1 + q) with q = s^2 / (d^2 + s^2), and would be 1 / sqrt(1 - q) for the true densities:
    more by q^2 / 2 at the next order.

    Args:
        templates: Training templates, with the sizes of their pools.
        test_background: Background events of the test pool, or of each of several.
        test_signal: Signal events of the test pool.
        shared: Whether the test pool is the training pool.
        rng: Source of the replicates.
        test_against: Events of the test pool of the second signal, if there is one in class 0.
    """
    best = best_weights(templates)
    own_sizes = [part.size for part in templates.backgrounds]
    trained = own_sizes, templates.signal_size, templates.against_size
    several = np.atleast_1d(np.asarray(test_background)).tolist()
    sizes = several, test_signal, test_against
    ideal, seen = np.empty(REPLICATES), np.empty(REPLICATES)
    for place in range(REPLICATES):
        own = _again(templates, rng, *trained)
        tested = own if shared else _again(templates, rng, *sizes)
        ideal[place] = _distance(tested, best)
        seen[place] = _distance(tested, best_weights(own))
    if not min(ideal.mean(), seen.mean()) > 0:
        return TemplateNoise(factor=1.0, relative_error=0.0, spread=float(seen.std(ddof=1)))
    repeated = float(ideal.mean() / seen.mean())
    order = 0.0 if shared else (repeated**2 - 1) ** 2 / 4
    rest = ideal - repeated * seen
    return TemplateNoise(
        factor=repeated + order,
        relative_error=float(rest.std(ddof=1) / ideal.mean()),
        spread=repeated * float(seen.std(ddof=1)),
        order=order,
    )


def _again(
    templates: Templates,
    rng: np.random.Generator,
    backgrounds: Sequence[float],
    signal: int,
    against: int,
) -> Templates:
    """Templates of other pools of the given sizes, each drawn by itself from its own."""
    mixed = tuple(
        Part(density=_pool(rng, part.density, int(size)), share=part.share, size=size)
        for part, size in zip(templates.backgrounds, backgrounds, strict=True)
    )
    found = replace(
        templates,
        background=np.asarray(sum(part.share * part.density for part in mixed)),
        signal=_pool(rng, templates.signal, signal),
        background_size=effective_size([part.share for part in mixed], backgrounds),
        signal_size=signal,
        mixed=mixed,
    )
    if templates.against is None:
        return found
    drawn = _pool(rng, templates.against, against)
    return replace(found, against=drawn, against_size=against)


def _pool(rng: np.random.Generator, density: Floats, events: int) -> Floats:
    return np.asarray(rng.multinomial(events, density / density.sum()) / events)


def _distance(truth: Templates, found: Floats) -> float:
    moments = Endless(truth).separation(found)
    spread = math.sqrt(moments.null_variance + moments.alternative_variance)
    return moments.difference / spread if spread > 0 else 0.0


def pool_difference(auc: float, correlation: float, shift: float) -> float:
    """How far finite test pools alone set the AUC of a classifier apart from another's.

    Two test pools of the very same law differ a little in any direction a classifier looks along;
    pseudo-experiments drawn from them all share that difference. Of two classifiers only what they
    do not have in common counts.

    Args:
        auc: AUC of the classifier.
        correlation: Of the scores of both on histograms without signal.
        shift: Standard deviation of the shift of a mean score by the pools, in units of the spread
            of the scores: S/sqrt(S + B) sqrt(1/N_S + 1/N_B), with N_S and N_B events in the pools
            (several backgrounds: `effective_size`).
    """
    if not 0.0 < auc < 1.0:
        return 0.0
    apart = shift * math.sqrt(max(2.0 * (1.0 - correlation), 0.0))
    return math.exp(-(float(ndtri(auc)) ** 2) / 2) / math.sqrt(2 * math.pi) * apart / math.sqrt(2)


def ceiling(auc: float, error: float, noise: TemplateNoise) -> Ceiling:
    """The ceiling from the AUC that the likelihood ratio of the templates had on the test set.

    Args:
        auc: Its AUC. Below 1/2 the templates hold nothing but noise; the best classifier is no
            worse than one that looks at nothing, whose AUC is 1/2.
        error: Its statistical error from the finite test set.
        noise: See `template_noise`.
    """
    if auc >= 1.0:
        return Ceiling(auc=1.0, error=error, pool_error=0.0, total_error=error)
    seen = float(ndtri(max(auc, 0.5)))
    true = seen * noise.factor
    slope = math.exp(-(true**2) / 2) / math.sqrt(2 * math.pi)
    of_seen = math.exp(-(seen**2) / 2) / math.sqrt(2 * math.pi)
    by_test = error * noise.factor * slope / of_seen
    by_pools = slope * true * noise.relative_error
    by_order = slope * seen * noise.order
    return Ceiling(
        auc=float(ndtr(true)),
        error=math.hypot(by_test, by_pools, by_order),
        pool_error=by_pools,
        total_error=math.hypot(by_test, slope * noise.spread, by_order),
    )
