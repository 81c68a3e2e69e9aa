"""Several classes: probabilities, the counting rule, areas of one class against the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from rayscan.errors import SampleUnusableError
from rayscan.stats.classes import counts, log_probabilities, one_vs_rest, threshold


def scores(seed: int, sizes: tuple[int, ...] = (60, 80, 50, 70)) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = len(sizes)
    return [
        log_probabilities((rng.normal(size=(n, classes)) + 0.8 * np.eye(classes)[k]).round(1))
        for k, n in enumerate(sizes)
    ]


@given(st.integers(0, 10**6))
def test_areas_are_those_of_scikit_learn(seed: int) -> None:
    found = scores(seed)
    labels = np.repeat(np.arange(4), [len(s) for s in found])
    p = np.concatenate(found)
    for k, estimate in enumerate(one_vs_rest(found)):
        assert estimate.auc == pytest.approx(roc_auc_score(labels == k, p[:, k]), abs=1e-12)


def test_the_error_of_an_area_is_its_spread_over_samples() -> None:
    estimates = [one_vs_rest(scores(seed))[2] for seed in range(400)]
    spread = np.std([e.auc for e in estimates])
    claimed = np.mean([e.error for e in estimates])
    assert abs(claimed / spread - 1) < 4.5 / np.sqrt(2 * 400)


@given(arrays(float, (20, 5), elements=st.floats(-50, 50)), st.floats(-100, 100))
def test_every_histogram_is_counted_once(logits: np.ndarray, shift: float) -> None:
    log_p = log_probabilities(logits)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1)
    np.testing.assert_allclose(log_p, log_probabilities(logits + shift), atol=1e-9)
    found = counts(log_p)
    assert found.sum() == 20
    p = np.exp(log_p)
    assert found[-1] == np.sum(p.max(axis=1) <= threshold(5))


def test_eight_classes_count_above_a_quarter() -> None:
    assert threshold(8) == 0.25
    p = np.full((2, 8), 0.1)
    p[0, 3], p[1, 5] = 0.26, 0.24
    assert counts(np.log(p)).tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 1]


def test_a_column_for_each_class_is_asked_for() -> None:
    with pytest.raises(SampleUnusableError, match="a column for each"):
        one_vs_rest(scores(1)[:3])
