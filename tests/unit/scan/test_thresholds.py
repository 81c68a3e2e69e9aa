"""Decisions of trained classifiers on histograms: at score 0, and at the validated threshold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from toy_scan import make_config, make_pools, train_all

from rayscan.ensembles.mixture import Mixtures
from rayscan.results.ledger import rows_to_table
from rayscan.results.read import Tables
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.plan.points import mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.stats.auc import separation


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Three linear classifiers trained at S/sqrt(B) = 3, tested there and at 1.

    Pools of two million events: that those of validation and test differ moves a threshold by
    sqrt(2 n/N) = .03 standard deviations.
    """
    folder = tmp_path_factory.mktemp("decided")
    config = make_config(
        signals=("hard",),
        architectures=("likelihood_ratio", "logistic_regression", "linear_svm"),
        mixtures=Mixtures(s_over_sqrt_b=(1, 3), background=1000),
        ensembles=EnsembleSizes(train=1000, validation=200, test=4000),
    )
    binned = make_pools(signals=("hard",), size=2_000_000)
    _, _, candidates = train_all(config, binned, folder)
    found = [
        row
        for test in test_sets(config, mixtures(config, binned))
        for row in cross_test(
            test, candidates, scan=PooledScan(config, binned), storage=str(folder)
        )
    ]
    return Tables(auc=rows_to_table("auc", found).to_pandas()).auc


def test_accuracy_at_the_validated_threshold_is_that_of_the_area(rows):
    assert len(rows) == 6
    expected = norm.cdf(separation(rows["auc"].to_numpy()) / 2)
    assert np.abs(rows["accuracy_validated"] - expected).max() < 0.02


def test_log_odds_of_the_own_strength_need_no_other_threshold(rows):
    ratio = rows[rows["architecture"] == "likelihood_ratio"]
    own = ratio[ratio["train_signal"] == ratio["test_signal"]].squeeze()
    assert abs(own["accuracy"] - own["accuracy_validated"]) < 2 * own["accuracy_error"]


def test_at_another_strength_score_0_is_not_between_the_classes(rows):
    ratio = rows[rows["architecture"] == "likelihood_ratio"]
    weak = ratio[ratio["test_signal"] < ratio["train_signal"]].squeeze()
    # Its classes are at 0 and 1 of what the training took to be at 0 and 3: most are called null.
    assert weak["recall"] < 0.5 < weak["recall_validated"]
    assert weak["accuracy"] < weak["accuracy_validated"] - 4 * weak["accuracy_error"]
    assert weak["threshold_validated"] < 0
