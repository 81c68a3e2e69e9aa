"""Tests of profiled limits, against closed forms and their own symmetries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from rayscan.stats.profile import BANDS, profile_limits
from rayscan.stats.template import Template


def counting(s, b, n=None):
    observed = None if n is None else [n]
    return Template(signal=[s], backgrounds=(("b", [b]),), observed=observed)


def deviance(n, nu):
    return 2.0 * (nu - n + (n * np.log(n / nu) if n > 0 else 0.0))


def counting_cls(mu, s, b, n):
    """CLs of a one-bin experiment with known background (arXiv:1007.1727 eq. 16, 65, 66)."""
    best = max(n / s - b / s, 0.0)
    q = 0.0 if best > mu else deviance(n, mu * s + b) - deviance(n, best * s + b)
    qa = deviance(b, mu * s + b)
    if q <= qa:
        return norm.sf(np.sqrt(q)) / norm.sf(np.sqrt(q) - np.sqrt(qa))
    return norm.sf((q + qa) / (2 * np.sqrt(qa))) / norm.sf((q - qa) / (2 * np.sqrt(qa)))


@pytest.mark.parametrize("level", [0.05, 0.1])
@pytest.mark.parametrize("n", [0, 1, 3, 10, 25, 60])
def test_the_observed_limit_of_a_counting_experiment_is_the_closed_form(n, level):
    s, b = 4.0, 10.0
    found = profile_limits([counting(s, b, n)], level).observed[0]
    expected = brentq(lambda mu: counting_cls(mu, s, b, n) - level, 1e-6, 100, xtol=1e-12)
    assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("b", [0.01, 1.0, 100.0, 1e7])
def test_expected_limits_of_a_counting_experiment_are_the_closed_form(b):
    found = profile_limits([counting(3.0, b)], 0.05).expected[0]
    for limit, band in zip(found, BANDS, strict=True):
        root = norm.isf(0.05 * norm.cdf(band)) + band
        upper = 10 * (np.sqrt(b) + 10)
        expected = brentq(lambda s, q: deviance(b, s + b) - q, 0, upper, (root**2,), xtol=1e-10)
        assert 3.0 * limit == pytest.approx(expected, rel=1e-6)


def test_a_large_background_has_the_gaussian_limit():
    """1.96 sqrt(B) for the median, with an uncertainty in quadrature as long as it is small."""
    b = 1e8
    assert profile_limits([counting(1.0, b)], 0.05).expected[0, 2] == pytest.approx(
        1.959964 * 1e4, rel=1e-3
    )
    uncertain = replace(counting(1.0, b), normalisation={"b": 2e-4})
    limit = profile_limits([uncertain], 0.05).expected[0, 2]
    assert limit == pytest.approx(1.959964 * np.hypot(1e4, 2e4), rel=2e-3)


def test_a_limit_does_not_depend_on_its_neighbours(make_template):
    templates = [make_template(seed, bins=3 + seed % 4) for seed in range(12)]
    together = profile_limits(templates, 0.05)
    for row, template in enumerate(templates):
        alone = profile_limits([template], 0.05)
        np.testing.assert_allclose(together.expected[row], alone.expected[0], rtol=1e-7)
        np.testing.assert_allclose(together.observed[row], alone.observed[0], rtol=1e-7)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-8, 8))
def test_limits_scale_inversely_with_the_signal(seed, exponent):
    rng = np.random.default_rng(seed)
    background = 10 ** rng.uniform(-1, 4, 6)
    template = Template(
        signal=rng.uniform(0, 10, 6),
        backgrounds=(("one", 0.7 * background), ("two", 0.3 * background)),
        background_stat=background * rng.uniform(0, 0.5, 6),
        normalisation={"one": 0.1, "signal": 0.2},
        luminosity_uncertainty=0.02,
        observed=rng.poisson(background).astype(float),
    )
    scaled = replace(template, signal=template.signal * 10**exponent)
    plain, other = (profile_limits([t], 0.05) for t in (template, scaled))
    np.testing.assert_allclose(other.expected * 10**exponent, plain.expected, rtol=1e-6)
    np.testing.assert_allclose(other.observed * 10**exponent, plain.observed, rtol=1e-6)
    assert np.all(np.diff(plain.expected[0]) > 0)


def test_halves_of_a_bin_say_what_the_bin_says():
    whole = Template(
        signal=[4.0, 2.0],
        backgrounds=(("b", [50.0, 10.0]),),
        normalisation={"b": 0.1},
        observed=[60.0, 8.0],
    )
    half = Template(
        signal=[2.0, 2.0, 2.0],
        backgrounds=(("b", [25.0, 25.0, 10.0]),),
        normalisation={"b": 0.1},
        observed=[40.0, 20.0, 8.0],
    )
    first, second = profile_limits([whole, half], 0.05).expected
    np.testing.assert_allclose(
        profile_limits([half], 0.05).observed, profile_limits([whole], 0.05).observed, rtol=1e-8
    )
    np.testing.assert_allclose(first, second, rtol=1e-8)


def test_every_uncertainty_weakens_the_expected_limit(make_template):
    sure = make_template(
        observed=None,
        signal_stat=None,
        background_stat=None,
        normalisation={},
        luminosity_uncertainty=0.0,
    )
    steps = [
        sure,
        replace(sure, background_stat=0.3 * np.sqrt(sure.background)),
        replace(sure, normalisation={"top": 0.3}),
        replace(sure, luminosity_uncertainty=0.1),
    ]
    median = profile_limits(steps, 0.05).expected[:, 2]
    assert np.all(median[1:] > median[0])


def test_an_excess_weakens_and_a_deficit_strengthens_the_observed_limit(make_template):
    template = make_template(observed=None)
    data = [template.background + x * template.signal for x in (-0.5, 0.0, 0.5, 3.0)]
    limits = profile_limits([replace(template, observed=n) for n in data], 0.05)
    assert np.all(np.diff(limits.observed) > 0)
    assert limits.observed[1] == pytest.approx(limits.expected[1, 2], rel=1e-6)
