from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from rayscan.report.frames import auc as report
from rayscan.report.frames.limits import limit_summary
from rayscan.report.frames.trials import failures


def test_repeats_are_summarised_by_the_published_trimmed_mean(fake, fake_scan):
    scan = fake_scan(repeats=5)
    found = report.auc_summary(fake(scan))
    row = found[
        (found["label"] == "cnn")
        & (found["train_benchmark"] == "alp")
        & (found["test_benchmark"] == "spin1")
        & (found["test_s_over_sqrt_b"] == 2.0)
    ].iloc[0]
    # repeats are off by -2, -1, 0, 1, 2 spreads; without the extremes -1, 0, 1 remain
    exact = ndtr(0.92 * math.sqrt(0.29 / 1.18) * 1.18 * 2000 / math.sqrt(1_002_000) / math.sqrt(2))
    assert row["auc_mean"] == pytest.approx(exact, abs=1e-12)
    assert row["auc_std"] == pytest.approx(scan.spread, abs=1e-12)
    assert row["repeats"] == 5
    ceiling = ndtr(1.18 * 2000 / math.sqrt(1_002_000) / math.sqrt(2))
    assert row["auc_ceiling"] == pytest.approx(ceiling, abs=1e-12)
    error = math.sqrt(ceiling * (1 - ceiling) / scan.histograms)
    assert row["auc_ceiling_error"] == pytest.approx(error)
    assert row["auc_error"] == pytest.approx(error)
    assert row["auc_over_ceiling"] == pytest.approx(exact / ceiling)


def test_a_summary_has_a_row_per_classifier_training_and_test(tables):
    key = [c for c in report.auc_summary(tables).columns if c.startswith(("train_", "test_"))]
    found = report.auc_summary(tables)
    assert len(found) == 2 * 4 * 3 * 3
    assert not found.duplicated(["label", *key]).any()


def test_a_single_repeat_has_no_spread(fake, fake_scan):
    assert report.auc_summary(fake(fake_scan(repeats=1)))["auc_std"].isna().all()


def test_only_selected_members_of_a_search_count(fake, fake_scan):
    def keep_the_first(rows):
        for row in rows:
            row["selected"] = row["repeat"] == 0

    scan = fake_scan()
    found = report.auc_summary(fake(scan, auc=keep_the_first))
    assert set(found["repeats"]) == {1}
    alp = found[(found["label"] == "cnn") & (found["test_s_over_sqrt_b"] == 5)].iloc[0]
    assert alp["auc_mean"] == pytest.approx(scan.auc("cnn", "alp", "alp", 5.0, 1_000_000, 0))


def test_pure_signal_ensembles_keep_their_rows(fake, fake_scan):
    def without_background(rows):
        for row in rows:
            for name in list(row):
                if name.endswith("_background"):
                    row[name] = 0
                elif "_s_over_" in name:
                    row[name] = None

    tables = fake(fake_scan(strengths=(1.0,)), auc=without_background, points=without_background)
    summary = report.auc_summary(tables)
    assert len(summary) == 2 * 3 * 3
    assert summary["repeats"].eq(3).all()
    assert len(report.own(tables)) == 2 * 3
    assert report.matrix(tables, "cnn", None).shape == (3, 3)
    assert not list(report.curves(report.own(tables)))


def test_an_architecture_without_a_label_is_called_by_its_kind(fake, fake_scan):
    def unlabelled(rows):
        for row in rows:
            row["label"] = None

    assert set(report.auc_summary(fake(fake_scan(), auc=unlabelled))["label"]) == {
        "cnn",
        "logistic",
    }


def test_own_rows_are_trained_and_tested_on_the_same_ensembles(tables):
    found = report.own(tables)
    assert len(found) == 2 * 3 * 4
    assert (found["train_benchmark"] == found["test_benchmark"]).all()
    assert (found["train_signal"] == found["test_signal"]).all()


def test_training_at_the_highest_strength_is_own_at_every_strength(fake, fake_scan):
    found = report.own(fake(fake_scan(train="highest")))
    assert len(found) == 2 * 3 * 4
    assert set(found["train_s_over_sqrt_b"]) == {5.0}
    assert set(found["test_s_over_sqrt_b"]) == {0.5, 1.0, 2.0, 5.0}


def test_several_backgrounds_take_the_training_of_the_same_background(fake, fake_scan):
    scan = fake_scan(train="highest", backgrounds=(10_000, 1_000_000))
    found = report.own(fake(scan))
    assert len(found) == 2 * 3 * 4 * 2
    assert (found["train_background"] == found["test_background"]).all()


