"""A scan that is disturbed: how it is started, watched, and compared with an undisturbed one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import psutil
from ray._private.node import Node

from rayscan.results.read import Tables
from rayscan.results.tables.registry import LAYOUTS

SCAN = """
name: disturbed
seed: 5
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 20000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 8000, source: density}}}}
  spin2: {{role: signal, generate: {{process: spin2_on, events: 8000, source: density}}}}
selection:
  cuts: [jet1_pt > 130]
binning:
  axes:
    - {{observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}}
mixtures: {{background: 200, s_over_sqrt_b: [1, 2]}}
ensembles: {{train: 2000, validation: 300, test: 500}}
architectures:
  - {{name: mlp, hyperparameters: {{epochs: {epochs}}}}}
  - {{name: logistic_regression, hyperparameters: {{draws: 5}}}}
training: {{repeats: {repeats}}}
limits: {{methods: [template, response], luminosity: [1], channels: 5, referee: 0}}
resources: {{workers: {workers}}}
"""

ENVIRONMENT = {**os.environ, "RAY_AUTH_MODE": "disabled", "COLUMNS": "200"}


def write(
    folder: Path,
    cache: Path | str,
    *,
    storage: str = "results",
    epochs: int = 8,
    repeats: int = 3,
    workers: int = 1,
    change: Callable[[str], str] = str,
) -> Path:
    """The scan file in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"epochs": epochs, "repeats": repeats, "workers": workers}
    text = SCAN.format(storage=storage, cache=cache, **numbers)
    path = folder / "scan.yaml"
    path.write_text(change(text))
    return path


STARTED: list[subprocess.Popen[str]] = []
"""Scans of the test that runs now; conftest.py ends what a failed test leaves."""


def start(
    folder: Path,
    *options: str,
    command: str = "run",
    environment: Mapping[str, str] = ENVIRONMENT,
) -> subprocess.Popen[str]:
    """Start the scan of a folder (or another command on it), in a process group of its own."""
    program = [command] if command.endswith(".py") else ["-m", "rayscan", command]
    scan = subprocess.Popen(
        [sys.executable, *program, "scan.yaml", *options],
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    STARTED.append(scan)
    return scan


def finish(scan: subprocess.Popen[str], code: int = 0, *, seconds: float = 300) -> str:
    """Wait for the end; what it wrote to stderr."""
    out, errors = scan.communicate(timeout=seconds)
    assert scan.returncode == code, f"exit {scan.returncode}\n{out}\n{errors}"
    assert "Traceback" not in errors, errors
    return errors


def run(folder: Path, code: int = 0, environment: Mapping[str, str] = ENVIRONMENT) -> str:
    """Run a scan to its end."""
    return finish(start(folder, environment=environment), code)


def kill(scan: subprocess.Popen[str]) -> None:
    """SIGKILL to the driver alone; Ray's processes must find out by themselves."""
    scan.send_signal(signal.SIGKILL)
    scan.communicate()


def trials(results: Path) -> int:
    """Packs whose rows are in the ledger."""
    return len(list((results / "ledger" / "trials").glob("*.parquet")))


def wait_for(true: Callable[[], bool], scan: subprocess.Popen[str], seconds: float = 120) -> None:
    """Wait until something is true of a scan that still runs."""
    deadline = time.monotonic() + seconds
    while not true():
        assert scan.poll() is None, scan.communicate()
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


def workers(scan: subprocess.Popen[str]) -> list[psutil.Process]:
    """Worker processes of the scan's own Ray that train just now."""
    found = []
    for process in psutil.Process(scan.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ImplicitFunc.train" in " ".join(process.cmdline()):
                found.append(process)
    return found


def assert_equal(found: Tables, expected: Tables) -> None:
    """All tables are equal, row for row, but for what was measured."""
    for name, layout in LAYOUTS.items():
        if name == "provenance":  # names the storage
            continue
        measured = list(layout.measured)
        frames = [getattr(tables, name).drop(columns=measured) for tables in (found, expected)]
        pd.testing.assert_frame_equal(*frames)


def tasks_on(node: Node, title: str) -> list[psutil.Process]:
    """Workers of a node of this machine that are an actor of that name, or at such a task."""
    raylet, found = psutil.Process(node.all_processes["raylet"][0].process.pid), []
    for process in raylet.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if title in " ".join(process.cmdline()):
                found.append(process)
    return found
