from __future__ import annotations

import pytest

from rayscan.report import cautions


def _set(**values):
    def change(rows):
        for row in rows[:2]:
            row.update(values)

    return change


def test_a_clean_scan_has_no_warnings(tables):
    assert cautions.warnings(tables) == []


@pytest.mark.parametrize(
    ("table", "values", "words"),
    [
        (
            "auc",
            {"leakage_flag": True, "auc_over_ceiling_sigma": 7.1, "auc": 0.97},
            ["Leakage: 2 of 216", "cnn trained on alp", "S/sqrt(B) = 0.5", "0.970", "+7.1 sigma"],
        ),
        (
            "auc",
            {"leakage_flag": True, "leakage_sigma": 5.3, "auc": 0.71, "auc_unseen": 0.52},
            ["Leakage: 2 of 216", "same classifier", "0.710 against 0.520", "+5.3 sigma"],
        ),
        ("auc", {"pool_mode": "shared_pool"}, ["Shared pool", "2105.12018"]),
        ("pools", {"pool_mode": "shared_pool"}, ["Shared pool"]),
        ("auc", {"draw_fraction": 0.32}, ["Draw fraction", "32%", "alp"]),
        # 500 signal events: 2.5 of them per ensemble where the background pool is empty
        ("auc", {"signal_in_empty_cells": 0.005}, ["Pool too small: 0.5 %", "2.5 events", "alp"]),
        ("trials", {"status": "diverged"}, ["Failed trainings: 2 of 72", "2 diverged"]),
        (
            "points",
            {"planned": 3, "done": 1, "failed": 1, "point": "alp.8.cnn"},
            ["Missing classifiers: 1 of ", "(1 of alp.8.cnn)", "rayscan run"],
        ),
        (
            "limits",
            {"floor_decides": True, "method": "response"},
            ["Channels", "the channels of 1 of ", "finer channels"],
        ),
        ("limits", {"status": "unbounded"}, ["Unbounded limits: 2 of 435", "alp"]),
        ("limits", {"status": "failed"}, ["Failed limits: 2 of 435"]),
        ("limits", {"status": "partial"}, ["Partial limits: 2 of 435"]),
        ("limits", {"referee_cls": 0.0531}, ["Referee", "2 of 2", "0.0531"]),
        ("provenance", {"kind": "broken"}, ["Broken input: 2 files", "scan file", "seed"]),
    ],
)
def test_each_trouble_gives_one_sentence_with_its_numbers(fake, fake_scan, table, values, words):
    (sentence,) = cautions.warnings(fake(fake_scan(), **{table: _set(**values)}))
    for word in words:
        assert word in sentence


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("auc", {"leakage_flag": None}),
        ("auc", {"draw_fraction": 0.1}),
        ("auc", {"signal_in_empty_cells": 0.0002}),  # 500 signal events: 0.1 per ensemble
        ("trials", {"status": "pruned"}),
        ("limits", {"referee_cls": 0.0509}),
    ],
)
def test_what_is_within_bounds_is_not_warned_about(fake, fake_scan, table, values):
    assert cautions.warnings(fake(fake_scan(), **{table: _set(**values)})) == []


def test_the_worst_leak_is_named_first(fake, fake_scan):
    def leaks(rows):
        rows[0].update(leakage_flag=True, auc_over_ceiling_sigma=5.0)
        rows[5].update(leakage_flag=True, auc_over_ceiling_sigma=9.0, test_background=0)
        rows[5]["test_s_over_sqrt_b"] = None
        rows[6].update(draw_fraction=0.2)

    first, second = cautions.warnings(fake(fake_scan(), auc=leaks))
    assert "+9.0 sigma" in first
    assert "S = 500, B = 0" in first
    assert second.startswith("Draw fraction")


def test_limits_that_stand_on_few_simulated_events_are_named(fake, fake_scan):
    def few(rows):
        return [row | {"events_in_binning": 100} for row in rows]

    (sentence,) = cautions.warnings(fake(fake_scan(), pools=few))
    assert sentence.startswith("Monte Carlo statistics")
    assert "on 100 simulated ones" in sentence


def test_a_template_that_holds_every_event_stands_on_all_pools(fake, fake_scan):
    def few(rows):
        return [row | {"events_in_binning": 100} for row in rows]

    def from_all(rows):
        return [row | {"filled_from": "all"} for row in rows]

    (sentence,) = cautions.warnings(fake(fake_scan(), pools=few, limits=from_all))
    assert "on 300 simulated ones" in sentence

    def shared(rows):
        return [row | {"pool_mode": "shared_pool"} for row in few(rows)]

    *_, sentence = cautions.warnings(fake(fake_scan(), pools=shared, limits=from_all))
    assert "on 100 simulated ones" in sentence


@pytest.mark.parametrize(
    ("heaviest", "means", "words"),
    [
        (0.3, {}, "one event carries 30 % of their weight"),
        (0.01, {"zvv/a": 105.8, "zvv/b": 0.026}, "from 0.026 (zvv/b) to 106 (zvv/a)"),
        (0.01, {"zvv/a": 1.0, "zvv/b": 1.1}, "the heaviest event weighs 5 times the mean"),
        (0.01, {"alp/a": 1.0, "alp/b": 9.0}, "the heaviest event weighs 5 times the mean"),
    ],
)
def test_little_left_by_unweighting_names_its_cause(fake, fake_scan, heaviest, means, words):
    def little(rows):
        lost = {"kept_by_unweighting": 0.2, "heaviest_event": heaviest}
        return [row | lost if row["process"] == "zvv" else row for row in rows]

    def files(rows):
        return rows + [{"kind": "input", "name": n, "mean_weight": m} for n, m in means.items()]

    tables = fake(fake_scan(), pools=little, provenance=files)
    (sentence,) = cautions.warnings(tables)
    assert sentence.startswith("Weights: unweighting keeps 20 % of the selected events of zvv")
    assert words in sentence