def test_a_missing_training_is_not_replaced_by_that_of_another_strength(fake, fake_scan):
    """Of training at each strength, all tested everywhere, one strength has not been trained."""
    scan = fake_scan(strengths=(1.0, 2.0), repeats=1)

    def cross(rows):
        others = {(r["train_benchmark"], r["label"], r["train_signal"]): r for r in rows}
        extra = []
        for row in rows:
            signal = 3000 - row["train_signal"]  # 1000 <-> 2000
            trained = others[row["train_benchmark"], row["label"], signal]
            extra.append(row | {k: v for k, v in trained.items() if k.startswith("train_")})
        return [r for r in [*rows, *extra] if r["train_signal"] == 1000]

    found = report.own(fake(scan, auc=cross))
    assert set(found["test_signal"]) == {1000}
    planned = report.own(fake(scan, auc=cross, points=lambda rows: rows[:0] or [rows[0]]))
    assert set(planned["test_signal"]) == {1000, 2000}


def test_a_matrix_has_train_rows_and_test_columns(tables, fake_scan):
    scan = fake_scan()
    found = report.matrix(tables, "logistic", 2.0)
    assert list(found.index) == list(found.columns) == ["alp", "spin1", "susy_300"]
    for train in found.index:
        for test in found.columns:
            exact = scan.auc("logistic", train, test, 2.0, 1_000_000, 1)  # the middle repeat
            assert found.loc[train, test] == pytest.approx(exact, abs=1e-12)


def test_a_matrix_leaves_untested_cells_missing(fake, fake_scan):
    def without_one(rows):
        return [
            r for r in rows if (r["train_benchmark"], r["test_benchmark"]) != ("alp", "susy_300")
        ]

    found = report.matrix(fake(fake_scan(), auc=without_one), "cnn", 2.0)
    assert np.isnan(found.loc["alp", "susy_300"])
    assert found.notna().to_numpy().sum() == 8


def test_matrices_exist_for_every_strength(tables):
    found = report.matrices(tables, "cnn")
    assert list(found) == [0.5, 1.0, 2.0, 5.0]
    assert found[2.0].equals(report.matrix(tables, "cnn", 2.0))


def test_rounded_signal_counts_are_one_strength(fake, fake_scan):
    tables = fake(fake_scan(strengths=(1.0, 2.0), backgrounds=(2_000, 2_003)))
    found = report.strengths(report.own(tables))
    assert len(found) == 2
    assert found == pytest.approx((1.0, 2.0), rel=0.02)


def _exact_strength(k, auc, background, share=1.0):
    """The S/sqrt(B) at which Phi(share k S/sqrt(S+B) / sqrt 2) is an AUC."""
    x2 = (math.sqrt(2) * ndtri(auc) / (share * k)) ** 2
    signal = (x2 + math.sqrt(x2**2 + 4 * x2 * background)) / 2
    return signal / math.sqrt(background)


@pytest.mark.parametrize("auc", [0.6, 0.9])
def test_the_strength_needed_inverts_the_closed_form(fake, auc, fake_scan):
    for _, row in report.strength_needed(fake(fake_scan(spread=0.0)), auc).iterrows():
        k = fake_scan().benchmarks[row["benchmark"]]
        # d' is linear in S/sqrt(B) up to S/B <= 0.5 %: half of it at most between the points
        expected = _exact_strength(k, auc, 1_000_000)
        if expected > 5:
            assert np.isnan(row["ceiling_s_over_sqrt_b"])
            assert np.isnan(row["s_over_sqrt_b"])
            continue
        assert row["ceiling_s_over_sqrt_b"] == pytest.approx(expected, rel=2.5e-3)
        share = fake_scan().architectures[row["label"]]
        own = _exact_strength(k, auc, 1_000_000, share)
        assert row["s_over_sqrt_b"] == pytest.approx(own, rel=2.5e-3)
        assert row["over_ceiling"] == pytest.approx(1 / share, rel=5e-3)


def test_every_background_has_its_own_strength_needed(fake, fake_scan):
    found = report.strength_needed(fake(fake_scan(backgrounds=(10_000, 1_000_000))), 0.7)
    assert set(found["background"]) == {10_000, 1_000_000}
    assert len(found) == 2 * 3 * 2


