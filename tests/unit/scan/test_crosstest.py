"""Classifiers on test ensembles: ceilings, cross-tests, null signals, order, labels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from toy_scan import make_config, make_pools, train_all

from rayscan.ensembles.mixture import Mixture, Mixtures
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ArchitectureChoice, CrossTest, EnsembleSizes, Training
from rayscan.scan.config.search import Search
from rayscan.scan.plan.points import Point, mixture_columns, mixtures
from rayscan.scan.pools.binned import templates_of
from rayscan.scan.steps.candidates import (
    Candidate,
    best_of,
    candidates_for,
    candidates_of,
    part_key,
)
from rayscan.scan.steps.tests.pairs import TestSet, cross_test, test_sets


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Likelihood ratio and logistic regression of two signals, trained once."""
    folder = tmp_path_factory.mktemp("scan")
    config = make_config(architectures=("likelihood_ratio", "logistic_regression"))
    binned = make_pools()
    plan, rows, candidates = train_all(config, binned, folder)
    tests = test_sets(config, mixtures(config, binned))
    return config, binned, plan, rows, candidates, tests, str(folder)


def all_rows(scan, tests=None, candidates=None):
    config, binned, _, _, known, every, folder = scan
    return [
        row
        for test in tests or every
        for row in cross_test(
            test,
            candidates or candidates_for(config, test, known),
            config=config,
            binned=binned,
            storage=folder,
        )
    ]


def test_every_candidate_meets_every_test_set_and_fits_the_table(scan):
    rows = all_rows(scan)
    assert len(rows) == 2 * 2 * 4  # benchmarks x architectures x (benchmarks x strengths)
    assert rows_to_table("auc", rows).num_rows == len(rows)
    assert {row["pool_mode"] for row in rows} == {"disjoint"}


def test_the_likelihood_ratio_of_the_test_mixture_is_that_of_the_ceiling(scan):
    config, *_ = scan
    own = [
        row
        for row in all_rows(scan)
        if row["architecture"] == "likelihood_ratio"
        and row["train_benchmark"] == row["test_benchmark"]
        and row["train_signal"] == row["test_signal"]
    ]
    assert len(own) == len(config.benchmarks)
    for row in own:
        assert row["auc"] == row["auc_likelihood_ratio"]
        # What the noise of the templates costs is given back to the ceiling.
        assert row["auc_ceiling"] > row["auc"]
        assert not row["leakage_flag"]


def test_no_classifier_is_above_the_ceiling_beyond_its_error(scan):
    for row in all_rows(scan):
        if row["auc_over_ceiling_sigma"] is not None:
            # The ceiling's templates come from pools of 20,000 events: not the exact optimum, by
            # less than the paired error of 1000 histograms.
            assert row["auc_over_ceiling_sigma"] < 4
        assert not row["leakage_flag"]


def test_the_ceiling_agrees_with_its_closed_form(scan):
    for row in all_rows(scan):
        assert abs(row["auc_ceiling"] - row["auc_closed_form"]) < 4 * row["auc_ceiling_error"]


def test_a_classifier_of_another_benchmark_is_worse_than_the_own_one(scan):
    ratio = [r for r in all_rows(scan) if r["architecture"] == "likelihood_ratio"]
    for row in ratio:
        if row["train_benchmark"] != row["test_benchmark"] and row["test_s_over_sqrt_b"] > 2:
            error = math.hypot(row["auc_error"], row["auc_ceiling_error"])
            assert row["auc"] < row["auc_ceiling"] - 4 * error
            assert row["auc"] > 0.5 - 4 * row["auc_error"]


def test_the_order_of_test_sets_and_of_candidates_changes_nothing(scan):
    _, _, _, _, candidates, tests, _ = scan
    key = ("trial", "test_benchmark", "test_signal")
    forward = sorted(all_rows(scan), key=lambda r: [r[k] for k in key])
    backward = all_rows(scan, tests[::-1], candidates[::-1])
    backward = sorted(backward, key=lambda r: [r[k] for k in key])
    assert forward == backward


