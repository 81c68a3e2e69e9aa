"""A scan that is stopped, as a user stops it: Ctrl-C, then the same command; and as a Ray job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import rayscan

ROOT = Path(__file__).parents[2]
SCAN = """
name: stopped
seed: 2
storage: results
processes:
  znunu: {role: background, generate: {process: znunu_jet, events: 20000, source: density}}
  spin1: {role: signal, generate: {process: spin1_on, events: 8000, source: density}}
selection:
  cuts: [jet1_pt > 130]
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}
mixtures: {background: 200, s_over_sqrt_b: [2]}
ensembles: {train: 3000, validation: 300, test: 500}
architectures:
  - {name: logistic_regression, hyperparameters: {draws: 10}}
training: {repeats: 20}
limits: {methods: [response], luminosity: [1], channels: 5, referee: 0}
"""


def trials(folder: Path) -> int:
    return len(list((folder / "results" / "ledger" / "trials").glob("*.parquet")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    (folder / "scan.yaml").write_text(SCAN)
    return folder


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(folder: Path) -> None:
    command = [sys.executable, "-m", "rayscan", "run", "scan.yaml"]
    scan = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while trials(folder) < 2 and scan.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    scan.send_signal(signal.SIGINT)
    _, errors = scan.communicate(timeout=60)
    assert scan.returncode == 130, errors
    assert "nothing that finished is lost. To go on: rayscan run scan.yaml" in errors
    assert "Traceback" not in errors
    assert 2 <= trials(folder) < 20


def test_the_job_resumes_it_and_repeats_nothing(folder: Path) -> None:
    before = {
        part: part.stat().st_mtime_ns
        for part in (folder / "results" / "ledger" / "trials").glob("*.parquet")
    }
    if not before:
        pytest.skip("needs the interrupted scan of the test before")
    job = subprocess.run(
        [sys.executable, str(ROOT / "jobs" / "scan.py"), "scan.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    assert job.returncode == 0, job.stderr
    assert {part: part.stat().st_mtime_ns for part in before} == before
    tables = rayscan.read_tables(folder / "results")
    assert sorted(tables.trials["repeat"]) == list(range(20))
    assert len(tables.auc) == 20


def test_the_retest_job_tests_again_without_training(folder: Path) -> None:
    if trials(folder) < 20:
        pytest.skip("needs the finished scan of the test before")
    trained = pd.read_parquet(folder / "results" / "tables" / "trials.parquet")
    (folder / "scan.yaml").write_text(SCAN.replace("luminosity: [1]", "luminosity: [2, 3]"))
    job = subprocess.run(
        [sys.executable, str(ROOT / "jobs" / "retest.py"), "scan.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert job.returncode == 0, job.stderr
    tables = rayscan.read_tables(folder / "results")
    pd.testing.assert_frame_equal(tables.trials, trained)
    assert set(tables.limits["luminosity"]) == {2.0, 3.0}
