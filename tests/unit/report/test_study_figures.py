"""What a study sets side by side, against the AUCs it is read from; its figures are drawn."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rayscan.report.figures import monojet
from rayscan.report.figures.charts import Chart, chart_rows, draw
from rayscan.report.figures.study import STUDIES, draw_study
from rayscan.report.frames import contrasts
from rayscan.results.ledger import Ledger
from rayscan.results.names import variant_storage
from rayscan.results.variants import read_study
from rayscan.scan.config.study import load_study

JOBS = Path(__file__).parents[3] / "jobs"
NETWORKS = {"mlp": 0.98, "cnn": 0.95, "event_mlp": 0.9}


def store(tables, storage: str) -> None:
    ledger = Ledger(storage)
    for name, frame in vars(tables).items():
        rows = [
            {k: v for k, v in row.items() if np.ndim(v) or not pd.isna(v)}
            for row in frame.to_dict("records")
        ]
        ledger.commit(name, "all", rows)


@pytest.fixture(scope="module")
def root(fake, fake_scan, tmp_path_factory):
    root = str(tmp_path_factory.mktemp("monojet") / "monojet")
    store(fake(fake_scan(architectures=NETWORKS)), root)
    alone = {"mlp": 0.98}
    for name, changes in {
        "bins-5": {"architectures": {"mlp": 0.8}},
        "bins-30": {"architectures": alone},
        "B-1000": {"architectures": alone, "backgrounds": (1000,)},
        "each": {"architectures": alone, "train": "each"},
        "shared": {"architectures": {"mlp": 1.0}},
    }.items():
        store(fake(fake_scan(**changes)), variant_storage(root, name))
    return root


@pytest.fixture(scope="module")
def study(root):
    return read_study(root)


def test_a_family_is_in_the_order_of_its_numbers(study):
    assert contrasts.family(study, "bins") == {"bins-5": 5.0, "bins-30": 30.0}
    assert contrasts.family(study, "cut") == {}


def test_numbers_stand_beside_the_aucs_of_their_variant(study):
    rows = contrasts.by_number(study, "bins", "mlp")
    assert set(rows["number"]) == {5.0, 30.0}
    key = ["test_benchmark", "test_signal"]
    wide = rows.pivot_table(index=key, columns="number", values="auc_mean")
    assert (wide[5.0] < wide[30.0]).all()  # the network with 5 bins was made worse


def test_the_ratio_of_two_architectures_is_that_of_their_mean_aucs(tables):
    rows = contrasts.label_ratio(tables, "cnn", "cnn")
    np.testing.assert_allclose(rows["ratio"], 1.0)
    assert (rows["ratio_error"] > 0).all()
    apart = contrasts.label_ratio(tables, "cnn", "cnn", independent=True)
    assert (apart["ratio_error"] > rows["ratio_error"]).all()


def test_another_model_is_worse_than_the_tested_one(tables):
    rows = contrasts.wrong_model(tables, "cnn")
    assert (rows["train_benchmark"] != rows["test_benchmark"]).all()
    assert (rows["ratio"] <= 1.0 + 1e-9).all()
    assert (rows["ratio"] < 0.999).any()


def test_trained_where_it_is_tested_is_the_reference(fake, fake_scan):
    rows = contrasts.wrong_strength(fake(fake_scan(train="each")), "cnn")
    assert len(rows)
    np.testing.assert_allclose(rows["ratio"], 1.0)  # only tested where it was trained
    assert (rows["train_s_over_sqrt_b"] == rows["test_s_over_sqrt_b"]).all()
    assert rows["test_s_over_sqrt_b"].nunique() <= 4


def test_points_without_a_value_are_left_out():
    frame = pd.DataFrame({"p": ["a", "a"], "x": [1.0, 2.0], "y": [0.5, np.nan]})
    rows = chart_rows(frame, panel="p", series="all", x="x", y="y")
    assert rows["x"].tolist() == [1.0]
    assert rows["series"].tolist() == ["all"]


def test_a_chart_without_points_is_no_figure():
    assert draw(Chart(rows=pd.DataFrame(), title="", x_label="", y_label="")) is None


def test_charts_of_what_is_not_in_the_study_are_empty(study):
    found = dict(monojet.charts(study))
    assert {name for name, chart in found.items() if len(chart.rows) == 0} == {
        "fig13_against",
        "fig14_multimodel",
        "fig16_one_against_rest",
        "fig26_axis",
        "fig26_level",
        "fig29_cut_auc",
        "fig29_cut_strength",
        "uncertain",
    }


def test_every_chart_with_points_is_written(study, tmp_path):
    drawn = {path.stem for path in draw_study(study, "monojet", tmp_path, formats=("png",))}
    for name, chart in monojet.charts(study):
        assert (name in drawn) == bool(len(chart.rows)), name
    assert "auc_vs_strength" in drawn
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in drawn)


def test_an_unknown_study_is_refused(root):
    answer = subprocess.run(
        [sys.executable, "-m", "rayscan", "plot", root, "--study", "dijet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert f"no study 'dijet' (known: {', '.join(STUDIES)})" in answer.stderr


@pytest.mark.parametrize("name", ["monojet", "monojet-small"])
def test_the_shipped_studies_ask_for_what_the_charts_show(name):
    study = load_study(JOBS / f"{name}.yaml")
    assert len(study.base.benchmarks) == 11  # ten, and one that is none
    assert {c.head for c in study.base.architectures} == {"binary", "multimodel", "multiclass"}
    assert {"mlp", "cnn", "event_mlp"} <= {c.key for c in study.base.architectures}
    assert {"each", "drawn", "descending", "published", "shared", "uncertain"} <= set(
        study.variants
    )
    assert study.variants["each"].crosstest.strengths == "all"
    for prefix, least in (("bins", 4), ("B", 3), ("cut", 4)):
        assert sum(each.startswith(f"{prefix}-") for each in study.variants) >= least
    held_out = {n for n, process in study.base.processes.items() if process.held_out}
    assert held_out == {"spin0_ps", "spin1_on", "spin2_off", "nothing"}  # Table 1
    assert {"linear-pt", "log-pt"} & set(study.variants)


def test_names_in_a_chart_are_words_and_stand_in_their_order(study):
    for name, chart in monojet.charts(study):
        names = [] if chart.rows.empty else list(chart.rows["series"])
        assert not any("$" in each for each in names), name
    chart = Chart(
        rows=pd.DataFrame(
            {
                "panel": "p",
                "series": ["B-500", "B-500", "B-1000", "B-10000"],
                "x": [1.0, 2.0, 0.5, 0.7],
                "y": 1.0,
                "error": 0.1,
            }
        ),
        title="t",
        x_label="x",
        y_label="y",
    )
    (legend,) = draw(chart).legends
    assert [text.get_text() for text in legend.get_texts()] == ["B-500", "B-1000", "B-10000"]


def test_the_levels_of_simulation_are_a_chart():
    study = load_study(JOBS / "monojet-levels.yaml")
    assert set(study.variants) == {"parton"}
    levels = {process.generate.level for process in study.base.processes.values()}
    assert levels == {"shower"}


def test_the_study_of_delphes_files_has_all_heads():
    study = load_study(JOBS / "monojet-delphes.yaml")
    assert {c.head for c in study.base.architectures} == {"binary", "multimodel", "multiclass"}
    assert {"each", "shared", "uncertain", "cut-200", "bins-30"} <= set(study.variants)
