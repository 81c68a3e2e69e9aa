"""CLs upper limits on mu of many templates at once, by profile likelihood and asymptotic formulae.

Shapes: P templates, R likelihoods (rows), K parameters theta = (mu, alpha). Every fit is a damped
Newton iteration on exact derivatives, all rows side by side; a limit is the root of a function of
mu whose slope is known too. NaN marks what did not converge; callers turn it into a status.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from rayscan.arrays import Floats, Integers
from rayscan.stats.counting import decisive_background
from rayscan.stats.fit import STRENGTH, Fit, fit
from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.template import Template

BANDS = (-2, -1, 0, 1, 2)

_LIMIT_TOLERANCE = 1e-7  # relative change of mu; the last step is quadratic, its error far below
_LIMIT_STEPS = 80

_RootFunction = Callable[[Integers, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Upper limits on mu; NaN where an iteration did not converge.

    Attributes:
        observed: Shape (P,).
        expected: At -2, -1, 0, 1, 2 standard deviations of background-only data, shape (P, 5).
        decisive: Background of the channels that decide [events], shape (P,).
    """

    observed: Floats
    expected: Floats
    decisive: Floats


def profile_limits(templates: Sequence[Template], level: float) -> Limits:
    """CLs limits of templates with as many samples and bins each.

    The test statistic is q-tilde, its distributions are the asymptotic ones, the background-only
    data set is the expectation after a fit to the observed data (arXiv:1007.1727 sections 2-4, as
    in ``pyhf.infer.hypotest`` with its defaults).

    All templates have signal, and none a bin of no background.
    """
    unit = np.array([signal_unit(template) for template in templates])
    data = Likelihoods.of(templates, unit)
    start = np.zeros((len(templates), data.alpha0.shape[1] + 1))
    null = fit(data, start, STRENGTH)
    asimov = data.asimov(null.theta, null.point)
    expected = _expected(asimov, null.theta, level)
    first_guess = expected[:, BANDS.index(0)]
    observed = _observed(data, asimov, null.theta, first_guess, level)
    observed = np.where(null.converged, observed, np.nan)
    expected = np.where(null.converged[:, None], expected, np.nan)
    return Limits(
        observed=observed * unit,
        expected=expected * unit[:, None],
        decisive=decisive_background(data, first_guess),
    )


def signal_unit(template: Template) -> float:
    """About twice the uncertainty of mu for no signal, so that limits come out of order one."""
    largest = float(template.signal.max())
    shape = template.signal / largest
    gaussian = 1.0 / np.sqrt(np.sum(shape * shape / template.background))
    return float(2.0 * max(gaussian, 1.0 / shape.sum()) / largest)


def fit_at(strength: Floats, likelihoods: Likelihoods, start: Floats) -> Fit:
    """Maximise likelihoods at given mu, shape (R,); ``start`` (R, K) is changed."""
    start[:, 0] = strength
    return fit(likelihoods, start, STRENGTH)


def _expected(asimov: Likelihoods, theta: Floats, level: float) -> Floats:
    """Limits at the five bands, in units of the scaled signal, shape (P, 5).

    Where sqrt(q_A(mu)) = Phi^-1(1 - level Phi(N)) + N, the N sigma band crosses CLs = level
    (arXiv:1007.1727 eq. 89 generalised from CLs+b to CLs). q_A counts from the perfect fit.
    """
    bands = np.array(BANDS, dtype=np.float64)
    target = np.tile(-ndtri(level * ndtr(bands)) + bands, len(theta))
    rows = np.repeat(np.arange(len(theta)), len(bands))
    states = np.repeat(theta, len(bands), axis=0)

    def distance(active: Integers, strength: Floats) -> tuple[Floats, Floats]:
        fitted = fit_at(strength, asimov.take(rows[active]), states[active])
        states[active] = fitted.theta
        root, slope = _root_of_q(fitted, 0.0)
        return root - target[active], slope

    spread = np.repeat(_spread(asimov, theta), len(bands))
    return _solve_increasing(distance, target * spread).reshape(len(theta), len(bands))


def _spread(asimov: Likelihoods, theta: Floats) -> Floats:
    """The standard deviation of mu from the curvature at the background-only point, shape (P,)."""
    inverse = np.linalg.pinv(asimov.at(theta).hessian, hermitian=True)
    return np.asarray(np.sqrt(np.clip(inverse[:, 0, 0], 1e-6, 1e6)))


