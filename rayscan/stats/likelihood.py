"""The likelihoods of many templates at once: value, gradient and Hessian in mu and normalisations.

Shapes: R rows (likelihoods), s samples (the signal first), b bins, k nuisance parameters alpha (one
normalisation per sample, then the luminosity), K = 1 + k parameters theta = (mu, alpha).

The gammas never appear as parameters: in each bin the gamma that maximises the likelihood is the
root of a quadratic. With the expected events nu = A + gamma B (B is what gamma acts on), n events
seen, delta the width and gamma0 the centre of the constraint, d(-ln L)/d gamma = 0 reads

    B gamma^2 + gamma (A - B q) - A q - delta^2 n B = 0,    q = gamma0 - delta^2 B.

What is left depends on the parameters through A and B only. With u = 1 - n/nu and w = n/nu^2 (first
and second derivative of -ln L with respect to nu), the derivatives with respect to A and B are
u and gamma u, and the second ones

    e_i e_j w - k_i k_j delta^2 / (1 + delta^2 B^2 w),    e = (1, gamma),  k = (B w, u + gamma B w),

which needs the bins only in two products of (samples x bins) matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.special import kl_div

from rayscan.arrays import Flags, Floats, Integers
from rayscan.stats.interpolation import code4, interpolate
from rayscan.stats.template import SIGNAL, Template

# The ranges pyhf gives its parameters; the same, so that its limits are ours where a fit hits them.
ALPHA_RANGE = 5.0
GAMMA_RANGE = (1e-10, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """-ln L (up to a constant) at a point and its derivatives there.

    Attributes:
        value: -ln L minus that of a perfect fit, hence >= 0, shape (R,).
        gradient: With respect to theta, gammas profiled, shape (R, K).
        hessian: Shape (R, K, K).
        gamma: The gammas that maximise the likelihood, shape (R, b).
        expected: Expected events with them, shape (R, b).
    """

    value: Floats
    gradient: Floats
    hessian: Floats
    gamma: Floats
    expected: Floats

    def replaced(self, rows: Flags, other: Point) -> Point:
        """This point with the rows where ``rows`` is true taken from another."""

        def pick(name: str) -> Floats:
            old, new = getattr(self, name), getattr(other, name)
            return np.asarray(np.where(rows.reshape(-1, *[1] * (old.ndim - 1)), new, old))

        return Point(**{f.name: pick(f.name) for f in fields(self)})

    @classmethod
    def joined(cls, parts: Sequence[Point]) -> Point:
        """Points one after the other."""
        names = [f.name for f in fields(cls)]
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """R likelihoods with their data.

    Attributes:
        yields: Expected events at mu = 1, all factors 1, shape (R, s, b).
        acted: 1 where gamma acts on the sample, else 0, shape (R, s, 1).
        width2: Squared relative width of the gammas, shape (R, b).
        log_kappa: Logarithm of the factor at alpha = 1, shape (R, k).
        polynomial: a_1..a_6 of pyhf's code4 inside |alpha| < 1, shape (R, k, 6).
        events: Events seen, shape (R, b).
        gamma0: Centres of the constraints on gamma, shape (R, b).
        alpha0: Centres of the constraints on alpha, shape (R, k).
    """

    yields: Floats
    acted: Floats
    width2: Floats
    log_kappa: Floats
    polynomial: Floats
    events: Floats
    gamma0: Floats
    alpha0: Floats

    @classmethod
    def of(cls, templates: Sequence[Template], unit: Floats) -> Likelihoods:
        """The likelihoods of templates with as many samples each.

        Fewer bins than the widest template has are filled up with bins of nothing expected and
        nothing seen, which change no likelihood.

        Args:
            templates: R templates without empty bins.
            unit: The signal at mu = 1, in units of the template's signal, shape (R,).
        """
        bins = max(len(t.signal) for t in templates)
        yields = np.array(
            [
                [_filled(v, bins) for v in (t.signal, *(b for _, b in t.backgrounds))]
                for t in templates
            ]
        )
        yields[:, 0] *= unit[:, None]
        acted = np.ones((*yields.shape[:2], 1))
        acted[:, 0, 0] = [t.signal_stat is not None for t in templates]
        relative = np.array([_relative(t) for t in templates])
        observed = [t.background if t.observed is None else t.observed for t in templates]
        return cls(
            yields=yields,
            acted=acted,
            width2=np.array([_filled(t.gamma_widths, bins) for t in templates]) ** 2,
            log_kappa=np.log1p(relative),
            polynomial=code4(np.log1p(relative)),
            events=np.array([_filled(values, bins) for values in observed]),
            gamma0=np.ones((len(templates), bins)),
            alpha0=np.zeros_like(relative),
        )

    def take(self, rows: Integers) -> Likelihoods:
        """These rows, possibly repeated."""
        return Likelihoods(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def asimov(self, theta: Floats, at: Point) -> Likelihoods:
        """The same models with data that are exactly what theta and its gammas expect."""
        return replace(self, events=at.expected, gamma0=at.gamma, alpha0=theta[:, 1:])

    def at(self, theta: Floats) -> Point:
        """The likelihoods at theta (mu and the alphas), shape (R, K), gammas profiled."""
        factors = self._factors(theta)
        scaled = self.yields * factors.factor[:, :, None]
        inside = (scaled * self.acted).sum(axis=1)
        outside = (scaled * (1.0 - self.acted)).sum(axis=1)
        gamma, moves = self._gamma(outside, inside)
        expected = outside + gamma * inside
        return Point(
            value=self._value(theta, gamma, expected),
            gamma=gamma,
            expected=expected,
            **self._derivatives(theta, factors, inside, gamma, moves, expected),
        )

    def _factors(self, theta: Floats) -> _Factors:
        f, f1, f2 = interpolate(theta[:, 1:], self.log_kappa, self.polynomial)
        strength = np.ones((len(theta), self.yields.shape[1]))
        strength[:, 0] = theta[:, 0]
        return _Factors(strength=strength, f=f, f1=f1, f2=f2)

    def _gamma(self, outside: Floats, inside: Floats) -> tuple[Floats, Flags]:
        """The profiled gammas, and where they are free to move (not at an end of their range)."""
        a = outside / np.where(inside > 0, inside, 1.0)
        q = self.gamma0 - self.width2 * inside
        noise = self.width2 * self.events
        root = np.sqrt((q + a) ** 2 + 4.0 * noise)
        upper = 0.5 * (q - a + root)
        # The same root without cancellation where q < a.
        lower = 2.0 * (q * a + noise) / np.where(q < a, root - (q - a), 1.0)
        gamma = np.where(q < a, lower, upper)
        low, high = GAMMA_RANGE
        return np.clip(gamma, low, high), (gamma > low) & (gamma < high)

    def _value(self, theta: Floats, gamma: Floats, expected: Floats) -> Floats:
        pull2 = (gamma - self.gamma0) ** 2 / np.where(self.width2 > 0, self.width2, np.inf)
        bins = (kl_div(self.events, expected) + 0.5 * pull2).sum(axis=1)
        return np.asarray(bins + 0.5 * ((theta[:, 1:] - self.alpha0) ** 2).sum(axis=1))

    def _derivatives(
        self,
        theta: Floats,
        factors: _Factors,
        inside: Floats,
        gamma: Floats,
        moves: Flags,
        expected: Floats,
    ) -> dict[str, Floats]:
        filled = np.where(expected > 0, expected, 1.0)
        u, w = 1.0 - self.events / filled, self.events / filled**2
        direct = self.yields * (1.0 + self.acted * (gamma - 1.0)[:, None, :])
        by_sample = (direct * u[:, None, :]).sum(axis=2)
        bw = inside * w
        through = self.yields * (bw[:, None, :] + self.acted * (u + (gamma - 1.0) * bw)[:, None, :])
        softness = np.where(moves, self.width2, 0.0) / (1.0 + self.width2 * inside * bw)
        direct *= np.sqrt(w)[:, None, :]
        through *= np.sqrt(softness)[:, None, :]
        second = direct @ direct.transpose(0, 2, 1) - through @ through.transpose(0, 2, 1)
        jacobian = factors.jacobian()
        gradient = (by_sample[:, None, :] @ jacobian)[:, 0]
        gradient[:, 1:] += theta[:, 1:] - self.alpha0
        hessian = jacobian.transpose(0, 2, 1) @ second @ jacobian
        factors.add_curvature(hessian, by_sample)
        constrained = np.arange(1, theta.shape[1])
        hessian[:, constrained, constrained] += 1.0
        return {"gradient": gradient, "hessian": hessian}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Factors:
    """The factor of each sample: strength (mu or 1) x its normalisation x the luminosity.

    f, f1 and f2 are the factors of the k alphas with their derivatives, each of shape (R, k).
    """

    strength: Floats
    f: Floats
    f1: Floats
    f2: Floats

    @property
    def factor(self) -> Floats:
        """Shape (R, s)."""
        return self.strength * self.f[:, :-1] * self.f[:, -1:]

    def jacobian(self) -> Floats:
        """Derivatives of the factors with respect to theta, shape (R, s, K)."""
        rows, samples = self.strength.shape
        derivatives = np.zeros((rows, samples, samples + 2))
        each = np.arange(samples)
        derivatives[:, 0, 0] = self.f[:, 0] * self.f[:, -1]
        derivatives[:, each, each + 1] = self.strength * self.f1[:, :-1] * self.f[:, -1:]
        derivatives[:, :, -1] = self.strength * self.f[:, :-1] * self.f1[:, -1:]
        return derivatives

    def add_curvature(self, hessian: Floats, slope: Floats) -> None:
        """Add the second derivatives of the factors times the slope (R, s) of -ln L in them."""
        each = np.arange(1, slope.shape[1] + 1)
        own, common = self.f[:, :-1], self.f[:, -1:]
        weighted = self.strength * slope
        hessian[:, each, each] += weighted * self.f2[:, :-1] * common
        hessian[:, -1, -1] += (weighted * own).sum(axis=1) * self.f2[:, -1]
        mixed = weighted * self.f1[:, :-1] * self.f1[:, -1:]
        hessian[:, each, -1] += mixed
        hessian[:, -1, each] += mixed
        for other, value in (
            (1, self.f1[:, 0] * self.f[:, -1]),
            (-1, self.f[:, 0] * self.f1[:, -1]),
        ):
            hessian[:, 0, other] += value * slope[:, 0]
            hessian[:, other, 0] += value * slope[:, 0]


def _filled(values: Floats, bins: int) -> Floats:
    return np.pad(values, (0, bins - len(values)))


def _relative(template: Template) -> list[float]:
    names = [SIGNAL, *(name for name, _ in template.backgrounds)]
    own = [template.normalisation.get(name, 0.0) for name in names]
    return [*own, template.luminosity_uncertainty]