def test_a_signal_like_background_cannot_be_seen(tmp_path):
    # Pools of two million events: their own difference moves the AUC by a fifth of its error.
    config = make_config(signals=("null",))
    binned = make_pools(signals=("null",), size=2_000_000)
    _, _, candidates = train_all(config, binned, tmp_path)
    for test in test_sets(config, mixtures(config, binned)):
        (row,) = cross_test(test, candidates, config=config, binned=binned, storage=str(tmp_path))
        assert abs(row["auc"] - 0.5) < 4 * row["auc_error"]
        assert row["separation_k"] <= 4 * row["separation_k_error"]


def test_a_shared_pool_is_labelled_in_every_row(tmp_path):
    config = make_config()
    binned = make_pools(mode="shared_pool")
    _, _, candidates = train_all(config, binned, tmp_path)
    test = test_sets(config, mixtures(config, binned))[0]
    rows = cross_test(test, candidates, config=config, binned=binned, storage=str(tmp_path))
    assert rows
    assert {row["pool_mode"] for row in rows} == {"shared_pool"}


@pytest.fixture(scope="module")
def shared_null(tmp_path_factory):
    """No signal in shared pools of 8,000 events: rows of what knows them, most of it, nothing."""
    folder = tmp_path_factory.mktemp("shared")
    config = make_config(
        signals=("null",),
        mixtures=Mixtures(s_over_sqrt_b=(6,), background=2000),
        ensembles=EnsembleSizes(train=10, validation=10, test=4000, method="multinomial"),
    )
    binned = make_pools(signals=("null",), size=8000, mode="shared_pool")
    mixture = config.mixtures.expand()[0]
    knows = BinnedLikelihoodRatio.from_templates(templates_of(binned, "null", mixture)).weights
    noise = np.random.default_rng(3).normal(0, knows.std(), len(knows))
    weights = {"knows": knows, "most": knows + 0.4 * noise, "blind": noise}
    for name, each in weights.items():
        BinnedLikelihoodRatio(each).save(folder / "classifiers" / name)
    test = TestSet(benchmark="null", strength=0, mixture=mixture)
    candidates = [candidate(name) for name in weights]
    rows = cross_test(test, candidates, config=config, binned=binned, storage=str(folder))
    return dict(zip(weights, rows, strict=True))


def test_what_a_shared_pool_gives_away_is_told_by_events_kept_out_of_it(shared_null):
    for name, leaks in (("knows", True), ("most", True), ("blind", False)):
        row = shared_null[name]
        assert row["leakage_flag"] == leaks
        error = math.hypot(row["auc_total_error"], row["auc_unseen_total_error"])
        assert row["leakage_sigma"] == pytest.approx((row["auc"] - row["auc_unseen"]) / error)
        assert (row["leakage_sigma"] > 4) == leaks
        # the ceiling is too uncertain to tell
        assert row["auc_over_ceiling_sigma"] < 4
        # elsewhere none of them sees a signal that is none
        assert abs(row["auc_unseen"] - 0.5) < 4 * row["auc_unseen_total_error"]


def test_the_ceiling_of_a_shared_pool_is_one_of_unseen_events(shared_null):
    row = shared_null["knows"]
    assert row["auc"] > 0.6
    assert row["auc_ceiling"] - 0.5 < 4 * row["auc_ceiling_total_error"]
    assert row["auc_ceiling_total_error"] < 0.05


def test_disjoint_pools_have_nothing_to_compare_with(scan):
    for row in all_rows(scan):
        assert not {"auc_unseen", "leakage_sigma"} & set(row)