def _root_of_q(fitted: Fit, best: Floats | float) -> tuple[Floats, Floats]:
    """sqrt(q) and its slope in mu (the profiled parameters do not contribute to it)."""
    root = np.sqrt(2.0 * np.maximum(fitted.point.value - best, 0.0))
    slope = np.where(root > 0.0, fitted.point.gradient[:, 0], 0.0)
    slope = slope / np.where(root > 0.0, root, 1.0)
    return np.where(fitted.converged, root, np.nan), slope


def _observed(
    data: Likelihoods, asimov: Likelihoods, theta: Floats, median: Floats, level: float
) -> Floats:
    """Observed limits, in units of the scaled signal, shape (P,)."""
    best = fit(data, theta)
    on_data, on_asimov = best.theta.copy(), theta.copy()

    def distance(active: Integers, strength: Floats) -> tuple[Floats, Floats]:
        seen = fit_at(strength, data.take(active), on_data[active])
        would = fit_at(strength, asimov.take(active), on_asimov[active])
        on_data[active], on_asimov[active] = seen.theta, would.theta
        b, b_slope = _root_of_q(seen, best.point.value[active])
        below_best = strength < best.theta[active, 0]
        b, b_slope = (np.where(below_best, 0.0, values) for values in (b, b_slope))
        value, slope = _log_cls((b, b_slope), _root_of_q(would, 0.0))
        return np.log(level) - value, -slope

    limits = _solve_increasing(distance, best.theta[:, 0] + median)
    return np.where(best.converged, limits, np.nan)


def _log_cls(seen: tuple[Floats, Floats], asimov: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The logarithm of CLs and its slope in mu, from (sqrt(q), slope) of data and Asimov set.

    arXiv:1007.1727 eq. 65-66; CLs = CLs+b / CLb.
    """
    (b, b1), (a, a1) = seen, asimov
    a_safe = np.where(a > 0.0, a, 1.0)
    beyond = b > a
    t = np.where(beyond, (b * b - a * a) / (2.0 * a_safe), b - a)
    t1 = np.where(beyond, (b * b1 - a * a1) / a_safe - t * a1 / a_safe, b1 - a1)
    value = log_ndtr(-(t + a)) - log_ndtr(-t)
    return value, -_hazard(t + a) * (t1 + a1) + _hazard(t) * t1


def _hazard(x: Floats) -> Floats:
    """The unit Gaussian's density over its upper tail."""
    return np.asarray(np.exp(-0.5 * x * x - 0.5 * np.log(2.0 * np.pi) - log_ndtr(-x)))


def _solve_increasing(function: _RootFunction, start: Floats) -> Floats:
    """Positive roots of increasing functions, shape (R,), by Newton steps kept inside a bracket.

    From a first guess > 0. The function gives values and slopes of rows at mu; a NaN value gives
    the row up, whose root is NaN.
    """
    x, root = start.copy(), np.full_like(start, np.nan)
    low, high = np.zeros_like(x), np.full_like(x, np.inf)
    active = np.flatnonzero(np.isfinite(start))
    for _ in range(_LIMIT_STEPS):
        if len(active) == 0:
            break
        at = x[active]
        value, slope = function(active, at)
        low[active] = np.where(value < 0.0, at, low[active])
        high[active] = np.where(value >= 0.0, at, high[active])
        x[active] = _next_guess(at, value, slope, low[active], high[active])
        done = np.abs(x[active] - at) <= _LIMIT_TOLERANCE * at
        root[active[done]] = x[active[done]]
        active = active[~done & np.isfinite(value)]
    return root


def _next_guess(x: Floats, value: Floats, slope: Floats, low: Floats, high: Floats) -> Floats:
    newton = x - value / np.where(slope > 0.0, slope, np.nan)
    # Not more than threefold at a time while nothing bounds the root from above.
    newton = np.where(np.isinf(high), np.minimum(newton, 3.0 * x), newton)
    fallback = np.where(np.isinf(high), 2.0 * x, 0.5 * (low + high))
    return np.where((newton >= low) & (newton <= high), newton, fallback)
