"""Tests of ROC curves and areas, against scikit-learn, pair counting and the bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from rayscan.errors import SampleUnusableError
from rayscan.stats.auc import (
    auc,
    delong,
    difference,
    roc,
    separation,
    summary,
    thin_roc,
)
from rayscan.stats.placements import placements

scores = st.lists(st.integers(-3, 3).map(float) | st.floats(-10, 10), min_size=1, max_size=30)


def kernel(null, alternative):
    """The pair matrix: 1 where rightly ordered, 1/2 where tied, shape (M, N)."""
    null, alternative = np.asarray(null), np.asarray(alternative)
    above = alternative[:, None] > null
    return above + 0.5 * (alternative[:, None] == null)


@given(scores, scores)
def test_the_area_is_the_fraction_of_rightly_ordered_pairs(null, alternative):
    assert auc(null, alternative) == pytest.approx(kernel(null, alternative).mean(), abs=1e-14)


def test_the_area_is_that_of_scikit_learn_with_and_without_ties():
    rng = np.random.default_rng(1)
    for null, alternative in (
        (rng.normal(0, 1, 400), rng.normal(0.7, 1, 300)),
        (rng.poisson(5, 400).astype(float), rng.poisson(6, 300).astype(float)),
    ):
        labels = np.repeat([0, 1], [400, 300])
        expected = roc_auc_score(labels, np.concatenate([null, alternative]))
        assert auc(null, alternative) == pytest.approx(expected, abs=1e-14)


@given(scores, scores)
def test_exchanging_the_classes_mirrors_the_area(null, alternative):
    assert auc(null, alternative) + auc(alternative, null) == pytest.approx(1.0, abs=1e-14)


def test_infinite_scores_are_ordered():
    assert auc([-np.inf, 0.0], [0.0, np.inf]) == 0.875


def test_delong_is_the_textbook_sum_over_pairs():
    rng = np.random.default_rng(3)
    null, alternative = rng.poisson(5, 60).astype(float), rng.poisson(7, 45).astype(float)
    pairs = kernel(null, alternative)
    variance = pairs.mean(axis=0).var(ddof=1) / 60 + pairs.mean(axis=1).var(ddof=1) / 45
    found = delong(null, alternative)
    assert found.auc == pytest.approx(pairs.mean(), abs=1e-14)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-12)


def test_delong_is_the_spread_of_the_area_over_test_sets():
    rng = np.random.default_rng(4)
    sets = 2000
    areas = [auc(rng.normal(0, 1, 150), rng.normal(1, 1, 100)) for _ in range(sets)]
    errors = [delong(rng.normal(0, 1, 150), rng.normal(1, 1, 100)).error for _ in range(300)]
    # A standard deviation from 2,000 values is known to 1/sqrt(4000) = 1.6 %.
    assert np.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(areas), rel=5 * 0.016)
    assert np.mean(areas) == pytest.approx(norm.cdf(1 / np.sqrt(2)), abs=5 * np.std(areas) / 44)


def test_delong_agrees_with_the_bootstrap():
    rng = np.random.default_rng(5)
    null, alternative = rng.normal(0, 1, 300), rng.normal(0.5, 1.5, 200)
    resampled = [auc(rng.choice(null, 300), rng.choice(alternative, 200)) for _ in range(2000)]
    assert delong(null, alternative).error == pytest.approx(np.std(resampled), rel=5 * 0.016)


def test_classes_that_do_not_overlap_have_area_one_and_no_estimated_error():
    found = delong([1.0, 2.0, 3.0], [4.0, 5.0])
    assert (found.auc, found.error) == (1.0, 0.0)


def test_the_difference_of_two_classifiers_keeps_their_correlation():
    rng = np.random.default_rng(6)
    null, alternative = rng.normal(0, 1, 80), rng.normal(1, 1, 70)
    worse = null + rng.normal(0, 0.3, 80), alternative + rng.normal(0, 0.3, 70)
    pairs = kernel(null, alternative) - kernel(*worse)
    variance = pairs.mean(0).var(ddof=1) / 80 + pairs.mean(1).var(ddof=1) / 70
    found = difference(placements(null, alternative), placements(*worse))
    assert found.difference == pytest.approx(pairs.mean(), abs=1e-14)
    assert found.error == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert found.error < 0.5 * np.hypot(delong(null, alternative).error, delong(*worse).error)


def test_a_classifier_does_not_differ_from_itself():
    one = placements([0.1, 0.5, 0.3], [0.4, 0.9])
    assert difference(one, one).difference == 0.0
    assert difference(one, one).error == 0.0


def test_the_whole_roc_curve_is_that_of_scikit_learn():
    rng = np.random.default_rng(7)
    null, alternative = rng.poisson(5, 100), rng.poisson(7, 80)
    labels = np.repeat([0, 1], [100, 80])
    fpr, tpr, _ = roc_curve(labels, np.r_[null, alternative], drop_intermediate=False)
    curve = roc(null, alternative, points=1000)
    np.testing.assert_allclose(curve.false_positive_rate, fpr, atol=1e-14)
    np.testing.assert_allclose(curve.true_positive_rate, tpr, atol=1e-14)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(auc(null, alternative), abs=1e-14)


@given(scores, scores, st.integers(2, 12))
def test_a_thinned_roc_curve_rises_between_its_corners_within_its_points(null, alternative, points):
    curve = roc(null, alternative, points=points)
    assert len(curve.false_positive_rate) <= points
    for rates in (curve.false_positive_rate, curve.true_positive_rate):
        assert rates[0] == 0.0
        assert rates[-1] == 1.0
        assert np.all(np.diff(rates) >= 0)


def area(curve):
    return np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)


@pytest.mark.parametrize("distance", [0.0, 0.3, 1.0, 3.0, 6.0])
@pytest.mark.parametrize(("of_null", "of_alternative"), [(4000, 4000), (100_000, 500), (50, 60)])
def test_a_hundred_points_keep_the_area(distance, of_null, of_alternative):
    rng = np.random.default_rng(3)
    null, alternative = rng.normal(0, 1, of_null), rng.normal(distance, 1.5, of_alternative)
    curve = thin_roc(null, alternative)
    assert len(curve.true_positive_rate) <= 101
    assert area(curve) == pytest.approx(auc(null, alternative), abs=1e-3)


@given(scores, scores, st.integers(2, 12))
def test_a_curve_that_few_points_do_not_describe_gets_more(null, alternative, points):
    curve = thin_roc(null, alternative, points=points, within=1e-6)
    assert area(curve) == pytest.approx(auc(null, alternative), abs=2e-6)


def test_ten_repeats_lose_their_largest_and_smallest():
    aucs = [0.9, 0.5, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67]
    middle = [0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.67]
    found = summary(aucs)
    assert found.kept == 8
    assert found.mean == pytest.approx(np.mean(middle))
    assert found.std == pytest.approx(np.std(middle, ddof=1))


@pytest.mark.parametrize(("repeats", "kept"), [(1, 1), (2, 2), (4, 4), (5, 3), (6, 4)])
def test_few_repeats_are_all_kept(repeats, kept):
    assert summary(list(np.linspace(0.5, 0.9, repeats))).kept == kept


def test_one_repeat_has_no_spread():
    assert summary([0.7]).std == 0.0


@given(st.floats(-5, 5))
def test_separation_inverts_the_area_of_two_gaussians(distance):
    assert separation(norm.cdf(distance / np.sqrt(2))) == pytest.approx(distance, abs=1e-9)


def test_separation_of_an_array_keeps_its_shape_and_ends():
    np.testing.assert_array_equal(separation([0.0, 0.5, 1.0]), [-np.inf, 0.0, np.inf])


@pytest.mark.parametrize(
    "call",
    [
        lambda: auc([], [1.0]),
        lambda: auc([np.nan], [1.0]),
        lambda: auc([[1.0]], [1.0]),
        lambda: delong([1.0], [1.0, 2.0]),
        lambda: difference(placements([1, 2], [1, 2]), placements([1, 2, 3], [1, 2])),
        lambda: roc([1.0], [2.0], points=1),
        lambda: summary([]),
    ],
)
def test_scores_that_make_no_statement_are_refused(call):
    with pytest.raises(SampleUnusableError, match="expected"):
        call()
