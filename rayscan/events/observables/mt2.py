"""Stransverse mass mT2 of two visible objects and the missing transverse momentum.

mT2 = min over q1 + q2 = pTmiss of max(mT(p1, q1), mT(p2, q2)), both invisible particles having one
trial mass (Lester, Summers, hep-ph/9906349). mT(p, q) < M is the inside of an ellipse in the plane
of q (a parabola for a massless object), and mT2 is the mass at which the two first touch: found by
bisection (Lester, Nachman, arXiv:1411.4312). Good to 1e-4 GeV; to 0.01 GeV for electrons with trial
mass 0, where the ellipses degenerate. E events; momenta and masses in [GeV].
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats

_HALVINGS = 36  # of a bracket of at most some TeV: far below the resolution of float32
Side = Mapping[str, Floats]


def mt2(first: Side, second: Side, missing: Side, *, trial_mass: float) -> Floats:
    """mT2 [GeV], shape (E,), at least the larger visible mass plus the trial mass.

    Args:
        first: ``pt``, ``phi`` and ``mass`` of one visible object, shape (E,) each; NaN if absent.
        second: The same of the other.
        missing: ``pt`` and ``phi`` of the missing transverse momentum.
        trial_mass: Assumed mass of each invisible particle [GeV].

    Returns:
        Shape (E,); NaN where an object is absent.
    """
    present = np.isfinite(first["pt"] + second["pt"] + missing["pt"])
    kept = [{name: v[present] for name, v in side.items()} for side in (first, second, missing)]
    out = np.full(len(present), np.nan)
    out[present] = _bisected(kept[0], kept[1], _transverse(kept[2]), trial_mass)
    return out


def _bisected(first: Side, second: Side, missing: Floats, trial: float) -> Floats:
    low = np.maximum(first["mass"], second["mass"]) + trial
    high = np.maximum(_reached(first, second, missing, trial), low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        one, other = (_conic(side, middle, trial) for side in (first, second))
        apart = _disjoint(one, _opposite(other, missing))
        low, high = np.where(apart, middle, low), np.where(apart, high, middle)
    return high


def _reached(first: Side, second: Side, missing: Floats, trial: float) -> Floats:
    """A mass that some ways of sharing the missing momentum reach: mT2 is no larger."""
    masses = [
        np.maximum(
            _transverse_mass(first, share * missing, trial),
            _transverse_mass(second, (1 - share) * missing, trial),
        )
        for share in (0.0, 0.5, 1.0)
    ]
    least: Floats = np.min(masses, axis=0)
    return least


def _transverse_mass(side: Side, q: Floats, trial: float) -> Floats:
    energies = np.hypot(side["pt"], side["mass"]) * np.sqrt(trial**2 + (q**2).sum(axis=0))
    squared = side["mass"] ** 2 + trial**2 + 2 * (energies - (_transverse(side) * q).sum(axis=0))
    mass: Floats = np.sqrt(np.maximum(squared, 0.0))
    return mass


def _transverse(side: Side) -> Floats:
    """(px, py), shape (2, E)."""
    return np.stack([side["pt"] * np.cos(side["phi"]), side["pt"] * np.sin(side["phi"])])


def _conic(side: Side, mass: Floats, trial: float) -> Floats:
    """Symmetric matrices of the curves mT(p, q) = mass in (qx, qy, 1), shape (3, 3, E).

    With k = (M^2 - m^2 - mu^2) / 2: ET^2 (mu^2 + q^2) <= (k + p.q)^2, over ET^2 and M to be near 1.
    """
    px, py = _transverse(side) / np.hypot(side["pt"], side["mass"])
    k = (mass**2 - side["mass"] ** 2 - trial**2) / 2 / np.hypot(side["pt"], side["mass"])
    rows = [
        [1 - px**2, -px * py, -k * px],
        [-px * py, 1 - py**2, -k * py],
        [-k * px, -k * py, trial**2 - k**2],
    ]
    return np.array(rows)


def _opposite(conic: Floats, missing: Floats) -> Floats:
    """The curve of q2 = pTmiss - q1 drawn in the plane of q1."""
    zero, one = np.zeros_like(missing[0]), np.ones_like(missing[0])
    move = np.array([[-one, zero, missing[0]], [zero, -one, missing[1]], [zero, zero, one]])
    moved: Floats = np.einsum("ije,jke,kle->ile", move.swapaxes(0, 1), conic, move)
    return moved


def _disjoint(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
    """Whether the insides do not meet: the roots of det(x A + B) tell (arXiv:1411.4312, sec. 3)."""
    minors_one, minors_other = _minors(one), _minors(other)
    cubic = (one[0] * minors_one[0]).sum(axis=0)
    square, line = (minors_one * other).sum(axis=(0, 1)), (minors_other * one).sum(axis=(0, 1))
    constant = (other[0] * minors_other[0]).sum(axis=0)
    swap = np.abs(cubic) < np.abs(constant)  # divide by the larger of the two
    top = np.where(swap, constant, cubic)
    a, b, c = (
        np.where(swap, x, y) / top for x, y in ((line, square), (square, line), (cubic, constant))
    )
    distinct = a**2 - 3 * b > 0
    distinct &= -27 * c**2 + 18 * a * b * c + a**2 * b**2 - 4 * a**3 * c - 4 * b**3 > 0
    apart: npt.NDArray[np.bool_] = distinct & ((a < 0) | (3 * a * c + b * a**2 - 4 * b**2 < 0))
    return apart


def _minors(matrix: Floats) -> Floats:
    pairs = ((1, 2), (2, 0), (0, 1))
    return np.stack([np.cross(matrix[i], matrix[j], axis=0) for i, j in pairs])