def test_rows_say_the_strength_that_was_asked_for(tmp_path):
    """S/sqrt(B) = 1 of 1,000 events is 32/sqrt(1000) = 1.012 in whole events."""
    config = make_config(
        signals=("hard",), mixtures=Mixtures(s_over_sqrt_b=(1, 2), background=1000)
    )
    binned = make_pools(signals=("hard",))
    _, _, candidates = train_all(config, binned, tmp_path)
    for test, asked in zip(test_sets(config, mixtures(config, binned)), (1.0, 2.0), strict=True):
        for row in cross_test(
            test, candidates, config=config, binned=binned, storage=str(tmp_path)
        ):
            assert (row["strength"], row["strength_kind"]) == (asked, "s_over_sqrt_b")
            assert row["trained_at"] == config.mixtures.strengths[1]
            assert row["test_s_over_sqrt_b"] != asked


def test_a_classifier_that_knows_the_test_pool_is_flagged(tmp_path):
    config = make_config(
        signals=("central",),
        mixtures=Mixtures(s_over_sqrt_b=(1,), background=1000),
        ensembles=EnsembleSizes(train=10, validation=10, test=4000, method="multinomial"),
    )
    binned = make_pools(signals=("central",), size=1000)
    mixture = config.mixtures.expand()[0]
    cheat = templates_of(binned, "central", mixture, pool="test")
    BinnedLikelihoodRatio.from_templates(cheat).save(tmp_path / "classifiers" / "cheat")
    test = TestSet(benchmark="central", strength=0, mixture=mixture)
    (row,) = cross_test(
        test, [candidate("cheat")], config=config, binned=binned, storage=str(tmp_path)
    )
    assert row["leakage_flag"], (row["auc_over_ceiling_sigma"], row["leakage_sigma"])
    assert row["auc_over_ceiling_sigma"] > 4


def test_a_draw_of_much_of_a_pool_is_flagged(tmp_path):
    config = make_config(signals=("central",))
    binned = make_pools(signals=("central",), sizes={"central": 200})
    _, _, candidates = train_all(config, binned, tmp_path)
    test = test_sets(config, mixtures(config, binned))[1]
    (row,) = cross_test(test, candidates, config=config, binned=binned, storage=str(tmp_path))
    assert row["draw_fraction"] == pytest.approx(test.mixture.signal / 200)
    assert row["draw_warning"]


def candidate(trial, *, strength=0, signal=32, selected=True):
    mixture = Mixture(signal=signal, background=1000)
    row = {
        "trial": trial,
        "point": "p",
        "train_benchmark": "hard",
        "architecture": "likelihood_ratio",
        "label": "likelihood_ratio",
        "repeat": 0,
        "classifier": f"classifiers/{trial}",
        **mixture_columns("train", mixture),
    }
    return Candidate(
        row=row,
        selected=selected,
        strength=strength,
        choice=ArchitectureChoice(name="likelihood_ratio"),
    )


def test_training_at_each_strength_is_tested_at_its_own(scan):
    config, _, _, _, _, tests, _ = scan
    each = replace(config, training=Training(strength="each", repeats=1))
    both = (candidate("weak", strength=0), candidate("strong", strength=1))
    met = {t.name: [c.row["trial"] for c in candidates_for(each, t, both)] for t in tests}
    assert {tuple(v) for k, v in met.items() if k.endswith("_S32")} == {("weak",)}
    everywhere = replace(each, crosstest=CrossTest(strengths="all"))
    assert all(len(candidates_for(everywhere, test, both)) == 2 for test in tests)


def test_a_part_is_named_by_who_is_tested(scan):
    test = scan[5][0]
    a, b = candidate("a"), candidate("b")
    assert part_key(test, [a, b]) == part_key(test, [b, a])
    names = {part_key(test, group) for group in ([a], [b], [a, b], [replace(a, selected=False)])}
    assert len(names) == 4


def test_members_without_a_classifier_are_passed_over(scan):
    _, _, plan, rows, candidates, _, _ = scan
    failed = {"trial": "x", "point": rows[0]["point"], "status": "error", "error": "no memory"}
    assert candidates_of(plan, [failed, *rows]) == candidates


