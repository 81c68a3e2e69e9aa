"""What decisions are worth, against scikit-learn, the bootstrap and normal distributions."""

from __future__ import annotations

from dataclasses import astuple, fields

import numpy as np
import pytest
from scipy.stats import norm
from sklearn import metrics

from rayscan.errors import SampleUnusableError
from rayscan.stats.auc import auc, separation
from rayscan.stats.decisions import Decisions, decisions, threshold_between

VALUES = ("accuracy", "recall", "precision", "f1")


def normal_scores(seed, distance, n, m, widths=(1.0, 1.0)):
    rng = np.random.default_rng(seed)
    return rng.normal(0, widths[0], n), rng.normal(distance, widths[1], m)


@pytest.mark.parametrize("threshold", [0.0, 0.4])
def test_all_four_are_those_of_scikit_learn(threshold):
    null, alternative = normal_scores(1, 0.8, 300, 200)
    found = decisions(null, alternative, threshold)
    labels = np.repeat([0, 1], [300, 200])
    said = np.concatenate([null, alternative]) > threshold
    for name in VALUES:
        expected = getattr(metrics, f"{name}_score")(labels, said)
        assert getattr(found, name) == pytest.approx(expected, abs=1e-14)


def test_errors_are_the_scatter_over_redrawn_classes():
    null, alternative = normal_scores(2, 1.0, 400, 300)
    rng, redrawn = np.random.default_rng(3), 2000
    again = np.array(
        [
            astuple(decisions(rng.choice(null, 400), rng.choice(alternative, 300), 0.3))
            for _ in range(redrawn)
        ]
    )
    found = decisions(null, alternative, 0.3)
    names = [field.name for field in fields(Decisions)]
    for name in VALUES:
        scatter = again[:, names.index(name)].std(ddof=1)
        # the spread of n numbers is known to 1 / sqrt(2 n); the next order of a ratio is 1 / 300
        error = getattr(found, f"{name}_error")
        assert error == pytest.approx(scatter, rel=4 / np.sqrt(2 * redrawn) + 1 / 300)


def test_a_score_at_the_threshold_is_a_no():
    found = decisions([0.0, 0.0], [0.0, 1.0])
    assert (found.accuracy, found.recall, found.precision) == (0.75, 0.5, 1.0)


def test_without_a_yes_there_is_no_precision():
    found = decisions([-1.0, -1.0], [-1.0, -2.0])
    assert found.precision is None
    assert found.precision_error is None
    assert (found.accuracy, found.recall, found.f1, found.f1_error) == (0.5, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("distance", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_accuracy_at_the_threshold_of_normal_scores_is_that_of_their_area(distance):
    n = 20_000
    null, alternative = normal_scores(4, distance, n, n)
    threshold = threshold_between(*normal_scores(5, distance, 250, 250))
    found = decisions(null, alternative, threshold)
    expected = norm.cdf(separation(auc(null, alternative)) / 2)
    # Both numbers are of one sample; 4 binomial errors are more than what that leaves.
    assert abs(found.accuracy - expected) < 4 * found.accuracy_error + 4e-4


def test_few_scores_are_enough_for_a_threshold():
    """Of 50 of each class: the mean loss is below .002 and that of the most accurate is not."""
    lost: list[float] = []
    greedy: list[float] = []
    for seed in range(300):
        null, alternative = normal_scores(seed, 1.0, 50, 50)
        known = np.concatenate([null, alternative])
        most = known[np.argmax([decisions(null, alternative, t).accuracy for t in known])]
        for losses, threshold in ((lost, threshold_between(null, alternative)), (greedy, most)):
            right = (norm.cdf(threshold) + norm.cdf(1.0 - threshold)) / 2
            losses.append(norm.cdf(0.5) - right)
    assert np.mean(lost) < 0.002
    assert np.mean(greedy) > 0.005


def test_a_wide_class_pushes_the_threshold_away():
    null, alternative = normal_scores(6, 9.0, 50_000, 50_000, widths=(1.0, 2.0))
    # four standard errors of two means and two widths, 0.02 in all
    assert threshold_between(null, alternative) == pytest.approx(3.0, abs=0.05)


def test_constant_scores_have_the_threshold_between_them():
    assert threshold_between([1.0, 1.0], [2.0, 2.0]) == 1.5


def test_scores_that_are_not_finite_have_no_threshold():
    with pytest.raises(SampleUnusableError, match="expected finite numbers, found 1 infinite"):
        threshold_between([0.0, np.inf], [1.0, 2.0])
