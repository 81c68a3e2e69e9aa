"""Published tables beside those of a scan: what is read, matched, marked and printed."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import TableError
from rayscan.report.published.beside import beside, published, shown, studies
from rayscan.results.ledger import Ledger, rows_to_table
from rayscan.results.read import Tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.results.variants import VARIANT
from rayscan.stats.auc import separation

B = 25_000
SIGNALS = (25, 75, 125, 250)
LABELS = ("lr", "inception-svm")


def decided(rows):
    """Accuracy and recall of normal scores, with binomial errors of 1,000 of each class."""
    for row in rows:
        accuracy = norm.cdf(separation(row["auc"]) / 2)
        error = math.sqrt(accuracy * (1 - accuracy) / 1000)
        row |= {"accuracy": accuracy, "accuracy_error": error / math.sqrt(2)}
        row |= {"recall": accuracy, "recall_error": error}
    return rows


@pytest.fixture(scope="module")
def tables(fake, fake_scan):
    scan = fake_scan(
        benchmarks={"slepton": 1.75},
        strengths=tuple(signal / math.sqrt(B) for signal in SIGNALS),
        backgrounds=(B,),
        architectures={"lr": 0.9, "inception-svm": 0.5, "mlp": 0.9},
    )
    return fake(scan, auc=decided)


@pytest.fixture(scope="module")
def rows(tables):
    return beside(tables, "slepton")


def test_the_published_tables_are_complete():
    assert studies() == ("slepton",)
    found = published("slepton")
    assert len(found) == 14 * (5 + 8 + 8)
    assert not found.duplicated(["quantity", "label", "s_over_b"]).any()
    assert found.notna().all(axis=None)


def test_strengths_are_the_printed_ones(tables):
    printed = [0.16, 0.32, 0.47, 0.63, 0.79, 1.1, 1.34, 1.57, 3.13, 4.67, 7.72, 10.7, 15.08, 28.87]
    for frame in shown(of_study(tables), "slepton").values():
        found = frame["S/sqrt(B)"].astype(float)
        assert (found - np.array(printed)).abs().max() < 0.011


def test_known_numbers_are_in_their_places():
    found = published("slepton").set_index(["quantity", "label", "s_over_b"])
    for place, value, error in (
        (("auc", "dnn2", 0.001), 0.827, 0.004),
        (("auc", "cnn", 0.005), 0.942, 0.047),
        (("f1", "inception-lr", 0.007), 0.828, 0.016),
        (("recall", "resnet50-svm", 0.003), 0.672, 0.043),
        (("accuracy", "resnet50-lr", 0.2), 1.0, 0.0),
    ):
        assert found.loc[place, ["value", "error"]].tolist() == [value, error]


def test_ours_stand_at_the_strength_and_label_of_the_published_number(rows, tables):
    own = tables.auc[(tables.auc["label"] == "lr") & (tables.auc["test_signal"] == 75)]
    found = rows[(rows["label"] == "lr") & (rows["s_over_b"] == 0.003)].squeeze()
    assert found["ours"] == pytest.approx(own["auc"].mean())
    assert found["ceiling"] == pytest.approx(own["auc_ceiling"].mean())
    assert found["value"] == 0.961
    empty = rows[(rows["label"] == "lr") & (rows["s_over_b"] == 0.002)].squeeze()
    assert empty[["ours", "ceiling"]].isna().all()


def test_a_table_has_one_ceiling_for_all_its_labels(rows):
    there = rows[(rows["quantity"] == "auc") & (rows["s_over_b"] == 0.003)].set_index("label")
    assert there.loc["lr", "ceiling"] == there.loc["svm", "ceiling"] == there.loc["cnn", "ceiling"]
    assert there.loc[["dnn2", "resnet50-lr"], "ceiling"].isna().all()


def test_what_is_above_the_ceiling_by_more_than_the_errors_is_marked(rows):
    area = rows[rows["quantity"] == "auc"].set_index(["label", "s_over_b"])
    for label, ratio, above in (
        ("lr", 0.003, True),  # .961 where .721 is possible
        ("cnn", 0.003, False),  # .587
        ("inception-svm", 0.01, False),  # .976 +- .006 where .974 is possible
    ):
        row = area.loc[(label, ratio)]
        assert row["above"] == above
        assert (row["value"] > row["ceiling"]) == (label != "cnn")
    assert not rows[rows["ceiling"].isna()]["above"].any()


def test_the_ceiling_of_an_accuracy_is_that_of_normal_scores(rows):
    found = rows[(rows["label"] == "inception-svm") & (rows["s_over_b"] == 0.005)]
    found = found.set_index("quantity")
    area = found.loc["auc", "ceiling"]
    expected = norm.cdf(norm.ppf(area) / math.sqrt(2))
    assert found.loc["accuracy", "ceiling"] == pytest.approx(expected)
    step = 1e-6
    slope = (norm.cdf(norm.ppf(area + step) / math.sqrt(2)) - expected) / step
    error = found.loc["auc", "ceiling_error"] * slope
    assert found.loc["accuracy", "ceiling_error"] == pytest.approx(error, rel=0.1)
    assert np.isnan(found.loc["recall", "ceiling"])
    assert found.loc["recall", "ours"] == pytest.approx(found.loc["accuracy", "ours"])
    assert np.isnan(found.loc["f1", "ours"])


def test_folds_stand_beside_them_with_their_standard_deviation(tables):
    here = (tables.auc["label"] == "inception-svm") & (tables.auc["test_signal"] == 75)
    row = tables.auc[here].iloc[0]
    columns = [column.name for column in LAYOUTS["validation"].columns]
    common = {name: row[name] for name in columns if pd.notna(row.get(name))}
    rows = [
        common
        | {"validation_repeat": 0, "validation_fold": k, "auc": 0.6 + 0.1 * k, "auc_error": 0.1}
        | {"accuracy": 0.5 + 0.1 * k, "accuracy_error": 0.1}
        for k in range(3)
    ]
    folds = rows_to_table("validation", rows).to_pandas()
    both = Tables(**{**vars(tables), "validation": folds})
    place = ["quantity", "label", "s_over_b"]
    found, plain = (beside(each, "slepton").set_index(place) for each in (both, tables))
    known = found.loc[("accuracy", "inception-svm", 0.003), ["folds", "folds_std"]]
    assert known.tolist() == pytest.approx([0.6, 0.1])
    pd.testing.assert_series_equal(found["ours"], plain["ours"])
    assert found["folds"].notna().sum() == 3  # AUC, accuracy and recall: there is no F1
    printed = shown(of_study(both), "slepton")["Table 5 (InceptionV3 features): AUC of slepton"]
    assert "inception-lr in folds" not in printed
    assert printed["inception-svm in folds"].iloc[2] == "0.700(100)"


def of_study(tables, name="base"):
    frames = {n: frame.assign(**{VARIANT: name}) for n, frame in vars(tables).items()}
    return Tables(**frames)


def test_tables_are_printed_where_the_scan_has_something(tables):
    found = shown(of_study(tables), "slepton")
    assert list(found) == [
        "Table 4 (pixels): AUC of slepton",
        "Table 5 (InceptionV3 features): AUC of slepton",
        "Table 5 (InceptionV3 features): recall of slepton",
        "Table 5 (InceptionV3 features): accuracy of slepton",
    ]
    first = next(iter(found.values()))
    assert "svm" not in first
    assert first["svm paper"].tolist()[:3] == ["0.626(21) !", "0.804(19)", "0.930(8) !"]
    assert len(first) == 14
    assert list(first)[:5] == ["S/sqrt(B)", "S/B", "ceiling", "lr", "lr paper"]
    assert first["lr paper"].iloc[2] == "0.961(7) !"
    other = shown(of_study(tables, "weak"), "slepton")
    assert list(other) == [f"weak: {title}" for title in found]


def test_a_scan_without_labels_of_the_study_is_told_so(tables):
    rows = tables.auc[tables.auc["label"] == "mlp"]
    other = of_study(Tables(**{**vars(tables), "auc": rows}))
    with pytest.raises(TableError, match=r"label of this study \(lr, svm, .*it has: mlp"):
        shown(other, "slepton")


def test_ensembles_of_other_sizes_are_not_set_beside(fake, fake_scan):
    scan = fake_scan(
        benchmarks={"slepton": 1.75}, strengths=(3.0,), backgrounds=(2500,), architectures={"lr": 1}
    )
    other = fake(scan)
    assert other.auc["test_s_over_b"].iloc[0] == pytest.approx(0.06)
    assert beside(other, "slepton")["ours"].isna().all()
    with pytest.raises(TableError, match="as many events and the same S/B"):
        shown(of_study(other), "slepton")


def test_a_whole_number_of_signal_events_is_enough(fake, fake_scan):
    """8 of 1,000 events are S/B = .0081 where .0085 was asked for."""
    scan = fake_scan(
        benchmarks={"slepton": 1.75},
        strengths=(8 / math.sqrt(992),),
        backgrounds=(992,),
        architectures={"dnn2": 0.5, "dnn12": 0.9},
    )
    found = beside(fake(scan), "slepton")
    there = found[found["ours"].notna()].set_index("label")
    assert there["s_over_b"].to_dict() == {"dnn2": 0.0085, "dnn12": 0.0085}
    # twelve features may tell more than the bins of two
    assert there["ceiling"].isna().to_dict() == {"dnn2": False, "dnn12": True}
    assert there["above"].to_dict() == {"dnn2": True, "dnn12": False}


def test_the_command_prints_them(tables, tmp_path):
    ledger = Ledger(str(tmp_path))
    for name in ("points", "trials", "auc", "provenance"):
        text = getattr(tables, name).to_json(orient="records", double_precision=15)
        ledger.commit(name, "all", json.loads(text))
    said = CliRunner().invoke(app, ["results", str(tmp_path), "--study", "slepton"])
    assert said.exit_code == 0, said.output
    assert "Table 4 (pixels): AUC of slepton" in said.output
    assert "above the ceiling" in said.output
    wrong = CliRunner().invoke(app, ["results", str(tmp_path), "--study", "sleptons"])
    assert wrong.exit_code == 2
    assert "no tables of a study 'sleptons' (known: slepton)" in wrong.output
