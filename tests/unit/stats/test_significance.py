"""Tests of significances, against published numbers and arbitrary precision."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import SampleUnusableError
from rayscan.stats.significance import asimov, combine

events = st.floats(1e-6, 1e6)
# The oracle's 80 digits carry no smaller uncertainty than 1e-20 of the background.
relatives = st.just(0.0) | st.floats(1e-20, 1e-6) | st.floats(1e-6, 1)


def exact(s, b, sigma):
    """The textbook formula with 80 digits, where its cancellations do no harm."""
    with localcontext() as context:
        context.prec = 80
        s, b, v = Decimal(s), Decimal(b), Decimal(sigma) ** 2
        if v == 0:
            half = (s + b) * (1 + s / b).ln() - s
        else:
            first = ((s + b) * (b + v) / (b * b + (s + b) * v)).ln()
            half = (s + b) * first - b * b / v * (1 + v * s / (b * (b + v))).ln()
        return float((2 * half).sqrt())


@pytest.mark.parametrize(
    ("s", "b", "sigma", "expected", "digits"),
    [
        (14, 5, 0.3 * 5, 3.6149635, 5e-8),  # comment in the code of arXiv:1806.00322
        (10, 100, 0, 0.984, 5e-4),
        (10, 100, 10, 0.690, 5e-4),
        (50, 100, 50, 0.855, 5e-4),
        (31.15, 20762.4, 0, 0.216, 5e-4),
        (31.15, 20762.4, 2076.24, 0.0150, 5e-5),
        (958.4, 20762.4, 2076.24, 0.454, 5e-4),
    ],
)
def test_published_significances_come_out(s, b, sigma, expected, digits):
    assert asimov(s, b, sigma) == pytest.approx(expected, abs=digits)


@given(events, events, relatives)
def test_the_significance_is_exact_for_any_size(s, b, relative):
    assert asimov(s, b, relative * b) == pytest.approx(exact(s, b, relative * b), rel=1e-11)


@given(events, events)
def test_a_vanishing_uncertainty_is_the_limit(s, b):
    assert asimov(s, b, 1e-9 * b) == pytest.approx(asimov(s, b), rel=1e-6)


def test_a_small_signal_has_s_over_sqrt_b():
    assert asimov(1e-6, 1e4) == pytest.approx(1e-6 / np.sqrt(1e4), rel=1e-9)
    assert asimov(1e-6, 1e4, 100) == pytest.approx(1e-6 / np.sqrt(2e4), rel=1e-9)


def test_no_background_is_certain_only_without_an_uncertainty():
    assert asimov(1.0, 0.0) == np.inf
    assert asimov(1.0, 0.0, 1.0) == 0.0
    assert asimov(0.0, 0.0) == 0.0
    assert asimov(0.0, 5.0, 1.0) == 0.0


def test_bins_are_broadcast_and_combined_in_quadrature():
    found = asimov(np.array([[10.0], [50.0]]), 100.0, np.array([0.0, 10.0, 50.0]))
    assert found.shape == (2, 3)
    assert combine([3.0, 4.0]) == 5.0
    np.testing.assert_allclose(combine(found, axis=0), np.sqrt((found**2).sum(axis=0)))


@pytest.mark.parametrize("arguments", [(-1, 5), (1, -5), (1, 5, -1), (np.nan, 5), (1, np.inf)])
def test_impossible_counts_are_refused(arguments):
    with pytest.raises(SampleUnusableError, match="finite numbers >= 0"):
        asimov(*arguments)
