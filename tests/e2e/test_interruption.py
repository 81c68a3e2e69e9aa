"""A scan that is stopped, goes on as a job, and is tested again as another."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

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
resources: {workers: 1}
"""


def trials(folder: Path) -> int:
    return len(list((folder / "results" / "ledger" / "trials").glob("*.parquet")))


def job(name: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "jobs" / name), "scan.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def stopped(folder: Path, how: signal.Signals) -> None:
    """Run a scan until it has trained twice, then stop it."""
    (folder / "scan.yaml").write_text(SCAN)
    scan = subprocess.Popen(
        [sys.executable, "-m", "rayscan", "run", "scan.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts pytest in the background has it ignore SIGINT, and so its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    deadline = time.monotonic() + 120
    while trials(folder) < 2 and scan.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    scan.send_signal(how)
    _, errors = scan.communicate(timeout=60)
    assert scan.returncode == 130, errors
    assert "nothing that finished is lost. To go on: rayscan run scan.yaml" in errors
    assert "Traceback" not in errors
    assert "SIGTERM" not in errors
    assert 2 <= trials(folder) < 20


def test_a_batch_system_ends_it_as_ctrl_c_does(tmp_path: Path) -> None:
    stopped(tmp_path, signal.SIGTERM)


def test_ctrl_c_ends_cleanly_and_jobs_go_on_without_repeating(tmp_path: Path) -> None:
    folder = tmp_path
    stopped(folder, signal.SIGINT)

    parts = (folder / "results" / "ledger" / "trials").glob("*.parquet")
    before = {part: part.stat().st_mtime_ns for part in parts}
    job("scan.py", folder)
    assert {part: part.stat().st_mtime_ns for part in before} == before
    finished = rayscan.read_tables(folder / "results")
    assert sorted(finished.trials["repeat"]) == list(range(20))
    assert len(finished.auc) == 20

    (folder / "scan.yaml").write_text(SCAN.replace("luminosity: [1]", "luminosity: [2, 3]"))
    job("retest.py", folder)
    again = rayscan.read_tables(folder / "results")
    pd.testing.assert_frame_equal(again.trials, finished.trials)
    assert set(again.limits["luminosity"]) == {2.0, 3.0}
