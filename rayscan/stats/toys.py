"""CLs upper limits by toys: the distribution of q-tilde itself, where events are few.

As pyhf's toy calculator: pseudo-experiments with counts and auxiliary measurements of their own, at
the nuisances that the data prefer, each fitted twice. Only toys without signal are drawn; those
with signal are the same toys with the weight w = L(toy | mu)/L(toy | 0), so that

    CLs(mu) = P(q >= q_obs | mu) / P(q >= q_obs | 0) = mean of w over the toys with q >= q_obs.

With known background w >= exp(-S) for every outcome, and so is each of these means: no limit lies
below -ln(level) events, whatever the number of toys.

What is measured of the signal's own efficiency and of the luminosity stays as it is in all toys
(pyhf lets it fluctuate): a fluctuation of it alone would count against the signal, and limits would
*fall* with its uncertainty, below -ln(level): without background by 5 % for 10 %. R toys, b bins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import ndtr

from rayscan.arrays import Floats, Integers
from rayscan.seeds import stream
from rayscan.stats.fit import NOTHING, STRENGTH, Fit, fit
from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.profile import BANDS, fit_at, signal_unit
from rayscan.stats.template import Template

TOYS = 4_000
_MOST_BINS = 24
_AT_ONCE = 200_000  # toys x bins of one block of fits
_TIES = 1e-6
_NOTHING = 1e-300
_LEAST_GAMMA = 0.01
"""No simulation measures a background below none; beyond 40 % of uncertainty some toys would."""
_MOST_FAILED = 0.01
_CLOSE = 0.01  # of ln CLs, and of relative distance of two strengths around a root
_ROUNDS = 30
"""A bracket that grows by half reaches 200,000 times the first guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyLimits:
    """Upper limits on mu; NaN where none was found.

    Attributes:
        observed: The limit of the template's own data.
        expected: At -2, -1, 0, 1, 2 standard deviations of background-only data, shape (5,).
        error: Statistical error of the median.
    """

    observed: float
    expected: Floats
    error: float


def toy_limits(template: Template, level: float, *, seed: int = 0, toys: int = TOYS) -> ToyLimits:
    """CLs limits of one template from the distribution of q-tilde.

    Every template sees the same random numbers, so that limits do not depend on their neighbours
    or on the unit of the signal.

    Args:
        template: With signal, without bins of no background and without uncertain shape.
        level: CLs at the limit.
        seed: Root of the random stream.
        toys: Number of toys. Beside the -2 sigma edge lie 2.3 % of them.
    """
    merged = of_like_bins(template, _MOST_BINS)
    unit = signal_unit(merged)
    data = Likelihoods.of([merged], np.array([unit]))
    null = fit(data, np.zeros((1, data.alpha0.shape[1] + 1)), STRENGTH)
    drawn = _draw(data, null, stream(seed, "toys of limits"), toys)
    ensemble = _Ensemble(data, null, drawn, level)
    found, errors = _roots(ensemble, np.array([0.6, 1.0, 1.7, 3.0]))
    usable = null.converged[0] and np.mean(~ensemble.free.converged) <= _MOST_FAILED
    found = found * unit if usable else np.full_like(found, np.nan)
    return ToyLimits(observed=float(found[-1]), expected=found[:-1], error=float(errors * unit))


def of_like_bins(template: Template, most: int) -> Template:
    """The template with bins of nearly the same signal-to-background ratio r taken together.

    Likelihood ratios tell bins apart by r alone. Groups lose least where they are cut at equal
    steps of (b dr^2)^(1/3), the best quantiser of a density; 24 raise a limit by 0.1 to 1.5 %.
    """
    if len(template.signal) <= most:
        return template
    background = template.background
    ratio = template.signal / background
    order = np.argsort(ratio, kind="stable")
    place = np.cumsum(np.cbrt(background[order] * np.gradient(ratio[order]) ** 2))
    steps = np.minimum(place / max(place[-1], _NOTHING) * most, most - 1).astype(np.int64)
    into = np.empty(len(order), dtype=np.int64)
    into[order] = np.unique(steps, return_inverse=True)[1]
    return template.grouped(into)