def test_a_perfect_classifier_reaches_any_auc_at_the_weakest_strength(fake, fake_scan):
    def perfect(rows):
        for row in rows:
            row["auc"] = 1.0

    found = report.strength_needed(fake(fake_scan(), auc=perfect), 0.9)
    assert set(found["s_over_sqrt_b"]) == {0.5}


def test_a_saturated_point_stands_on_the_line_through_the_last_unsaturated_one(fake, fake_scan):
    def saturated(rows):
        for row in rows:
            row["auc"] = 1.0 if row["test_signal"] > 1000 else 0.8
        return [r for r in rows if r["test_signal"] >= 1000]

    found = report.strength_needed(fake(fake_scan(), auc=saturated), 0.9)
    # d' = sqrt(2) Phi^-1(0.8) at S/sqrt(B) = 1, proportional beyond
    assert found["s_over_sqrt_b"].to_numpy() == pytest.approx(ndtri(0.9) / ndtri(0.8))


@pytest.mark.parametrize("auc", [0.5, 1.0, 90.0])
def test_an_impossible_auc_is_refused(tables, auc):
    with pytest.raises(ValueError, match=r"0\.5 < auc < 1"):
        report.strength_needed(tables, auc)


def test_limits_are_medians_over_repeats_in_mu_and_pb(fake, fake_scan):
    factors = {0: 1.0, 1: 1.1, 2: 5.0}

    def spread(rows):
        for row in rows:
            for name in row:
                if "_expected_" in name and row["method"] == "response":
                    row[name] *= factors[row["repeat"]]

    scan = fake_scan(luminosities=(139.0, 300.0))
    tables = fake(scan, limits=spread)
    found = limit_summary(tables)
    one = found[
        (found["method"] == "response")
        & (found["label"] == "cnn")
        & (found["luminosity"] == 139)
        & (found["train_benchmark"] == "alp")
        & (found["test_benchmark"] == "spin1")
        & (found["train_s_over_sqrt_b"] == 2)
    ]
    signal = 1.96 * math.sqrt(40_000 * 139) / 1.18 / 0.92 / math.sqrt(0.29 / 1.18)
    (row,) = one.to_dict("records")
    assert row["limits"] == 3
    assert row["without_limit"] == 0
    assert row["signal_events_expected_0"] == pytest.approx(1.1 * signal)
    assert row["mu_expected_0"] == pytest.approx(1.1 * signal / (200 * 139))
    assert row["mu_expected_p2"] == pytest.approx(1.86 * 1.1 * signal / (200 * 139))
    assert row["cross_section_expected_m1"] == pytest.approx(0.72 * 1.1 * signal / (2000 * 139))
    assert row["mu_std"] == pytest.approx(signal / (200 * 139) * np.std([1, 1.1, 5], ddof=1))


def test_template_limits_know_no_classifier(fake, fake_scan):
    found = limit_summary(fake(fake_scan(luminosities=(139.0, 300.0))))
    template = found[found["method"] == "template"]
    assert set(template["label"]) == {"template"}
    assert template["train_benchmark"].isna().all()
    assert len(template) == 3 * 2


def test_a_repeat_without_a_limit_is_counted_and_not_averaged(fake, fake_scan):
    def one_unbounded(rows):
        for row in rows:
            if row["repeat"] == 0 and row["method"] == "response":
                row["status"] = "unbounded"
                for name in row:
                    if "_expected_" in name:
                        row[name] = None

    found = limit_summary(fake(fake_scan(), limits=one_unbounded))
    response = found[found["method"] == "response"]
    assert set(response["limits"]) == {2}
    assert set(response["without_limit"]) == {1}
    assert response["mu_expected_0"].notna().all()


def test_failures_are_neither_ok_nor_pruned(fake, fake_scan):
    def some_fail(rows):
        for row, status in zip(rows, ("pruned", "diverged", "out_of_memory"), strict=False):
            row["status"] = status
            row["error"] = None if status == "pruned" else f"it {status}"

    found = failures(fake(fake_scan(), trials=some_fail))
    assert list(found["status"]) == ["diverged", "out_of_memory"]
    assert list(found["error"]) == ["it diverged", "it out_of_memory"]


def test_empty_tables_give_empty_summaries(fake, fake_scan):
    tables = fake(fake_scan(benchmarks={}, strengths=(1.0,)))
    assert report.auc_summary(tables).empty
    assert report.own(tables).empty
    assert report.strength_needed(tables).empty
    assert limit_summary(tables).empty
    assert failures(tables).empty
    assert report.matrix(tables, "cnn", 1.0).empty
    assert report.matrices(tables, "cnn") == {}
