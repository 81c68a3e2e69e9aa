"""Significance of a counting experiment: S/sqrt(B), Asimov with an uncertain background."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rayscan.arrays import Floats
from rayscan.errors import SampleUnusableError

_SERIES_BELOW = 0.02
_SERIES_TERMS = 12


def asimov(
    signal: ArrayLike, background: ArrayLike, background_error: ArrayLike = 0.0
) -> Floats | float:
    r"""The median discovery significance of an expected signal over an uncertain background.

    Z_A^2 = 2 [ (s+b) ln((s+b)(b+v) / (b^2 + (s+b)v)) - (b^2/v) ln(1 + v s / (b (b+v))) ] with
    v = background_error^2 (Cowan 2012; arXiv:1806.00322 eq. 5; without error arXiv:1007.1727
    eq. 97), evaluated without the cancellations of this form for s << b and for v -> 0.

    Args:
        signal: Expected signal events s >= 0, any shape.
        background: Expected background events b >= 0, broadcast with ``signal``.
        background_error: Absolute uncertainty of the background [events].

    Returns:
        Z_A. For b = 0 infinite without an uncertainty (0 if s = 0 too), and 0 with one.

    Raises:
        SampleUnusableError: An argument is negative or not finite.

    >>> round(asimov(14, 5, 0.3 * 5), 7)
    3.6149635
    """
    s, b, v = np.broadcast_arrays(
        _counts(signal, "signal"),
        _counts(background, "background"),
        _counts(background_error, "background_error") ** 2,
    )
    usable = (b > 0) & (s > 0)
    s_, b_, v_ = (np.where(usable, values, 1.0) for values in (s, b, v))
    squared = np.maximum(_asimov_squared(s_, b_, v_), 0.0)
    empty = np.where((s > 0) & (v == 0.0), np.inf, 0.0)
    return _plain(np.where(usable, np.sqrt(squared), empty))


def combine(significances: ArrayLike, axis: int = -1) -> Floats | float:
    """Significances of uncorrelated bins or channels in quadrature, Z^2 = sum Z_i^2.

    >>> combine([3.0, 4.0])
    5.0
    """
    values = np.asarray(significances, dtype=np.float64)
    return _plain(np.sqrt(np.sum(values * values, axis=axis)))


def _asimov_squared(s: Floats, b: Floats, v: Floats) -> Floats:
    """Z_A^2 for s, b > 0.

    With D = b^2 + (s+b)v, x = s b/D, y = v s/(b (b+v)) and k(t) = (ln(1+t) - t)/t^2 it is

        2 [(s+b) ln(1+x) - s b/(b+v) ln(1+y)/y]                           used for x >= 1, and
        2 s^2 [b^2/(D (b+v)) + (s+b) b^2 k(x)/D^2 - v k(y)/(b+v)^2]       else:

    in the first the two terms cancel for small x, in the second ln(1+x) - x loses digits for large.
    """
    d = b * b + (s + b) * v
    x, y = s * b / d, v * s / (b * (b + v))
    remainder = _log_remainder(y)
    plain = (s + b) * np.log1p(x) - s * b / (b + v) * (1.0 + y * remainder)
    expanded = (
        (b / d) * (b / (b + v))
        + (s + b) * (b / d) ** 2 * _log_remainder(x)
        - v / (b + v) ** 2 * remainder
    )
    return np.asarray(2.0 * np.where(x >= 1.0, plain, s * s * expanded))


def _log_remainder(t: Floats) -> Floats:
    """(ln(1+t) - t)/t^2 for t >= 0, by its series where the difference would cancel."""
    series = np.zeros_like(t)
    small = np.where(t < _SERIES_BELOW, t, 0.0)
    for power in range(_SERIES_TERMS, 1, -1):
        series = series * small + (-1.0) ** (power + 1) / power
    large = np.where(t < _SERIES_BELOW, 1.0, t)
    return np.where(t < _SERIES_BELOW, series, (np.log1p(large) - large) / large**2)


def _counts(values: ArrayLike, name: str) -> Floats:
    counts = np.asarray(values, dtype=np.float64)
    if not bool(np.all(np.isfinite(counts) & (counts >= 0.0))):
        raise SampleUnusableError(what=name, expected="finite numbers >= 0", found=f"{values!r}")
    return counts


def _plain(values: Floats) -> Floats | float:
    return float(values) if values.ndim == 0 else values
