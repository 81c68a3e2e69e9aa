"""Classifiers of several classes: how close to the likelihoods they come, and their table."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toy_scan import make_config, make_pools, train_all

from rayscan.models.architectures.registry import load
from rayscan.report.frames.heads import counting_shares, one_against_rest
from rayscan.results import folders
from rayscan.results.ledger import Ledger, rows_to_table
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, Training
from rayscan.scan.plan.points import mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import candidates_for
from rayscan.scan.steps.tests.classes import class_test, class_tests
from rayscan.stats.classes import log_probabilities

TRUE = ("SM", "hard", "central", "null")


@pytest.fixture(scope="module", params=["logistic_regression", "mlp"])
def scan(request, tmp_path_factory):
    """Classes SM, hard and central; `null`, which looks like background, is held out."""
    folder = tmp_path_factory.mktemp(request.param)
    choice = ArchitectureChoice(
        name=request.param, head="multiclass", benchmarks=("hard", "central")
    )
    config = make_config(
        signals=("hard", "central", "null"),
        architectures=(choice,),
        ensembles=EnsembleSizes(train=3000, validation=500, test=2000),
        training=Training(repeats=2, pack=2),
    )
    binned = make_pools(signals=("hard", "central", "null"), size=300_000)
    plan, rows, candidates = train_all(config, binned, folder)
    found = []
    for test in class_tests(config, mixtures(config, binned)):
        met = candidates_for(config, test, candidates)
        assert len(met) == 2
        found += class_test(test, met, scan=PooledScan(config, binned), storage=str(folder))
    return config, binned, folder, plan, rows, found


def table(found):
    return rows_to_table("multiclass", found).to_pandas()


def test_every_hypothesis_has_a_row_for_each_class_and_for_none(scan):
    found = table(scan[5])
    assert len(found) == 2 * 2 * 4 * 4  # repeats, strengths, true processes, SM + 2 + undecided
    assert tuple(found["true_process"].unique()) == TRUE
    for _, group in found.groupby(["trial", "test_signal", "true_process"]):
        assert list(group["predicted"]) == ["SM", "hard", "central", "undecided"]
        assert group["counts"].sum() == 2000
        np.testing.assert_allclose(group["share"], group["counts"] / 2000)
        assert group["mean_probability"].iloc[:3].sum() == pytest.approx(1)
    assert set(found["n_classes"]) == {3}
    np.testing.assert_allclose(found["threshold"], 2 / 3)
    assert set(found.loc[~found["true_is_class"], "true_process"]) == {"null"}


def test_areas_stand_where_a_class_meets_its_own_histograms(scan):
    found = table(scan[5])
    own = (found["true_process"] == found["predicted"]) & found["true_is_class"]
    for column in ("auc", "auc_error", "auc_likelihood_ratio", "auc_likelihood_ratio_error"):
        assert found.loc[own, column].notna().all()
        assert found.loc[~own, column].isna().all()


def test_areas_come_close_to_those_of_the_likelihoods_and_not_above(scan):
    found = table(scan[5]).dropna(subset=["auc"])
    above_chance = (found["auc"] - 0.5) / found["auc_error"]
    assert above_chance.min() > 10
    # Scored on the same histograms, so that the errors do not add; a sigma of one is enough.
    assert (found["auc"] < found["auc_likelihood_ratio"] + 4 * found["auc_error"]).all()
    strong = found[found["test_signal"] == found["test_signal"].max()]
    assert (strong["auc"] > strong["auc_likelihood_ratio"] - 0.03).all()


def test_a_held_out_process_counts_for_what_it_looks_like(scan):
    found = table(scan[5])
    shares = found[found["test_signal"] == 95].pivot_table("share", "true_process", "predicted")
    # `null` has the density of the background: 4,000 histograms of each, two repeats.
    for name in ("SM", "hard", "central"):
        p = shares.loc["SM", name]
        assert abs(shares.loc["null", name] - p) < 5 * np.sqrt(max(p, 0.01) / 2000)
    for name in ("SM", "hard", "central"):
        assert shares.loc[name].drop("undecided").idxmax() == name


def test_scikit_learn_finds_the_areas_of_a_stored_classifier(scan, tmp_path):
    from rayscan.seeds import stream

    config, binned, folder, _, rows, found = scan
    row = next(r for r in rows if r["train_signal"] == 95 and r["repeat"] == 0)
    classifier = load(folders.get(Storage(str(folder)), row["classifier"], tmp_path))
    mixture = next(m for m in config.mixtures.expand() if m.signal == 95)
    purpose = "test", "multiclass", mixture.name
    sampler = {
        n: PooledScan(config, binned).ensembles(n, mixture, "test") for n in ("hard", "central")
    }
    x = [sampler["hard"].null(stream(config.seed, *purpose), 2000)]
    x += [s.alternative(stream(config.seed, *purpose, n), 2000) for n, s in sampler.items()]
    p = np.exp(log_probabilities(classifier.scores(np.concatenate(x))))
    labels = np.repeat(np.arange(3), 2000)
    areas = {
        r["predicted"]: r["auc"]
        for r in found
        if r["trial"] == row["trial"] and r["test_signal"] == 95 and "auc" in r
    }
    for k, name in enumerate(("SM", "hard", "central")):
        assert areas[name] == pytest.approx(roc_auc_score(labels == k, p[:, k]), abs=1e-6)


def test_the_validation_auc_is_the_mean_of_the_areas(scan):
    rows, found = scan[4], table(scan[5]).dropna(subset=["auc"])
    for row in rows:
        own = found[
            (found["trial"] == row["trial"]) & (found["test_signal"] == row["train_signal"])
        ]
        error = np.sqrt((own["auc_error"] ** 2).sum() / 9 * (1 + 2000 / 500))
        # Test and validation pools are different events: their noise moves an area as well.
        assert abs(row["validation_auc"] - own["auc"].mean()) < 5 * error + 0.01


def test_summaries_are_means_over_repeats(scan, tmp_path):
    ledger = Ledger(str(tmp_path))
    ledger.commit("multiclass", "part", scan[5])
    tables = read_tables(tmp_path)
    areas = one_against_rest(tables)
    assert len(areas) == 3 * 2
    assert set(areas["repeats"]) == {2}
    shares = counting_shares(tables)
    assert len(shares) == 2 * 4 * 4
    sums = shares.groupby(["test_signal", "true_process"])["share"].sum()
    np.testing.assert_allclose(sums, 1)
    raw = table(scan[5])
    one = raw[(raw["test_signal"] == 95) & (raw["predicted"] == "hard")].dropna(subset=["auc"])
    mean = areas[(areas["test_signal"] == 95) & (areas["process"] == "hard")]["auc_mean"]
    assert mean.item() == pytest.approx(one["auc"].mean())
    other = [replace_strength(row) for row in scan[5]]
    ledger.commit("multiclass", "part", other)
    assert one_against_rest(read_tables(tmp_path)).empty
    assert len(one_against_rest(read_tables(tmp_path), own_strength=False)) == 3 * 2


def replace_strength(row):
    return row | {"train_signal": row["train_signal"] + 1}


def test_a_scan_without_such_a_head_has_no_such_tests():
    config = make_config()
    assert class_tests(config, mixtures(config)) == ()
