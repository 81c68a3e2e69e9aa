"""Folds of training sets, summarised from made-up rows."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.report.cautions import warnings
from rayscan.report.frames.auc import auc_summary
from rayscan.report.frames.validation import fold_summary
from rayscan.report.views import FOLDS, folds_view, sections
from rayscan.results.ledger import rows_to_table
from rayscan.results.read import Tables

TRAINED = {
    "point": "spin1.B1000_S50.svm",
    "train_benchmark": "spin1",
    "head": "binary",
    "architecture": "linear_svm",
    "label": "svm",
    "train_signal": 50,
    "train_background": 1000,
    "train_s_over_b": 0.05,
    "train_s_over_sqrt_b": 1.58,
}
AREAS = ((0.80, 0.90), (0.84, 0.86))  # of two divisions


def rows(trial="good", *, selected=True, flag=False, plus=0.0):
    common = {
        **TRAINED,
        "trial": trial,
        "repeat": 0,
        "selected": selected,
        "auc_error": 0.03,
        "auc_ceiling": 0.82,
        "auc_ceiling_total_error": 0.01,
        "mean_over_ceiling_sigma": 5.0 if flag else 1.0,
        "leakage_flag": flag,
    }
    return [
        {**common, "validation_repeat": repeat, "validation_fold": fold, "auc": area + plus}
        for repeat, areas in enumerate(AREAS)
        for fold, area in enumerate(areas)
    ]


def made(found):
    test = {name.replace("train_", "test_"): TRAINED[name] for name in TRAINED if "train_" in name}
    own = {
        **TRAINED,
        **test,
        "trial": "good",
        "repeat": 0,
        "selected": True,
        "auc": 0.71,
        "auc_error": 0.01,
        "auc_total_error": 0.02,
        "auc_ceiling": 0.82,
    }
    elsewhere = {**own, "test_benchmark": "spin2", "auc": 0.6}
    return Tables(
        validation=rows_to_table("validation", found).to_pandas(),
        auc=rows_to_table("auc", [own, elsewhere]).to_pandas(),
    )


def test_the_mean_and_the_spread_are_of_all_folds_of_the_selected_member():
    tables = made(rows() + rows("other", selected=False, plus=0.05))
    (row,) = fold_summary(tables).to_dict("records")
    flat = np.ravel(AREAS)
    assert row["folds"] == 4
    assert row["auc_mean"] == pytest.approx(flat.mean())
    assert row["auc_std"] == pytest.approx(flat.std(ddof=1))
    # Another division is of the same histograms: two parts of one make the error.
    assert row["auc_error"] == pytest.approx(0.03 / np.sqrt(2))
    assert (row["auc_tested"], row["auc_tested_total_error"]) == (0.71, 0.02)
    assert row["auc_ceiling"] == pytest.approx(0.82)
    (shown,) = folds_view(tables).to_dict("records")
    assert (shown["folds"], shown["unseen events"]) == ("0.850 ± 0.042", "0.710(20)")
    assert any(title.startswith(FOLDS) for title in sections(tables))


def test_no_summary_of_tests_knows_of_folds():
    with_folds, without = made(rows()), made([])
    assert auc_summary(with_folds).equals(auc_summary(without))
    assert fold_summary(without).empty
    assert not any(title.startswith(FOLDS) for title in sections(without))


def test_only_a_mean_far_above_the_ceiling_is_warned_of():
    said = [line for line in warnings(made(rows(flag=True))) if line.startswith("Folds")]
    assert len(said) == 1
    assert "svm of spin1 at S = 50, B = 1000: 0.850 against 0.820 (+5.0 sigma)" in said[0]
    assert not any(line.startswith("Folds") for line in warnings(made(rows())))
