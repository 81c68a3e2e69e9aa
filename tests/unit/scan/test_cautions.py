from __future__ import annotations

import pytest

from rayscan.scan import cautions


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
        ("auc", {"pool_mode": "shared_pool"}, ["Shared pool", "2105.12018"]),
        ("pools", {"pool_mode": "shared_pool"}, ["Shared pool"]),
        ("auc", {"draw_fraction": 0.32}, ["Draw fraction", "32%", "alp"]),
        # 500 signal events: 2.5 of them per ensemble where the background pool is empty
        ("auc", {"signal_in_empty_cells": 0.005}, ["Pool too small: 0.5 %", "2.5 events", "alp"]),
        ("trials", {"status": "diverged"}, ["Failed trainings: 2 of 72", "2 diverged"]),
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
