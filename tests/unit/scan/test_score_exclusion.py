"""Limits from the output on whole pseudo-experiments, against the Gaussian closed form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from toy_scan import limits_on, make_config, make_pools, train_all

from rayscan.ensembles.mixture import Mixture, Mixtures
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.exclusion.score import strengths_to_test
from rayscan.scan.steps.scoring import stored

SIZES = EnsembleSizes(train=100, validation=50, test=4000)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("score")
    config = make_config(ensembles=SIZES)
    binned = make_pools(size=200_000)
    _, _, candidates = train_all(config, binned, folder)
    return config, binned, candidates, Storage(str(folder))


def rows_of(scan, benchmark):
    config, binned, candidates, storage = scan
    tools = {"config": config, "binned": binned, "storage": storage}
    return limits_on(benchmark, candidates, methods=("score",), **tools)


def own_rows(scan, benchmark):
    """Those of the classifier trained on the benchmark itself."""
    return [row for row in rows_of(scan, benchmark) if row["train_benchmark"] == benchmark]


def gaussian_limit(config, binned, benchmark, weights, total):
    """S with CLs = 0.05 at the median of background alone: S d = 1.96 sigma(S), moments exact.

    S is the expected number: its Poisson fluctuation is part of sigma.
    """

    def excess(S):
        mixture = Mixture(signal=S, background=total - S)
        sampler = PooledScan(config, binned).ensembles(benchmark, mixture, "test")
        apart = sampler.separation(weights)
        fluctuation = apart.difference**2 / S
        return apart.difference - 1.959964 * math.sqrt(apart.alternative_variance + fluctuation)

    S = next(S for S in range(1, total) if excess(S) > 0)
    before, after = excess(S - 1) if S > 1 else -1.0, excess(S)
    return S - after / (after - before)


@pytest.mark.parametrize("signal", ["hard", "central"])
def test_the_limit_of_the_likelihood_ratio_is_the_gaussian_one(scan, signal):
    config, binned, _, storage = scan
    for row in own_rows(scan, signal):
        trained = next(c.row for c in scan[2] if c.row["trial"] == row["trial"])
        ratio = stored(storage.uri, trained["classifier"])
        assert isinstance(ratio, BinnedLikelihoodRatio)
        weights = ratio.weights
        exact = gaussian_limit(config, binned, signal, weights, row["train_background"])
        # Not quite Gaussian: a sum over N events of skewness gamma each moves a quantile at z by
        # gamma (z^2 - 1) / (6 sqrt N) sigma (Cornish-Fisher), here at z = 0 and at z = 1.96.
        density = binned.background_density("test")
        away = weights - density @ weights
        gamma = abs(density @ away**3) / (density @ away**2) ** 1.5
        skewness = gamma * (1 + 2.84) / (6 * math.sqrt(1000)) * exact / 1.96
        tolerance = 4 * row["limit_error"] + skewness
        assert abs(row["signal_events_expected_0"] - exact) < tolerance


def test_rows_fit_the_table_and_say_at_which_luminosity(scan):
    rows = rows_of(scan, "hard")
    assert rows_to_table("limits", rows).num_rows == 2
    for row in own_rows(scan, "hard"):
        assert row["background_events"] == 1000
        total = scan[1].background_cross_section * row["luminosity"] * 1000
        assert total == pytest.approx(1000)
        assert row["cross_section_expected_0"] == pytest.approx(
            row["mu_expected_0"] * scan[1].processes["hard"].flow[0]["cross_section"]
        )


def test_the_own_likelihood_ratio_excludes_more_than_that_of_another_benchmark(scan):
    for benchmark in ("hard", "central"):
        found = {r["train_benchmark"]: r for r in rows_of(scan, benchmark)}
        own = found.pop(benchmark)
        (other,) = found.values()
        assert other["status"] == "unbounded" or (
            own["signal_events_expected_0"] + 4 * own["limit_error"]
            < other["signal_events_expected_0"]
        )


def test_equal_seeds_give_equal_limits_in_any_order_of_candidates(scan):
    config, binned, candidates, storage = scan
    backward = (config, binned, candidates[::-1], storage)
    assert rows_of(scan, "hard") == rows_of(backward, "hard")[::-1]


def test_the_limit_on_the_cross_section_does_not_depend_on_the_one_that_is_given(scan):
    config, binned, candidates, storage = scan
    part = binned.processes["hard"]
    flow = tuple({**row, "cross_section": row["cross_section"] * 7} for row in part.flow)
    changed = replace(part, cross_section=part.cross_section * 7, flow=flow)
    other = replace(binned, processes={**binned.processes, "hard": changed})
    for one, two in zip(
        own_rows(scan, "hard"), own_rows((config, other, candidates, storage), "hard"), strict=True
    ):
        assert two["mu_expected_0"] * 7 == pytest.approx(one["mu_expected_0"])
        assert two["cross_section_expected_0"] == pytest.approx(one["cross_section_expected_0"])


def test_a_small_signal_pool_leaves_the_limit_unbounded_and_does_not_end_the_scan(tmp_path):
    config = make_config(
        signals=("null",),
        mixtures=Mixtures(signal=(20,), background=1000),
        ensembles=EnsembleSizes(train=50, validation=50, test=500),
    )
    binned = make_pools(signals=("null",), sizes={"null": 60})
    _, _, candidates = train_all(config, binned, tmp_path)
    found = strengths_to_test("null", 1000, scan=PooledScan(config, binned))
    assert max(m.signal for m in found) <= 60
    tools = {"config": config, "binned": binned, "storage": Storage(str(tmp_path))}
    (row,) = limits_on("null", candidates, methods=("score",), **tools)
    assert row["status"] == "unbounded"
    assert row["signal_events_expected_0"] is None


def test_strengths_grow_to_ten_sigma_and_hold_all_events(scan):
    config, binned, *_ = scan
    found = strengths_to_test("hard", 1000, scan=PooledScan(config, binned))
    assert {m.signal + m.background for m in found} == {1000}
    signals = [m.signal for m in found]
    assert signals == sorted(set(signals))
    assert signals[-1] / signals[0] > 10


def test_a_signal_that_equals_the_background_exactly_is_tested_once(scan):
    config, binned, *_ = scan
    same = replace(binned.processes["hard"], counts=binned.processes["bkg"].counts)
    equal = replace(binned, processes={**binned.processes, "hard": same})
    (only,) = strengths_to_test("hard", 1000, scan=PooledScan(config, equal))
    assert (only.signal, only.background) == (1000, 0)


def test_a_band_needs_enough_ensembles(scan):
    rows = own_rows(scan, "hard") + own_rows(scan, "central")
    assert len(rows) == 2
    for row in rows:
        band = [row[f"signal_events_expected_{t}"] for t in ("m2", "m1", "0", "p1", "p2")]
        there = [value for value in band if value is not None]
        assert there == sorted(there)
        assert (row["status"] == "ok") == (len(there) == 5)
        assert np.isfinite(row["limit_error"])
