"""The whole scan of real Delphes files, as a user types it: check, run, results, plot, report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import rayscan

pytestmark = pytest.mark.data

SCAN = """
name: delphes
seed: 3
storage: {storage}
processes:
  zvv:
    role: background
    files: ["{data}/zvvj_00[1-5].root"]
    cross_section: 105.8
  spin1: {{role: signal, files: ["{data}/spin1_zp1000_*.root"], cross_section: 0.02331}}
  spin0: {{role: signal, files: ["{data}/spin0_s500_*.root"], cross_section: 0.004765}}
  spin2: {{role: signal, files: ["{data}/spin2_g1000_*.root"], cross_section: 0.01047}}
selection:
  objects: {{jets: {{pt_min: 25, abs_eta_max: 4.9}}}}
  cuts: [jet1_pt > 130, abs(jet1_eta) < 4, met > 100]
binning:
  axes:
    - {{observable: jet1_pt, bins: 12, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 6, low: -4, high: 4}}
mixtures: {{background: 300, s_over_sqrt_b: [1, 2, 3]}}
ensembles: {{train: 2000, validation: 500, test: 2000}}
architectures:
  - name: linear_svm
  - {{name: mlp, hyperparameters: {{epochs: 15}}}}
training: {{repeats: 2}}
limits: {{luminosity: [139], channels: 10, ensembles: 1000, referee: 3}}
"""


def rayscan_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "140"}
    return subprocess.run(
        [sys.executable, "-m", "rayscan", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A folder in which the scan has run."""
    folder = tmp_path_factory.mktemp("delphes")
    (folder / "scan.yaml").write_text(SCAN.format(storage="results/delphes", data=shared_data))
    checked = rayscan_command("check", "scan.yaml", cwd=folder)
    assert checked.returncode == 0, checked.stderr
    assert "zvv: 5 files, 50000 events" in checked.stdout
    ran = rayscan_command("run", "scan.yaml", cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert "AUC and its ceiling" in ran.stdout
    return folder


def test_the_order_of_the_benchmarks_is_the_physical_one(folder: Path) -> None:
    auc = rayscan.read_tables(folder / "results/delphes").auc
    own = auc[(auc["train_benchmark"] == auc["test_benchmark"]) & (auc["architecture"] == "mlp")]
    weak = own[own["test_s_over_sqrt_b"] < 1.5].groupby("test_benchmark")
    mean, error = weak["auc"].mean(), weak["auc_error"].mean()
    # A mediator to dark matter made by gluons or of spin 2 is harder than one made by quarks.
    for harder in ("spin0", "spin2"):
        apart = mean[harder] - mean["spin1"]
        assert apart > 2 * (error[harder] ** 2 + error["spin1"] ** 2) ** 0.5


def test_classifiers_learn_and_stay_below_the_ceiling(folder: Path) -> None:
    auc = rayscan.read_tables(folder / "results/delphes").auc
    own = auc[auc["train_benchmark"] == auc["test_benchmark"]]
    assert ((own["auc"] - 0.5) / own["auc_error"]).min() > 4
    assert not auc["leakage_flag"].any()
    assert set(auc["pool_mode"]) == {"disjoint"}


def test_limits_are_confirmed_by_pyhf_and_its_command_reads_the_workspaces(folder: Path) -> None:
    limits = rayscan.read_tables(folder / "results/delphes").limits
    judged = limits["referee_cls"].dropna()
    assert len(judged) == 3
    assert (judged - 0.05).abs().max() < 1e-3
    row = limits[limits["method"] == "response"].iloc[0]
    workspace = folder / "results/delphes" / row["workspace"]
    # scipy's own finite differences know too little of 10^7 events (rayscan.stats.referee).
    wider = ("--optconf", "solver_options={eps: 1.0e-6}")
    answer = subprocess.run(
        [str(Path(sys.executable).with_name("pyhf")), "cls", *wider, workspace],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    # mu = 1 of a workspace is its median limit, and its data are what background gives.
    assert json.loads(answer.stdout)["CLs_obs"] == pytest.approx(0.05, abs=1e-3)


def test_plain_pandas_reads_the_tables(folder: Path) -> None:
    for name in ("auc", "limits", "trials", "cutflow", "pools", "points", "provenance"):
        frame = pd.read_parquet(folder / "results/delphes/tables" / f"{name}.parquet")
        assert len(frame) > 0
    flow = pd.read_parquet(folder / "results/delphes/tables/cutflow.parquet")
    first = flow[(flow["process"] == "zvv") & (flow["step"] == 0)].iloc[0]
    assert first["events"] == 50_000
    assert first["cross_section"] == pytest.approx(105.8)


def test_results_figures_and_page_come_out(folder: Path) -> None:
    shown = rayscan_command("results", "results/delphes", cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert "95 % CLs limits" in shown.stdout
    drawn = rayscan_command("plot", "results/delphes", cwd=folder)
    assert drawn.returncode == 0, drawn.stderr
    figure = folder / "results/delphes/figures/auc_vs_strength.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    page = rayscan_command("report", "results/delphes", cwd=folder)
    assert page.returncode == 0, page.stderr
    assert "<html" in (folder / "results/delphes/report.html").read_text()


def test_reading_tables_imports_neither_ray_nor_tensorflow(folder: Path) -> None:
    program = (
        "import sys, rayscan; rayscan.read_tables('results/delphes');"
        "print([m for m in ('ray', 'tensorflow', 'keras', 'sklearn') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