def _draw(data: Likelihoods, null: Fit, rng: np.random.Generator, toys: int) -> Likelihoods:
    """Background-only toys: counts, and what is measured of the background's nuisances."""
    many = data.take(np.zeros(toys, dtype=np.int64))
    width = np.sqrt(many.width2)
    pulled = np.where(many.log_kappa > 0, 1.0, 0.0)
    pulled[:, [0, -1]] = 0.0  # the signal's own, and the luminosity
    # In this order, the counts first: they are the same whatever the uncertainties.
    events = rng.poisson(null.point.expected, size=many.events.shape).astype(np.float64)
    gamma0 = null.point.gamma + width * rng.standard_normal(width.shape)
    gamma0 = np.maximum(gamma0, _LEAST_GAMMA)
    alpha0 = null.theta[:, 1:] + pulled * rng.standard_normal(pulled.shape)
    return replace(many, events=events, gamma0=gamma0, alpha0=alpha0)


def _blocks(drawn: Likelihoods, start: Floats, strength: float | None = None) -> Fit:
    """Fits of many toys, so many at a time that they stay in the cache of the processor."""
    rows = max(_AT_ONCE // drawn.events.shape[1], 1)
    held, start = NOTHING, start.copy()
    if strength is not None:
        held, start[:, 0] = STRENGTH, strength
    blocks = np.split(np.arange(len(start)), range(rows, len(start), rows))
    return Fit.joined([fit(drawn.take(taken), start[taken], held) for taken in blocks])


class _Ensemble:
    """Background-only toys, and ln(CLs/level) of the five bands and of the data at any mu."""

    def __init__(self, data: Likelihoods, null: Fit, drawn: Likelihoods, level: float) -> None:
        self.data, self.null, self.drawn, self.level = data, null, drawn, level
        self.free = _blocks(drawn, np.repeat(null.theta, len(drawn.events), axis=0))
        self.states = self.free.theta.copy()
        self.best = fit(data, null.theta)
        self.on_data = self.best.theta.copy()

    def at(self, strength: float) -> Floats:
        """ln(CLs/level) at -2 .. 2 sigma and of the data; then that of the median +- its error."""
        fitted = _blocks(self.drawn, self.states, strength)
        self.states = fitted.theta
        q = _q(fitted, self.free, strength)
        one = fit_at(np.array([strength]), self.data, self.on_data)
        seen = _q(one, self.best, strength)[0]
        usable = fitted.converged & self.free.converged
        q, weights = q[usable], self._weights(one)[usable]
        order = np.argsort(-q, kind="stable")
        q, weights = q[order], _falling(q[order], weights[order])
        mean = np.cumsum(weights) / np.arange(1, len(q) + 1)
        shares = ndtr(np.array(BANDS, dtype=np.float64))
        step = 0.5 / np.sqrt(len(q))  # of the median's place among the toys
        places = np.ceil(np.concatenate([shares, 0.5 + np.array([-step, step])]) * len(q)) - 1
        bands = _last_of_ties(q, q[places.astype(np.int64)])
        # No toy as extreme as the data: the most extreme one is the nearest that is known.
        of_data = max(_last_of_ties(q, np.array([seen]))[0], 0)
        values = np.log(mean / self.level)
        noise = _noise(weights, int(bands[BANDS.index(0)]))
        return np.array([*values[bands[:5]], values[of_data], *values[bands[5:]], noise])

    def _weights(self, one: Fit) -> Floats:
        """L(toy | mu)/L(toy | 0), both at the nuisances that the data prefer, shape (R,)."""
        toys, null = self.drawn, self.null
        with_signal, without = one.point.expected, null.point.expected
        found = toys.events @ np.log(with_signal / without)[0] - (with_signal - without).sum()
        for seen, new, old, width2 in (
            (toys.gamma0, one.point.gamma, null.point.gamma, toys.width2),
            # Only of what fluctuates: not of the signal's own and the luminosity (see `_draw`).
            (toys.alpha0[:, 1:-1], one.theta[:, 2:-1], null.theta[:, 2:-1], np.ones(1)),
        ):
            pull = (seen - old) ** 2 - (seen - new) ** 2
            found += 0.5 * np.divide(pull, width2, out=np.zeros_like(pull), where=width2 > 0).sum(1)
        return np.asarray(np.exp(found))


def _q(fitted: Fit, free: Fit, strength: float) -> Floats:
    """q-tilde; differences of the size of the fits' tolerance are ties."""
    q = 2.0 * np.maximum(fitted.point.value - free.point.value, 0.0)
    return np.where(free.theta[:, 0] > strength, 0.0, np.round(q / _TIES) * _TIES)


def _falling(q: Floats, weights: Floats) -> Floats:
    """Weights in order of falling q, smoothed so that they fall with q as likelihood ratios do."""
    same = np.cumsum(np.diff(q, prepend=q[0]) < -_TIES)
    ties = np.bincount(same)
    means = np.bincount(same, weights) / ties
    smooth = isotonic_regression(means, weights=ties.astype(np.float64)).x
    return np.asarray(smooth[same])


def _last_of_ties(q: Floats, wanted: Floats) -> Integers:
    """The last place of a falling q that is not below (by more than a tie) the wanted values."""
    return np.searchsorted(-q, -(wanted - 2 * _TIES), side="right") - 1


def _noise(weights: Floats, last: int) -> float:
    """Relative error of a mean of weights."""
    used = weights[: last + 1]
    return float(used.std() / used.mean() / np.sqrt(len(used)))


def _roots(ensemble: _Ensemble, start: Floats) -> tuple[Floats, float]:
    """Where ln(CLs/level) of the bands and the data crosses 0, shape (6,); error of the median.

    Strengths are added where a line between two known ones crosses, until the two are close.
    """
    known = {float(mu): ensemble.at(float(mu)) for mu in start}
    for _ in range(_ROUNDS):
        wanted = _unresolved(known)
        if not wanted:
            break
        known |= {mu: ensemble.at(mu) for mu in wanted}
    at, values = _sorted(known)
    found = np.array([_crossing(at, values[:, band])[0] for band in range(len(BANDS) + 1)])
    return found, _error(at, values, float(found[BANDS.index(0)]))


def _sorted(known: dict[float, Floats]) -> tuple[Floats, Floats]:
    at = np.array(sorted(known))
    return at, np.array([known[float(mu)] for mu in at])


def _unresolved(known: dict[float, Floats]) -> list[float]:
    at, values = _sorted(known)
    wanted: list[float] = []
    for band in range(len(BANDS) + 1):
        guess, resolved = _crossing(at, values[:, band])
        new = not np.any(np.isclose(guess, [*at, *wanted], rtol=_CLOSE / 4))
        if not resolved and new:
            wanted.append(float(guess))
    return wanted


def _crossing(at: Floats, value: Floats) -> tuple[float, bool]:
    """The first root of a falling function known at some places, and whether it is close enough."""
    below = np.flatnonzero(value < 0)
    if len(below) == 0:
        return 1.5 * float(at[-1]), False
    high = int(below[0])
    if high == 0:
        return float(at[0]) / 1.5, False
    share = value[high - 1] / (value[high - 1] - value[high])
    root = float(at[high - 1] + share * (at[high] - at[high - 1]))
    near = min(value[high - 1], -value[high]) < _CLOSE
    return root, bool(near or at[high] < at[high - 1] * (1 + _CLOSE))


def _error(at: Floats, values: Floats, median: float) -> float:
    """The median's error: of its place among the toys, and of the mean weight up to there."""
    lower, upper, noise = (np.interp(median, at, column) for column in values[:, 6:].T)
    middle = values[:, BANDS.index(0)]
    slope = float(np.interp(median, at, np.gradient(middle, at)))
    return float(np.hypot(0.5 * (upper - lower), noise) / max(-slope, _NOTHING))
