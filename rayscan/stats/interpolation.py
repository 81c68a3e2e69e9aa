"""The factor of a relative uncertainty between its one sigma variations, as pyhf has it.

Shapes: R rows, k nuisance parameters alpha.
"""

from __future__ import annotations

import numpy as np

from rayscan.arrays import Floats

# Value, slope and curvature of 1 + sum_i a_i alpha^i (i = 1..6) at alpha = +1 and -1.
_POWERS = np.arange(1, 7)
_SIGNS = (-1.0) ** _POWERS
_CODE4 = np.linalg.inv(
    np.array(
        [
            np.ones(6),
            _SIGNS,
            _POWERS,
            -_POWERS * _SIGNS,
            _POWERS * (_POWERS - 1.0),
            _POWERS * (_POWERS - 1.0) * _SIGNS,
        ]
    )
)


def code4(log_kappa: Floats) -> Floats:
    """Coefficients that continue kappa^alpha smoothly through |alpha| < 1, shape (R, k, 6)."""
    up, down = np.exp(log_kappa), np.exp(-log_kappa)
    slope, bend = log_kappa, log_kappa**2
    ends = [up - 1.0, down - 1.0, slope * up, slope * down, bend * up, bend * down]
    return np.asarray(np.stack(ends, axis=-1) @ _CODE4.T)


def interpolate(
    alpha: Floats, log_kappa: Floats, polynomial: Floats
) -> tuple[Floats, Floats, Floats]:
    """kappa^alpha as pyhf's code4 has it, with its first and second derivative."""
    near = np.clip(alpha, -1.0, 1.0)
    value, first, second = (np.zeros_like(alpha) for _ in range(3))
    for coefficient in (*np.moveaxis(polynomial, -1, 0)[::-1], 1.0):
        second = second * near + 2.0 * first
        first = first * near + value
        value = value * near + coefficient
    power = np.exp(alpha * log_kappa)
    far = np.abs(alpha) >= 1.0
    return (
        np.where(far, power, value),
        np.where(far, power * log_kappa, first),
        np.where(far, power * log_kappa**2, second),
    )
