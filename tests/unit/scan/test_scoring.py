"""Scores of ensembles from scores of events, and the response to one more event."""

from __future__ import annotations

import numpy as np
import pytest
from toy_scan import make_config, make_pools, with_events

from rayscan.ensembles.mixture import Mixture
from rayscan.models.networks.event_network import log_terms
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.results.storage import Storage
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.scoring import (
    AT_ONCE,
    event_odds,
    event_scores,
    response,
    scores_of,
    stored,
    terms_of,
)

TRAINED = Mixture(signal=60, background=400)


class Exact:
    """A per-event classifier whose log-odds are its feature."""

    reads = "events"

    def scores(self, x):
        return x[:, 0].astype(np.float64)


@pytest.fixture(scope="module")
def binned(tmp_path_factory):
    """Background log-odds around -0.5, signal around +0.5: equal Gaussians of unit width."""
    rng, means = np.random.default_rng(5), {"bkg": -0.5, "hard": 0.5}

    def values(name, counts):
        return {"met": rng.normal(means[name], 1, counts.sum()).astype(np.float32)}

    return with_events(make_pools(signals=("hard",)), tmp_path_factory.mktemp("cache"), values)


def scores(binned, mixture, statistic=None, seed=7):
    odds = event_odds(Exact(), binned=binned, benchmark="hard", pool="test", features=("met",))
    (found,) = together(binned, mixture, [terms_of(odds, statistic or mixture)], seed)
    return found


def together(binned, mixture, several, seed=7):
    return event_scores(
        several,
        scan=PooledScan(make_config(signals=("hard",), seed=seed), binned),
        benchmark="hard",
        mixture=mixture,
        histograms=400,
        purpose=("test", "hard"),
    )


def terms(binned, process, mixture):
    values = binned.processes[process].events["test"].matrix(["met"])[:, 0].astype(np.float64)
    return log_terms(values, S=mixture.signal, B=mixture.background)


@pytest.mark.parametrize("signal", [20, 60])
def test_scores_have_the_means_of_their_events(binned, signal):
    mixture = Mixture(signal=signal, background=460 - signal)
    null, alternative = scores(binned, mixture, TRAINED)
    b, s = (terms(binned, name, TRAINED) for name in ("bkg", "hard"))
    spread = np.sqrt(460 * b.var() / len(null))
    assert abs(null.mean() - 460 * b.mean()) < 4 * spread
    spread = np.sqrt((mixture.background * b.var() + signal * s.var()) / len(alternative))
    expected = mixture.background * b.mean() + signal * s.mean()
    assert abs(alternative.mean() - expected) < 4 * spread


def test_classifiers_scored_together_have_the_very_scores_they_have_alone(binned):
    mixture = Mixture(signal=20, background=440)
    odds = event_odds(Exact(), binned=binned, benchmark="hard", pool="test", features=("met",))
    several = [terms_of(odds, Mixture(signal=s, background=440)) for s in range(1, AT_ONCE + 4)]
    alone = [together(binned, mixture, [each])[0] for each in several]
    for one, found in zip(alone, together(binned, mixture, several), strict=True):
        np.testing.assert_array_equal(one, found)


def test_scores_of_a_pool_are_made_of_few_events_at_a_time_whatever_its_parts(tmp_path):
    """A classifier whose scores tell where a batch began sees the same batches of both pools."""

    class Counting(Exact):
        def __init__(self):
            self.rows = []

        def scores(self, x):
            self.rows.append(len(x))
            return super().scores(x) + len(self.rows)

    cache, met = Storage(str(tmp_path)), np.arange(150_000, dtype=np.float32)
    whole = EventPool.stored(cache, "whole.parquet", {"met": met})
    parts = EventPool(cache)
    for number, part in enumerate(np.split(met, [10, 70_000, 140_001])):
        parts += EventPool.stored(cache, f"{number}.parquet", {"met": part})
    counting = [Counting(), Counting()]
    found = [scores_of(c, pool, ("met",)) for c, pool in zip(counting, (whole, parts), strict=True)]
    np.testing.assert_array_equal(*found)
    assert counting[0].rows == counting[1].rows
    assert max(counting[0].rows) < 70_000
    assert scores_of(Counting(), EventPool(cache), ("met",)).shape == (0,)


def test_the_statistic_is_that_of_the_mixture_unless_another_is_given(binned):
    own, same = scores(binned, TRAINED), scores(binned, TRAINED, TRAINED)
    np.testing.assert_array_equal(own[1], same[1])
    other = scores(binned, TRAINED, Mixture(signal=10, background=400))
    assert not np.array_equal(own[1], other[1])


def test_background_scores_do_not_depend_on_the_strength_tested(binned):
    """One statistic and one number of events: thresholds and tested scores can be compared."""
    one = scores(binned, Mixture(signal=20, background=440), TRAINED)[0]
    two = scores(binned, Mixture(signal=200, background=260), TRAINED)[0]
    np.testing.assert_array_equal(one, two)


def test_the_response_of_a_linear_classifier_is_its_weights():
    weights = np.array([0.3, -1.0, 2.0])
    found = response(BinnedLikelihoodRatio(weights, constant=5.0), np.array([10.0, 0.0, 3.5]))
    np.testing.assert_allclose(found, weights)


def test_a_stored_classifier_is_loaded_once(tmp_path):
    BinnedLikelihoodRatio(np.arange(3.0)).save(tmp_path / "classifiers" / "a")
    uri = Storage(str(tmp_path)).uri
    assert stored(uri, "classifiers/a") is stored(uri, "classifiers/a")