@pytest.mark.parametrize(("objective", "best"), [("auc", "b"), ("limit", "a"), ("loss", "a")])
def test_the_best_of_a_search_is_where_its_objective_is_best(objective, best):
    values = {"a": 0.6, "b": 0.7, "c": None}
    rows = [
        {"trial": name, "repeat": number, "objective": objective, "objective_value": value}
        for number, (name, value) in enumerate(values.items())
    ]
    assert best_of(rows) == best
    assert best_of(rows[2:]) is None


def test_of_equal_members_the_earlier_one_is_selected():
    row = {"objective": "auc", "objective_value": 0.5}
    assert best_of([{**row, "trial": "z", "repeat": 1}, {**row, "trial": "a", "repeat": 0}]) == "a"


def test_only_the_best_of_a_search_is_selected():
    choice = ArchitectureChoice(name="logistic_regression", search=True)
    config = make_config(architectures=(choice,), search=Search(trials=2, batch=1))
    point = Point(benchmark="hard", strength=0, mixture=config.mixtures.expand()[0], choice=choice)
    rows = [
        {
            "trial": str(value),
            "point": point.name,
            "repeat": repeat,
            "classifier": "there",
            "objective": "auc",
            "objective_value": value,
        }
        for repeat, value in enumerate((0.6, 0.8))
    ]
    assert [c.selected for c in candidates_of((point,), rows)] == [False, True]


def test_without_replacement_moves_the_ceiling_as_its_closed_form_says(tmp_path):
    """Drawing half of a pool leaves less fluctuation: the AUC is higher than of endless pools."""
    config = make_config(
        signals=("hard",),
        mixtures=Mixtures(s_over_sqrt_b=(1.5,), background=1000),
        ensembles=EnsembleSizes(train=10, validation=10, test=3000),
    )
    binned = make_pools(signals=("hard",), sizes={"bkg": 2000})
    _, _, candidates = train_all(config, binned, tmp_path)
    test = test_sets(config, mixtures(config, binned))[0]
    (row,) = cross_test(test, candidates, config=config, binned=binned, storage=str(tmp_path))
    assert abs(row["auc"] - row["auc_closed_form"]) < 4 * row["auc_error"]
    endless = replace(config, ensembles=replace(config.ensembles, method="multinomial"))
    (free,) = cross_test(test, candidates, config=endless, binned=binned, storage=str(tmp_path))
    assert free["auc"] < row["auc"] - 4 * math.hypot(row["auc_error"], free["auc_error"])


def test_a_missing_classifier_is_an_error_that_names_its_folder(scan, tmp_path):
    config, binned, _, _, _, tests, _ = scan
    Storage(str(tmp_path)).write("x", b"")
    with pytest.raises(Exception, match="classifiers/gone"):
        cross_test(
            tests[0], [candidate("gone")], config=config, binned=binned, storage=str(tmp_path)
        )


def test_pool_columns_say_how_much_signal_has_no_background_to_meet(tmp_path):
    config = make_config(signals=("hard",))
    binned = make_pools(signals=("hard",))
    background = binned.processes["bkg"]
    emptied = background.counts["train"].copy()
    emptied[-10:] = 0
    counts = {**background.counts, "train": emptied}
    binned = replace(
        binned, processes={**binned.processes, "bkg": replace(background, counts=counts)}
    )
    _, _, candidates = train_all(config, binned, tmp_path)
    test = test_sets(config, mixtures(config, binned))[0]
    (row,) = cross_test(test, candidates, config=config, binned=binned, storage=str(tmp_path))
    signal = binned.signal("hard", "test").counts
    empty = emptied == 0
    assert row["signal_in_empty_cells"] == pytest.approx(signal[empty].sum() / signal.sum())
    assert row["background_pool"] == binned.background_counts("test").sum()
    drawn = config.ensembles.test * (2 * test.mixture.background + test.mixture.signal)
    assert row["reuse_factor"] == pytest.approx(drawn / row["background_pool"])
    assert np.isfinite(row["auc_ceiling"])
