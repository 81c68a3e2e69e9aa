"""Finite-top-mass weights for a heavy scalar recoiling against a jet, over the heavy-top limit.

Pythia produces H + jet in the heavy-top limit, whose transverse-momentum spectrum is too hard above
the top mass. The ratio of the one-loop matrix elements to that limit is that of U. Baur and
E. W. N. Glover, Nucl. Phys. B339 (1990) 38, whose names W1, W2, W3, A2, A4, A5, b2, b4 are kept.
Invariants are in [GeV^2]: s, t, u of the hard process and H = s + t + u, the scalar's mass squared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rayscan.arrays import Floats, Integers

Complex = NDArray[np.complex128]

TOP_MASS = 173.0
"""Top-quark mass [GeV]."""
_NODES = 600
_QUARKS = (1, 2, 3, 4, 5, 6)


def bubble(invariant: ArrayLike, mass: float) -> Complex:
    """W1, the two-point function of v [GeV^2]: 2 + the integral of log(1 - x(1-x) v/m^2) over x."""
    ratio = np.asarray(invariant, dtype=np.float64) / (4.0 * mass * mass)
    root = np.sqrt(np.abs(1.0 - 1.0 / np.where(ratio == 0.0, 1.0, ratio)))
    size = np.sqrt(np.abs(ratio))
    space = 2.0 * root * np.arcsinh(size)
    below = 2.0 * root * np.arcsin(np.minimum(size, 1.0))
    above = root * (2.0 * np.arccosh(np.maximum(size, 1.0)) - 1j * np.pi)
    result = np.where(ratio < 0.0, space, np.where(ratio < 1.0, below, above))
    return np.where(ratio == 0.0, 2.0 + 0j, result)


def triangle(invariant: ArrayLike, mass: float) -> Complex:
    """W2, the three-point function: 2 x the integral of log(1 - x(1-x) v/m^2) / x over x."""
    ratio = np.asarray(invariant, dtype=np.float64) / (4.0 * mass * mass)
    size = np.sqrt(np.abs(ratio))
    space = 4.0 * np.arcsinh(size) ** 2
    below = -4.0 * np.arcsin(np.minimum(size, 1.0)) ** 2
    rapidity = np.arccosh(np.maximum(size, 1.0))
    above = 4.0 * rapidity**2 - np.pi**2 - 4j * np.pi * rapidity
    return np.where(ratio < 0.0, space, np.where(ratio < 1.0, below, above))


def _nodes() -> tuple[Floats, Floats]:
    """Quadrature on x in [0, 1/2] (integrands are even about 1/2), dense near 0 where they peak."""
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    y = 0.5 * (node + 1.0)
    return 0.5 * y * y, y * weight  # 2 (two halves) x dx/dy = y, x 1/2 of the interval


def _logarithm(invariant: Floats, mass: float, x: Floats) -> Complex:
    argument = 1.0 - invariant[..., None] * x * (1.0 - x) / mass**2
    result: Complex = np.log(np.abs(argument)) - 1j * np.pi * (argument < 0.0)
    return result


@dataclass(frozen=True, slots=True)
class _Leg:
    """An invariant with its loop functions; ``box`` is W3 with this invariant in the middle."""

    value: Floats
    bubble: Complex
    triangle: Complex
    box: Complex


def _legs(s: Floats, t: Floats, u: Floats, mass: float) -> tuple[_Leg, _Leg, _Leg, _Leg]:
    """The legs s, t, u and H. W3(a, b, c, H) = I3(H) - I3(a) - I3(c) shares its denominator."""
    x, weight = _nodes()
    values = (s, t, u)
    total = s + t + u
    logs = [_logarithm(value, mass, x) for value in values]
    log_total = _logarithm(total, mass, x)
    boxes = []
    for b in range(3):
        a, c = (b + 1) % 3, (b + 2) % 3
        pole = mass**2 * values[b] / (values[a] * values[c])
        shape = weight / (pole[..., None] + x * (1.0 - x))
        boxes.append(np.sum(shape * (log_total - logs[a] - logs[c]), axis=-1))
    none = np.zeros_like(boxes[0])
    every = zip((*values, total), (*boxes, none), strict=True)
    legs = [_Leg(v, bubble(v, mass), triangle(v, mass), box) for v, box in every]
    return legs[0], legs[1], legs[2], legs[3]


def _b4(t: _Leg, total: _Leg, mass: float) -> Complex:
    scale = mass**2 / total.value
    return scale * (-2.0 / 3.0 + (scale - 0.25) * (t.triangle - total.triangle + t.box))


def _b2(s: _Leg, t: _Leg, u: _Leg, total: _Leg, mass: float) -> Complex:
    m2, S, T, U = mass**2, s.value, t.value, u.value
    pair = S + U
    terms = (
        S * (U - S) / pair
        + 2.0 * U * T * (U + 2.0 * S) / pair**2 * (t.bubble - total.bubble)
        + (m2 - S / 4.0) * (0.5 * (s.triangle + total.triangle) - t.triangle + t.box)
        + S**2 * (2.0 * m2 / pair**2 - 0.5 / pair) * (t.triangle - total.triangle)
        + U * T / (2.0 * S) * (total.triangle - 2.0 * t.triangle)
        + (S - 12.0 * m2 - 4.0 * U * T / S) / 8.0 * s.box
    )
    return m2 / total.value**2 * terms


def gluon_ratio(s: ArrayLike, t: ArrayLike, u: ArrayLike, mass: float = TOP_MASS) -> Floats:
    """|M|^2 of gg -> gH with a top of finite mass, over the heavy-top limit.

    Invariants have any common shape, s > 0, t < 0, u < 0; the ratio is symmetric in all three.
    """
    real = [np.asarray(v, dtype=np.float64) for v in (s, t, u)]
    first, second, third, total = _legs(real[0], real[1], real[2], mass)

    def a2(a: _Leg, b: _Leg, c: _Leg) -> Complex:
        return _b2(a, b, c, total, mass) + _b2(a, c, b, total, mass)

    legs = (first, second, third)
    helicities = [a2(first, second, third), a2(third, first, second), a2(second, third, first)]
    a4 = sum(_b4(leg, total, mass) for leg in legs)
    squared = sum(np.abs(a) ** 2 for a in (*helicities, a4))
    limit = (total.value**4 + sum(leg.value**4 for leg in legs)) / (9.0 * total.value**4)
    return np.asarray(squared / limit, dtype=np.float64)


def quark_ratio(virtuality: ArrayLike, scalar_squared: ArrayLike, mass: float = TOP_MASS) -> Floats:
    """|M|^2 of qg -> qH (or q qbar -> gH) with a top of finite mass, over the heavy-top limit.

    Only the virtuality v of the gluon that couples to the quark line enters, the momentum transfer
    squared of the line (negative), or s for q qbar annihilation; the limit of the amplitude A5 is
    2/3 (H - v)/H.
    """
    v, total = np.asarray(virtuality, np.float64), np.asarray(scalar_squared, np.float64)
    rest, m2 = total - v, mass**2
    amplitude = (m2 / total) * (
        4.0
        + 4.0 * v / rest * (bubble(v, mass) - bubble(total, mass))
        + (1.0 - 4.0 * m2 / rest) * (triangle(v, mass) - triangle(total, mass))
    )
    return np.asarray(np.abs(1.5 * amplitude * total / rest) ** 2, dtype=np.float64)


def born_ratio(scalar_squared: ArrayLike, mass: float = TOP_MASS) -> Floats:
    """|M|^2 of gg -> H with a top of finite mass, over the heavy-top limit.

    The amplitude's ratio is 3/2 (tau + (tau - 1) f)/tau^2 with tau = H/(4 m^2) and f = -W2/4
    (M. Spira et al., Nucl. Phys. B453 (1995) 17).
    """
    tau = np.asarray(scalar_squared, dtype=np.float64) / (4.0 * mass * mass)
    f = -0.25 * triangle(4.0 * mass * mass * tau, mass)
    return np.asarray(np.abs(1.5 * (tau + (tau - 1.0) * f) / tau**2) ** 2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class FiniteTopTable:
    """Acceptance of hard-process events: finite-top ratio over that of gg -> H, over its envelope.

    Pythia's normalisation already holds the gg -> H width with its top loop; only the change with
    transverse momentum is applied. For gg the ratio is tabulated (its logarithm, (P, M)) at 90
    degrees in (log pT, log mass) [GeV]: it changes by less than 7 % up to two units of rapidity
    difference. For quarks it is exact. The envelope, the largest ratio, is accepted with certainty.
    """

    log_pt: Floats
    log_mass: Floats
    log_gluon: Floats
    envelope: float

    def gluon(self, pt: Floats, mass: Floats) -> Floats:
        """Interpolated gg -> gH ratio at transverse momentum [GeV] and scalar mass [GeV], (E,)."""
        i, a = _place(np.log(pt), self.log_pt)
        j, b = _place(np.log(mass), self.log_mass)
        grid = self.log_gluon
        low = (1.0 - b) * grid[i, j] + b * grid[i, j + 1]
        high = (1.0 - b) * grid[i + 1, j] + b * grid[i + 1, j + 1]
        return np.asarray(np.exp((1.0 - a) * low + a * high), dtype=np.float64)

    def acceptance(self, s: Floats, t: Floats, u: Floats, id1: ArrayLike, id2: ArrayLike) -> Floats:
        """Probability to keep each event, in [0, 1], all of shape (E,).

        From s, t = (p1 - pH)^2, u = (p2 - pH)^2 [GeV^2] and the PDG codes of the incoming partons.
        """
        first, second = np.abs(np.asarray(id1)), np.abs(np.asarray(id2))
        total = s + t + u
        quark1, quark2 = np.isin(first, _QUARKS), np.isin(second, _QUARKS)
        # u is the momentum transfer of parton 1 to the outgoing parton, t that of parton 2
        virtuality = np.where(quark1 & quark2, s, np.where(quark1, u, t))
        quark = quark_ratio(virtuality, total) / born_ratio(total)
        gluon = self.gluon(np.sqrt(t * u / s), np.sqrt(total))
        ratio = np.where(quark1 | quark2, quark, gluon)
        return np.asarray(np.minimum(ratio / self.envelope, 1.0), dtype=np.float64)


def _place(value: Floats, grid: Floats) -> tuple[Integers, Floats]:
    """Cell and position in it, on an even grid; values outside are drawn to its border."""
    position = np.clip((value - grid[0]) / (grid[1] - grid[0]), 0.0, len(grid) - 1.000001)
    cell = position.astype(np.int64)
    return cell, position - cell


def at_right_angles(pt: ArrayLike, mass: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Invariants s, t, u [GeV^2] of a scalar (pT and mass in [GeV]) and a jet at 90 degrees."""
    p, m = np.asarray(pt, np.float64), np.asarray(mass, np.float64)
    s = (np.sqrt(p * p + m * m) + p) ** 2
    t = -0.5 * (s - m * m)
    return s, t, t


@lru_cache(maxsize=8)
def finite_top_table(mass_min: float, mass_max: float, pt_min: float = 80.0) -> FiniteTopTable:
    """The weights for scalars between two masses [GeV] and hard processes above pT [GeV]."""
    log_pt = np.linspace(np.log(pt_min), np.log(6000.0), 30)
    log_mass = np.linspace(np.log(mass_min), np.log(mass_max), 14)
    pt, mass = np.meshgrid(np.exp(log_pt), np.exp(log_mass), indexing="ij")
    gluon = gluon_ratio(*at_right_angles(pt, mass)) / born_ratio(mass**2)
    virtuality = -np.geomspace(pt_min**2, 1e8, 40)
    masses = np.exp(log_mass)[:, None] ** 2
    quark = quark_ratio(virtuality, masses) / born_ratio(masses)
    envelope = float(max(gluon.max(), quark.max()))
    return FiniteTopTable(log_pt, log_mass, np.log(gluon), envelope)
