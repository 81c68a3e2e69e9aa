"""What is said of heads: ratios of many models over one, signals against signals, empty tables."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.report.frames import auc, heads
from rayscan.report.views import sections

MANY = "alp+spin1"


def renamed(row, name, **changes):
    """A copy under another label; rows of `points` have no trial."""
    keys = {key: f"{row[key]}-{name}" for key in ("trial", "point") if key in row}
    return row | keys | {"label": name} | changes


def with_heads(rows):
    """Besides: the cnn of `alp` as one of two models, `logistic` against a second signal."""
    known = []
    for row in rows:
        if row["train_benchmark"] == "alp" and row["label"] == "cnn":
            worse = {"auc": row["auc"] - 0.01} if "auc" in row else {}
            known.append(renamed(row, "many", head="multimodel", train_benchmark=MANY, **worse))
        second = "susy_300"
        names = (row["train_benchmark"], row.get("test_benchmark"))
        if row["label"] == "logistic" and second not in names:
            tested = {"test_against": second} if "auc" in row else {}
            known.append(renamed(row, "pair", head="binary", train_against=second, **tested))
        known.append(row | {"head": "binary"})
    return known


@pytest.fixture
def headed(fake, fake_scan):
    return fake(fake_scan(), auc=with_heads, points=with_heads)


def test_many_models_are_compared_with_the_single_one_of_the_same_architecture(headed):
    found = heads.multimodel_ratio(headed)
    assert len(found) == 3 * 4  # benchmarks, strengths
    assert set(found["single_label"]) == {"cnn"}
    assert set(found.loc[found["held_out"], "test_benchmark"]) == {"susy_300"}
    own = auc.own(headed)
    for row in found.itertuples():
        same = (own["test_benchmark"] == row.test_benchmark) & (own["label"] == "cnn")
        single = own[same & (own["test_signal"] == row.test_signal)]
        assert row.auc_single == single["auc_mean"].item()
        assert row.ratio == pytest.approx(row.auc_multimodel / row.auc_single)
    # Repeats are 0.003 apart: a spread of 0.003 in each of the two.
    alp = found[(found["test_benchmark"] == "alp") & (found["auc_single"] < 0.9)].iloc[0]
    spread = 0.003 * alp["ratio"] * np.hypot(1 / alp["auc_multimodel"], 1 / alp["auc_single"])
    assert alp["ratio_std"] == pytest.approx(spread, rel=1e-6)


def test_signals_against_signals_are_apart_from_those_against_background(headed):
    found = heads.against_signal(headed)
    assert len(found) == 2 * 4
    assert set(found["test_against"]) == {"susy_300"}
    own = auc.own(headed)
    assert own["test_against"].isna().all()
    assert set(own["label"]) == {"cnn", "logistic"}
    assert auc.matrix(headed, "pair", 1.0).shape == (2, 2)


def test_what_has_no_such_head_says_nothing_of_it(tables):
    assert heads.multimodel_ratio(tables).empty
    assert heads.against_signal(tables).empty
    assert heads.one_against_rest(tables).empty
    assert heads.counting_shares(tables).empty
    assert not [title for title in sections(tables) if "second signal" in title]


def test_the_command_line_shows_a_table_for_each_head(headed):
    titles = " ".join(sections(headed))
    assert "AUC against a second signal" in titles
    assert "AUC of one classifier for several benchmarks" in titles
    ((title, shown),) = (
        (title, frame)
        for title, frame in sections(headed).items()
        if title.startswith("AUC on the")
    )
    assert set(shown.columns) >= {"cnn", "logistic"}
    # what the errors hold is said once, and every AUC and ceiling has one
    assert "test set, finite pools and spread over repeats" in title
    for column in ("ceiling", "cnn", "logistic"):
        cells = shown[column].dropna()
        assert len(cells)
        assert cells.str.fullmatch(r"[01]\.\d{3}\(\d+\)").all()
