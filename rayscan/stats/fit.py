"""Maxima of many likelihoods at once, by damped Newton iteration on exact derivatives.

Shapes: R likelihoods (rows), K parameters theta = (mu, alpha).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rayscan.arrays import Flags, Floats
from rayscan.stats.likelihood import ALPHA_RANGE, Likelihoods, Point
from rayscan.stats.template import Template

# Parameters to hold in a fit.
NOTHING, STRENGTH = slice(0, 0), slice(0, 1)

_FIT_TOLERANCE = 1e-10  # predicted further decrease of -ln L
_FEW_STEPS, _MANY_STEPS = 20, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Maxima of R likelihoods: theta (R, K), the point there, whether the iteration ended (R,)."""

    theta: Floats
    point: Point
    converged: Flags

    @classmethod
    def joined(cls, parts: Sequence[Fit]) -> Fit:
        """Fits one after the other."""
        return cls(
            theta=np.concatenate([part.theta for part in parts]),
            point=Point.joined([part.point for part in parts]),
            converged=np.concatenate([part.converged for part in parts]),
        )


def fit(likelihoods: Likelihoods, start: Floats, held: slice = NOTHING) -> Fit:
    """Maximise likelihoods in mu >= 0 and the normalisations, from a first theta, shape (R, K).

    Parameters that are ``held`` keep their first values.
    """
    first = _newton(likelihoods, start, held, _FEW_STEPS)
    slow = np.flatnonzero(~first.converged)
    if len(slow) == 0:
        return first
    # A narrow, bent valley (an excess that background or signal can explain) takes many steps.
    second = _newton(likelihoods.take(slow), first.theta[slow], held, _MANY_STEPS)
    theta, converged = first.theta, first.converged
    theta[slow], converged[slow] = second.theta, second.converged
    return Fit(theta=theta, point=likelihoods.at(theta), converged=converged)


def _newton(likelihoods: Likelihoods, start: Floats, held: slice, steps: int) -> Fit:
    theta = start.copy()
    damping = np.zeros(len(theta))
    noise = 1e-13 * (1.0 + likelihoods.events.sum(axis=1))
    point = likelihoods.at(theta)
    for _ in range(steps):
        step, decrease = _newton_step(theta, point, damping, held)
        converged = (decrease >= 0.0) & (decrease < _FIT_TOLERANCE) & (damping < 1.0)
        if converged.all():
            break
        step[converged] = 0.0
        trial = _inside(theta + step)
        reached = likelihoods.at(trial)
        better = (decrease >= 0.0) & (reached.value <= point.value + noise)
        theta = np.where(better[:, None], trial, theta)
        point = point.replaced(better, reached)
        relaxed = np.where(damping > 1e-3, 0.1 * damping, 0.0)
        damping = np.where(better, relaxed, np.maximum(10.0 * damping, 1e-2))
    return Fit(theta=theta, point=point, converged=converged)


def background_fit(template: Template, unit: float) -> Fit:
    """The fit of mu = 0 to a template without empty bins; ``unit``: mu = 1 over its signal."""
    data = Likelihoods.of([template], np.array([unit]))
    return fit(data, np.zeros((1, data.alpha0.shape[1] + 1)), STRENGTH)


def _inside(theta: Floats) -> Floats:
    theta[:, 0] = np.maximum(theta[:, 0], 0.0)
    theta[:, 1:] = np.clip(theta[:, 1:], -ALPHA_RANGE, ALPHA_RANGE)
    return theta


def _newton_step(
    theta: Floats, point: Point, damping: Floats, held: slice
) -> tuple[Floats, Floats]:
    """The damped Newton step and the decrease of -ln L it promises (negative: it would climb).

    A parameter at an end of its range stays there while the likelihood falls inwards.
    """
    at_low, at_high = theta <= -ALPHA_RANGE, theta >= ALPHA_RANGE
    at_low[:, 0], at_high[:, 0] = theta[:, 0] <= 0.0, False
    free = ~(at_low & (point.gradient > 0)) & ~(at_high & (point.gradient < 0))
    free[:, held] = False
    gradient = np.where(free, point.gradient, 0.0)
    hessian = np.where(free[:, :, None] & free[:, None, :], point.hessian, 0.0)
    diagonal = np.arange(theta.shape[1])
    size = np.abs(hessian[:, diagonal, diagonal])
    hessian[:, diagonal, diagonal] += np.where(free, damping[:, None] * size + 1e-12, 1.0)
    step = -np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
    return step, -0.5 * (gradient * step).sum(axis=1)
