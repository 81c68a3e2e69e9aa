"""Tests of limits from scores of whole pseudo-experiments, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from rayscan.errors import SampleUnusableError
from rayscan.stats.profile import BANDS
from rayscan.stats.score_limits import score_limit

SPREAD = 10.0


def gaussian(rng, null=20_000, count=20_000, strengths=(5, 10, 15, 20, 25, 30, 35, 40, 45)):
    strengths = np.array(strengths, dtype=float)
    scores = rng.normal(strengths[:, None] / SPREAD, 1.0, (len(strengths), count))
    return rng.normal(0, 1, null), strengths, scores


def closed_form(t, below):
    """Phi(t - S/spread) = 0.05 below."""
    return SPREAD * (t - norm.ppf(0.05 * below))


def test_gaussian_scores_have_the_closed_form_limits_within_their_errors():
    found = score_limit(*gaussian(np.random.default_rng(1)))
    expected = [closed_form(band, norm.cdf(band)) for band in BANDS]
    assert found.status == "ok"
    pulls = (np.array(found.expected) - expected) / np.array(found.error)
    assert np.all(np.abs(pulls) < 5)
    assert np.all(np.array(found.error) < [1.0, 0.4, 0.3, 0.3, 0.5])


def test_errors_are_the_spread_of_the_limits():
    rng = np.random.default_rng(2)
    sets = [score_limit(*gaussian(rng, 4000, 6000), observed=0.5) for _ in range(120)]
    limits = np.array([[*s.expected, s.observed] for s in sets])
    errors = np.array([[*s.error, s.observed_error] for s in sets])
    expected = [closed_form(band, norm.cdf(band)) for band in BANDS]
    expected.append(closed_form(0.5, norm.cdf(0.5)))
    # 120 values know a standard deviation to 6.5 %. The spread between the two estimates of the
    # null's quantile is itself one of few values, hence a mean of squares.
    ratio = limits.std(axis=0, ddof=1) / np.sqrt((errors**2).mean(axis=0))
    assert np.all(np.abs(ratio - 1) < 5 * 0.065)
    bias = (limits.mean(axis=0) - expected) / (limits.std(axis=0) / np.sqrt(120))
    assert np.all(np.abs(bias) < 5)


@pytest.mark.parametrize(("n", "limit"), [(0, 3.00), (1, 4.74), (2, 6.30), (3, 7.75)])
def test_counting_without_background_has_the_known_limits(n, limit):
    """Poisson upper limits at 95 % (Particle Data Group, Statistics, table 40.3)."""
    strengths = np.arange(0.25, 12, 0.25)
    scores = np.random.default_rng(3).poisson(strengths[:, None], (len(strengths), 40_000))
    found = score_limit(np.zeros(100), strengths, scores, observed=float(n))
    assert found.observed == pytest.approx(limit, abs=5 * found.observed_error + 0.005)
    assert found.observed_error < 0.1


def test_no_event_excludes_three_whatever_the_background():
    """CLs = exp(-S) for n = 0: the property that CLs was made for."""
    rng = np.random.default_rng(4)
    strengths = np.arange(0.5, 6, 0.5)
    scores = rng.poisson(strengths[:, None] + 2.0, (len(strengths), 100_000))
    found = score_limit(rng.poisson(2.0, 100_000), strengths, scores, observed=0.0)
    assert found.observed == pytest.approx(-np.log(0.05), abs=5 * found.observed_error)


def test_a_limit_beyond_the_largest_strength_is_not_extrapolated():
    null, strengths, scores = gaussian(np.random.default_rng(5))
    found = score_limit(null, strengths[:1], scores[:1])
    assert found.expected == (None,) * 5
    assert found.status == "unbounded"
    assert "0 sigma: not excluded at the largest strength, S = 5" in found.message
    partial = score_limit(null, strengths[:5], scores[:5])
    assert partial.status == "partial"
    assert partial.expected[2] is not None
    assert partial.expected[4] is None


def test_too_few_ensembles_give_no_number():
    found = score_limit(*gaussian(np.random.default_rng(6), count=1000))
    assert found.status == "partial"
    assert found.expected[0] is None
    assert found.expected[2] is not None
    assert "-2 sigma: needs 4" in found.message
    assert score_limit(*gaussian(np.random.default_rng(7), count=50)).status == "failed"
    few_nulls = score_limit(*gaussian(np.random.default_rng(8), null=50))
    assert "of 50 background-only ensembles" in few_nulls.message


def test_an_observed_score_below_all_ensembles_has_no_limit():
    found = score_limit(*gaussian(np.random.default_rng(9)), observed=-50.0)
    assert found.observed is None
    assert found.status == "partial"


def test_limits_lie_between_neighbouring_strengths_even_if_estimates_are_not_monotone():
    rng = np.random.default_rng(10)
    strengths = np.arange(1.0, 46.0)
    found = score_limit(*gaussian(rng, 5000, 5000, strengths))
    expected = [closed_form(band, norm.cdf(band)) for band in BANDS]
    # Close strengths: a limit is one of many noisy crossings; 0.02 in probability space suffices.
    np.testing.assert_allclose(found.expected[1:], expected[1:], atol=5 * 0.4)


def test_a_useless_classifier_excludes_nothing():
    rng = np.random.default_rng(11)
    found = score_limit(rng.normal(size=10_000), [10.0, 20.0], rng.normal(size=(2, 10_000)))
    assert found.status == "unbounded"


@pytest.mark.parametrize(
    "arguments",
    [
        ([], [1.0], [[1.0]]),
        ([1.0], [1.0], [1.0]),
        ([1.0], [1.0, 2.0], [[1.0]]),
        ([1.0], [2.0, 1.0], [[1.0], [1.0]]),
        ([1.0], [0.0], [[1.0]]),
        ([1.0], [1.0], [[np.nan]]),
    ],
)
def test_scores_that_do_not_fit_are_refused(arguments):
    with pytest.raises(SampleUnusableError, match="expected"):
        score_limit(*arguments)


def test_an_impossible_level_of_a_score_limit_is_refused():
    with pytest.raises(SampleUnusableError, match="level"):
        score_limit([1.0], [1.0], [[1.0]], level=1.0)


@pytest.mark.parametrize(("seen", "limit"), [(0, 3.00), (2, 6.30)])
def test_of_exact_numbers_the_limit_is_on_the_expected_number(seen, limit):
    """A pure signal: the score counts events. Three expected ones are seen at 95 %."""
    strengths = np.arange(1.0, 30.0)
    scores = np.repeat(strengths[:, None], 20_000, axis=1)
    found = score_limit(np.zeros(100), strengths, scores, observed=float(seen), exact_numbers=True)
    # Half of 20,000 ensembles is added on each side; between numbers z is not interpolated.
    assert found.observed == pytest.approx(limit, abs=0.01)
    assert np.min(found.expected) >= -np.log(0.05) * (1 - 1e-3)
    assert score_limit(np.zeros(100), strengths, scores).expected[2] < 1.0


def test_of_many_events_their_fluctuation_adds_in_quadrature():
    """Gaussian scores: z falls by S/10, a Poisson S adds S/100 to the variance of 1."""
    found = score_limit(*gaussian(np.random.default_rng(1)), exact_numbers=True)
    plain = score_limit(*gaussian(np.random.default_rng(1)))
    limit = found.expected[2]
    assert limit > plain.expected[2]
    assert limit / SPREAD / np.sqrt(1 + limit / SPREAD**2) == pytest.approx(1.96, abs=0.05)
