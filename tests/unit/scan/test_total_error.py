"""The total error of an AUC and of its ceiling, against many redrawn pools of known densities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_scan import density, make_config, make_pools

from rayscan.ensembles.mixture import Mixtures
from rayscan.models.contract import Classifier, Templates
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.ceilings import ceiling_of_test
from rayscan.scan.steps.shown import see, show
from rayscan.scan.steps.tests.pairs import TestSet
from rayscan.scan.steps.total_error import of_events, pool_error

REDRAWN = 120
SIGNAL = "central"
CONFIG = make_config(
    signals=(SIGNAL,),
    backgrounds=("bkg", "bkg2"),
    mixtures=Mixtures(s_over_sqrt_b=(1.5,), background=1000),
    ensembles=EnsembleSizes(train=10, validation=10, test=1500, method="multinomial"),
)
MIXTURE = CONFIG.mixtures.expand()[0]
TEST = TestSet(benchmark=SIGNAL, strength=0, mixture=MIXTURE)
SIZES = {"bkg": 1500, "bkg2": 4000, SIGNAL: 1000}


class Bent(Classifier):
    """Not linear: the square root of a cell's count, and a curved sum of all."""

    architecture = "bent"
    reads = "histograms"

    def __init__(self, weights):
        self.weights = weights

    def scores(self, x):
        return np.sinh(3 * (np.sqrt(np.asarray(x, dtype=np.float64) + 1) @ self.weights))

    def save(self, folder):
        raise NotImplementedError


def pools(seed, sizes=None):
    return make_pools(
        signals=(SIGNAL,), backgrounds=("bkg", "bkg2"), sizes=sizes or SIZES, seed=seed
    )


def truth():
    """The likelihood ratio of the true densities."""
    background = (2 * density("bkg") + density("bkg2")) / 3
    large = 10**12
    return BinnedLikelihoodRatio.from_templates(
        Templates(background, density(SIGNAL), MIXTURE.signal, MIXTURE.background, large, large)
    )


def classifiers():
    noisy = truth().weights + np.random.default_rng(1).normal(0, 0.05, len(density(SIGNAL)))
    return [truth(), BinnedLikelihoodRatio(noisy), Bent(truth().weights)]


@pytest.fixture(scope="module")
def redrawn():
    """What each classifier and the ceiling are on pools of 120 other draws; and in truth."""
    ours, rows, ceilings = classifiers(), [], []
    for seed in range(REDRAWN):
        shown = show(TEST, scan=PooledScan(CONFIG, pools(seed)), pool="test")
        rows.append([(s.found.auc, s.found.error, s.total_error) for s in see(shown, ours, ours)])
        columns = ceiling_of_test(shown).columns
        ceilings.append([columns[f"auc_ceiling{end}"] for end in ("", "_error", "_total_error")])
    large = replace(CONFIG, ensembles=replace(CONFIG.ensembles, test=20_000))
    endless = pools(1, dict.fromkeys(SIZES, 20_000_000))
    true = see(show(TEST, scan=PooledScan(large, endless), pool="test"), ours, ours)
    return np.array(rows), np.array(ceilings), [each.found for each in true]


@pytest.mark.parametrize("which", range(3))
def test_a_total_error_is_the_scatter_over_other_pools(redrawn, which):
    rows, _, true = redrawn
    auc, error, total = rows[:, which].T
    pulls = (auc - true[which].auc) / np.hypot(total, true[which].error)
    # A spread of n pulls is known to 1 / sqrt(2 n); a mean to 1 / sqrt(n).
    assert pulls.std(ddof=1) == pytest.approx(1, abs=4 / np.sqrt(2 * REDRAWN))
    assert abs(pulls.mean()) < 4 / np.sqrt(REDRAWN)
    # and not that of the test set, which is what was shown before
    assert ((auc - true[which].auc) / error).std(ddof=1) > 1 + 4 / np.sqrt(2 * REDRAWN)


def test_the_total_error_of_a_ceiling_is_its_scatter_over_other_pools(redrawn):
    _, ceilings, true = redrawn
    found, _, total = ceilings.T
    pulls = (found - true[0].auc) / total
    # The bootstrap takes noisy templates for the truth, which look farther apart: 10 % at most.
    assert pulls.std(ddof=1) == pytest.approx(1, abs=0.1 + 4 / np.sqrt(2 * REDRAWN))
    # To first order the noise is given back; what is left is less than the error.
    assert abs(pulls.mean()) < 0.5 + 4 / np.sqrt(REDRAWN)


def test_a_sum_over_events_is_as_uncertain_as_the_histogram_it_is_a_sum_of():
    binned = pools(0)
    shown = show(TEST, scan=PooledScan(CONFIG, binned), pool="test")
    # log r of each bin as the log-odds of its events; what an event adds is log((B + S r)/(B + S))
    background = (2 * density("bkg") + density("bkg2")) / 3
    odds = np.log(density(SIGNAL) / background)
    events = {name: np.repeat(odds, part.counts["test"]) for name, part in binned.processes.items()}
    S, B = MIXTURE.signal, MIXTURE.background
    weights = np.log((B + S * np.exp(odds)) / (B + S))
    expected = pool_error(0.7, weights, shown.sampler)
    found = of_events(0.7, events, binned=binned, benchmark=SIGNAL, mixture=MIXTURE)
    assert found == pytest.approx(expected, rel=1e-9)


def test_an_area_of_one_has_no_error_of_pools():
    shown = show(TEST, scan=PooledScan(CONFIG, pools(0)), pool="test")
    assert pool_error(1.0, truth().weights, shown.sampler) == 0.0
