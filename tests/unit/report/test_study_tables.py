"""Tables of a scan and its variants as one, and what they say side by side."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rayscan.errors import TableError
from rayscan.report.frames.auc import own
from rayscan.report.frames.comparison import auc_curves, auc_ratio, each_variant
from rayscan.report.frames.limits import limit_summary
from rayscan.report.views import comparisons, side_by_side
from rayscan.results.ledger import Ledger
from rayscan.results.names import variant_storage
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.results.variants import read_study

MADE_UP = {"points", "trials", "auc", "limits", "cutflow", "pools", "provenance"}
"""Tables that have rows here."""


def store(tables: Tables, storage: str) -> None:
    """Tables as the parts of a ledger."""
    ledger = Ledger(storage)
    for name, frame in vars(tables).items():
        rows = json.loads(frame.to_json(orient="records", double_precision=15))
        ledger.commit(name, "all", rows)


@pytest.fixture(scope="module")
def storage(fake, fake_scan, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("study") / "monojet")
    store(fake(fake_scan(repeats=5)), root)
    store(fake(fake_scan(repeats=5, backgrounds=(10_000,))), variant_storage(root, "B-10"))
    store(fake(fake_scan(repeats=1)), variant_storage(root, "B-9"))
    weaker = {"cnn": 0.5, "logistic": 0.6}
    store(fake(fake_scan(architectures=weaker)), variant_storage(root, "weak"))
    return root


@pytest.fixture(scope="module")
def study(storage):
    return read_study(storage)


def test_the_first_column_says_which_scan_a_row_is_of(study):
    for name, layout in LAYOUTS.items():
        frame = getattr(study, name)
        assert list(frame.columns) == ["variant", *(column.name for column in layout.columns)]
        if name not in MADE_UP:
            assert frame.empty
            continue
        # Numbers in names count as numbers.
        assert list(frame["variant"].unique()) == ["base", "B-9", "B-10", "weak"]


def test_rows_of_a_study_are_those_of_each_storage(storage, study):
    for name in ("base", "B-10", "weak"):
        alone = read_tables(variant_storage(storage, name))
        for table in LAYOUTS:
            frame = getattr(study, table)
            part = frame[frame["variant"] == name].drop(columns="variant").reset_index(drop=True)
            pd.testing.assert_frame_equal(part, getattr(alone, table), check_dtype=False)


def test_one_storage_is_still_read_alone(storage, fake, fake_scan):
    assert len(read_tables(storage).auc) == len(fake(fake_scan(repeats=5)).auc)


def test_a_study_without_variants_is_the_scan_itself(fake, fake_scan, tmp_path):
    store(fake(fake_scan(repeats=1)), str(tmp_path / "one"))
    assert set(read_study(tmp_path / "one").auc["variant"]) == {"base"}


def test_a_variant_that_ran_alone_is_read(fake, fake_scan, tmp_path):
    root = str(tmp_path / "one")
    store(fake(fake_scan(repeats=1)), variant_storage(root, "only"))
    assert set(read_study(root).auc["variant"]) == {"only"}


def test_a_variant_that_has_only_begun_has_no_curve_yet(fake, fake_scan, tmp_path):
    root = str(tmp_path / "one")
    store(fake(fake_scan(repeats=1)), root)
    seed = [{"kind": "scan", "name": "seed", "value": "1"}]
    Ledger(variant_storage(root, "new")).commit("provenance", "inputs", seed)
    study = read_study(root)
    assert set(study.provenance["variant"]) == {"base", "new"}
    assert set(auc_curves(study)["variant"]) == {"base"}
    assert set(side_by_side(study)["variant"]) == {"base"}
    Ledger(variant_storage(str(tmp_path / "two"), "new")).commit("provenance", "inputs", seed)
    assert len(side_by_side(read_study(tmp_path / "two"))) == 0


def test_where_nothing_has_run_there_is_no_study(tmp_path):
    with pytest.raises(TableError, match="no rayscan results here"):
        read_study(tmp_path / "nothing")


def test_a_report_of_each_variant_is_that_of_its_own_tables(storage, study):
    found = each_variant(study, limit_summary)
    assert found.columns[0] == "variant"
    for name in ("base", "weak"):
        alone = limit_summary(read_tables(variant_storage(storage, name)))
        part = found[found["variant"] == name].drop(columns="variant").reset_index(drop=True)
        pd.testing.assert_frame_equal(part, alone, check_dtype=False)


def test_curves_are_trimmed_means_of_each_variant(storage, study, fake_scan):
    rows = auc_curves(study)
    assert list(rows["variant"].unique()) == ["base", "B-9", "B-10", "weak"]
    base = rows[rows["variant"] == "base"].drop(columns="variant").reset_index(drop=True)
    pd.testing.assert_frame_equal(base, own(read_tables(storage)), check_dtype=False)
    # Of repeats off by -2, -1, 0, 1, 2 spreads the extremes are dropped.
    below_one = base.loc[base["test_s_over_sqrt_b"] <= 2, "auc_std"]
    assert below_one.to_numpy() == pytest.approx(fake_scan().spread, abs=1e-9)
    assert rows.loc[rows["variant"] == "B-9", "auc_std"].isna().all()


def test_a_ratio_pairs_benchmark_strength_and_architecture(study):
    found = auc_ratio(study, "weak", "base")
    assert len(found) == 3 * 2 * 4
    assert (found["ratio"] < 1).all()
    assert found["ratio"].to_numpy() == pytest.approx(found["auc_above"] / found["auc_below"])
    assert set(found["s_over_sqrt_b"].round(3)) == {0.5, 1.0, 2.0, 5.0}


def test_the_error_of_a_ratio_is_that_of_both_means(study, fake_scan):
    found = auc_ratio(study, "B-10", "base")
    rows = auc_curves(study).set_index("variant")
    row = found.iloc[0]
    key = ["label", "test_benchmark"]
    relative = 0.0
    for name, area in (("B-10", row["auc_above"]), ("base", row["auc_below"])):
        same = rows.loc[name].set_index(key).loc[[tuple(row[key])]]
        spread = fake_scan().spread * np.std([-2, -1, 0, 1, 2], ddof=1)
        error = np.hypot(spread / np.sqrt(5), same["auc_error"].iloc[0])
        relative += (error / area) ** 2
    assert row["ratio_error"] == pytest.approx(row["ratio"] * np.sqrt(relative))
    assert row["ratio_std"] < row["ratio"] * 2 * fake_scan().spread / row["auc_below"]


def test_a_single_repeat_has_the_error_of_its_test_set_only(study):
    found = auc_ratio(study, "B-9", "base")
    assert found["ratio_std"].isna().all()
    assert found["ratio_error"].notna().all()


def test_strengths_that_differ_are_paired_in_their_order(fake, fake_scan, tmp_path):
    root = str(tmp_path / "cuts")
    store(fake(fake_scan(repeats=1)), root)
    halved = (0.25, 0.5, 1.0, 2.5)
    store(fake(fake_scan(repeats=1, strengths=halved)), variant_storage(root, "cut"))
    study = read_study(root)
    assert set(auc_ratio(study, "cut", "base")["s_over_sqrt_b"]) == {0.5, 1.0}
    ordered = auc_ratio(study, "cut", "base", pair="order")
    assert list(ordered["s_over_sqrt_b"][:4]) == [0.5, 1.0, 2.0, 5.0]
    assert (ordered["ratio"] < 1).all()


def test_a_ratio_with_an_unknown_variant_names_the_nearest(study):
    with pytest.raises(TableError, match=r"no results of variant 'weka' \(nearest: 'weak'\)"):
        auc_ratio(study, "weka", "base")


def test_the_view_has_a_row_per_variant_and_benchmark(study):
    frame = side_by_side(study)
    assert list(frame.columns) == ["variant", "benchmark", "0.5", "1", "2", "5"]
    assert len(frame) == 4 * 3
    assert list(frame["variant"].unique()) == ["base", "B-9", "B-10", "weak"]
    shown = r"(0\.\d+)\((\d+)\)"  # 0.844(11): with its error in the last digits
    best, ceiling = re.fullmatch(rf"{shown} */ *{shown}", frame["5"].iloc[0]).group(1, 3)
    assert 0.5 < float(best) <= float(ceiling) <= 1


def test_variants_with_strengths_of_their_own_have_a_table_of_their_own(fake, fake_scan, tmp_path):
    root = str(tmp_path / "cuts")
    store(fake(fake_scan(repeats=1)), root)
    store(fake(fake_scan(repeats=1, strengths=(0.3, 0.7))), variant_storage(root, "cut"))
    beside, alone = comparisons(read_study(root)).values()
    assert set(beside["variant"]) == {"base"}
    assert set(alone["variant"]) == {"cut"}
    assert set(alone["S/sqrt(B)"]) == {"0.3", "0.7"}


def test_of_many_strengths_four_are_shown(fake, fake_scan, tmp_path):
    root = str(tmp_path / "many")
    many = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
    store(fake(fake_scan(repeats=1, strengths=many)), root)
    (frame,) = comparisons(read_study(root)).values()
    assert list(frame.columns[2:]) == ["0.25", "1", "2", "5"]


def test_reading_a_study_imports_neither_ray_nor_tensorflow(storage):
    code = (
        "import sys, rayscan; from rayscan.report.frames.comparison import auc_curves; "
        f"auc_curves(rayscan.read_study({storage!r})); "
        "assert not {'ray', 'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
