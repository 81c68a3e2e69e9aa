"""ROC points, score distributions and AUCs of single events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toy_scan import make_config, make_pools, train_all, with_events

from rayscan.ensembles.mixture import Mixtures
from rayscan.results.ledger import rows_to_table
from rayscan.scan.config.scan import ArchitectureChoice, Training
from rayscan.scan.plan.points import mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate, candidates_for
from rayscan.scan.steps.curves import BINS, Curves, kept, roc_rows, score_rows
from rayscan.scan.steps.scoring import stored
from rayscan.scan.steps.tests.pairs import cross_test, test_sets
from rayscan.stats.auc import auc

HEAD = {"trial": "t", "test_benchmark": "b", "test_signal": 1, "test_background": 2, "unit": "x"}
EVENTS = ArchitectureChoice(name="event_mlp", features=("met",), hyperparameters={"epochs": 3})


def with_features(pools, folder):
    """Feature ``met``: Gaussians of unit width, each process at a place of its own."""
    rng = np.random.default_rng(5)
    places = {"bkg": 0.0, "bkg2": 0.4, "hard": 1.0, "central": -0.6}

    def values(name, counts):
        return {"met": rng.normal(places[name], 1, counts.sum()).astype(np.float32)}

    return with_events(pools, folder, values)


@pytest.fixture(scope="module")
def tested(tmp_path_factory):
    """Two classifiers, two repeats, two benchmarks and strengths: rows of all three tables."""
    folder = tmp_path_factory.mktemp("curves")
    config = make_config(
        architectures=("likelihood_ratio", EVENTS),
        backgrounds=("bkg", "bkg2"),
        mixtures=Mixtures(s_over_sqrt_b=(1, 3), background=200),
        training=Training(repeats=2),
    )
    pools = with_features(make_pools(size=4000, backgrounds=("bkg", "bkg2")), folder / "cache")
    _, _, candidates = train_all(config, pools, folder)
    rows: dict[str, list[Any]] = {"auc": [], "roc": [], "scores": []}
    for test in test_sets(config, mixtures(config, pools)):
        those = candidates_for(config, test, candidates)
        curves = Curves(trials=kept("first", test.benchmark, those))
        rows["auc"] += cross_test(
            test, those, scan=PooledScan(config, pools), storage=str(folder), curves=curves
        )
        rows["roc"] += curves.roc
        rows["scores"] += curves.scores
    frames = {name: rows_to_table(name, each).to_pandas() for name, each in rows.items()}
    return pools, candidates, frames, str(folder)


KEY = ["trial", "test_benchmark", "test_signal", "test_background"]


def test_the_first_repeat_is_kept_on_its_own_benchmark(tested):
    _, _, frames, _ = tested
    for name in ("roc", "scores"):
        found = frames[name]
        assert (found["repeat"] == 0).all()
        assert (found["train_benchmark"] == found["test_benchmark"]).all()
        ensembles = found[found["unit"] == "ensemble"]
        assert ensembles.groupby(KEY).ngroups == 2 * 2 * 2  # architectures, benchmarks, strengths
        events = found[found["unit"] == "event"]
        assert events.groupby(KEY).ngroups == 2  # equal at every strength: one per benchmark
        assert set(events["architecture"]) == {"event_mlp"}
        assert set(zip(events["test_signal"], events["test_background"], strict=True)) == {(1, 0)}


def test_the_area_under_the_points_is_the_auc_of_the_table(tested):
    _, _, frames, _ = tested
    table = frames["auc"].set_index(KEY).sort_index()
    for (unit, *key), points in frames["roc"].groupby(["unit", *KEY]):
        area = np.trapezoid(points["true_positive_rate"], points["false_positive_rate"])
        if unit == "ensemble":
            wanted = table.loc[tuple(key), "auc"]
        else:
            wanted = table.loc[tuple(key[:2]), "auc_event"].iloc[0]
        assert area == pytest.approx(wanted, abs=1e-3)
        assert len(points) <= 101


def test_networks_of_single_events_decide_at_score_0_alone(tested):
    rows = tested[2]["auc"]
    events = rows["architecture"] == "event_mlp"
    assert rows["accuracy"].notna().all()
    validated = rows[["threshold_validated", "accuracy_validated", "f1_validated_error"]]
    assert (validated.isna().all(axis=1) == events).all()


def test_the_auc_of_single_events_is_that_of_scikit_learn(tested):
    pools, candidates, frames, folder = tested
    rows = frames["auc"]
    assert rows.loc[rows["architecture"] == "likelihood_ratio", "auc_event"].isna().all()
    for candidate in candidates:
        if candidate.row["architecture"] != "event_mlp":
            continue
        classifier = stored(folder, candidate.row["classifier"])
        for benchmark in pools.benchmarks:
            here = rows[rows["trial"] == candidate.row["trial"]]
            found = here.loc[here["test_benchmark"] == benchmark, "auc_event"]
            assert found.nunique() == 1  # whatever the strength
            # bkg has twice the cross-section of bkg2: all of the one, half of the other
            parts = [("bkg", 4000), ("bkg2", 2000), (benchmark, 4000)]
            scores = [
                classifier.scores(pools.processes[name].events["test"].matrix(("met",)))[:size]
                for name, size in parts
            ]
            labels = np.repeat([0, 1], [6000, 4000])
            assert found.iloc[0] == pytest.approx(roc_auc_score(labels, np.concatenate(scores)))


def test_the_distributions_hold_every_histogram_and_event(tested):
    _, _, frames, _ = tested
    found = frames["scores"].groupby(["unit", *KEY, "true_class"])["count"].sum()
    assert (found.loc["ensemble"] == 1000).all()
    assert set(found.loc["event"]) == {6000, 4000}


def test_all_keeps_every_classifier_on_everything_and_none_nothing(tested):
    _, candidates, _, _ = tested
    assert len(kept("all", "hard", candidates)) == len(candidates)
    assert kept("none", "hard", candidates) == frozenset()


def test_of_a_search_the_best_member_is_kept_and_of_a_failed_repeat_the_next():
    def one(trial, repeat, point, *, selected):
        row = {"trial": trial, "repeat": repeat, "point": point, "train_benchmark": "a"}
        return Candidate(row=row, selected=selected, strength=0, choice=EVENTS)

    candidates = [
        one("t2", 2, "fixed", selected=True),
        one("t1", 1, "fixed", selected=True),
        one("s0", 0, "search", selected=False),
        one("s5", 5, "search", selected=True),
    ]
    assert kept("first", "a", candidates) == {"t1", "s5"}
    assert kept("first", "b", candidates) == frozenset()


def test_scores_beyond_the_bins_are_in_the_outermost():
    scores = np.r_[np.linspace(0, 1, 5000), 1e6], np.r_[-1e6, np.linspace(0, 2, 5000)]
    rows = score_rows(HEAD, scores)
    assert len(rows) == 2 * BINS
    assert sum(row["count"] for row in rows) == 10_002
    assert rows[0]["score_low"] == pytest.approx(0, abs=0.01)
    assert rows[-1]["score_high"] == pytest.approx(2, abs=0.01)


def test_scores_that_are_all_equal_have_one_filled_bin_and_half_the_area():
    scores = np.full(20, 3.0), np.full(30, 3.0)
    assert sorted(row["count"] for row in score_rows(HEAD, scores))[-3:] == [0, 20, 30]
    points = roc_rows(HEAD, scores)
    assert [p["true_positive_rate"] for p in points] == [0.0, 1.0]
    assert auc(*scores) == 0.5
