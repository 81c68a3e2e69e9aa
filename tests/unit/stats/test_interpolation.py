"""Tests of the interpolated normalisation factor, against pyhf's interpolator."""

from __future__ import annotations

import numpy as np
import pytest
from pyhf.interpolators.code4 import code4 as pyhf_code4

from rayscan.stats.interpolation import code4, interpolate


def factor(alpha, relative):
    log_kappa = np.full((len(alpha), 1), np.log1p(relative))
    return [v[:, 0] for v in interpolate(alpha[:, None], log_kappa, code4(log_kappa))]


@pytest.mark.parametrize("relative", [0.0, 0.02, 0.5, 3.0])
def test_the_factor_is_that_of_pyhf(relative):
    alpha = np.linspace(-5.0, 5.0, 101)
    variations = [[[[1.0 / (1.0 + relative)], [1.0], [1.0 + relative]]]]
    expected = np.ravel(pyhf_code4(variations)(alpha[None]))
    np.testing.assert_allclose(factor(alpha, relative)[0], expected, rtol=1e-12)


@pytest.mark.parametrize("relative", [0.02, 0.5, 3.0])
def test_derivatives_of_the_factor_are_its_slopes_and_smooth_at_one_sigma(relative):
    alpha, step = np.linspace(-2.0, 2.0, 81), 1e-5
    (low, low1, _), (_, first, second), (high, high1, _) = (
        factor(alpha + shift, relative) for shift in (-step, 0.0, step)
    )
    np.testing.assert_allclose(first, (high - low) / (2 * step), rtol=1e-6, atol=1e-6)
    # The third derivative jumps at one sigma: a difference across it is right to one step.
    np.testing.assert_allclose(second, (high1 - low1) / (2 * step), rtol=1e-3, atol=1e-3)
