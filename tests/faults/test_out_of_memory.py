"""A member that allocates without end leaves a row; the others finish."""

from __future__ import annotations

from pathlib import Path

import fault_scan
import psutil
import pytest

from rayscan.results.read import read_tables

JOB = str(Path(__file__).parents[2] / "jobs" / "scan.py")
GREEDY = "  - {name: mlp, label: greedy, hyperparameters: {units: UNITS, layers: 2, epochs: 1}}\n"


def with_greedy(units: int):
    greedy = GREEDY.replace("UNITS", str(units))
    return lambda text: text.replace("architectures:\n", f"architectures:\n{greedy}")


def assert_only_greedy_failed(folder) -> None:
    trials = read_tables(folder / "results").trials.set_index("label")["status"]
    assert (trials["greedy"] == "out_of_memory").all()
    assert (trials.drop("greedy") == "ok").all()


def test_an_allocation_that_fails(tmp_path, cache):
    fault_scan.write(tmp_path, cache, repeats=1, change=with_greedy(1_000_000))
    errors = fault_scan.finish(fault_scan.start(tmp_path), 2)
    assert "line 17, architectures: one worker needs 2e+04 GB of memory" in errors
    # A job does not run where it is started: only its trials find out.
    errors = fault_scan.finish(fault_scan.start(tmp_path, command=JOB), 1)
    assert_only_greedy_failed(tmp_path)
    assert errors.count("has no classifier") == 2


@pytest.mark.slow
def test_a_worker_that_the_memory_monitor_kills(tmp_path, cache):
    used = psutil.virtual_memory()
    room = 5e9
    if used.available < 20e9:
        pytest.skip("needs 20 GB of free memory, of which it takes 6")
    threshold = (used.total - used.available + room) / used.total
    environment = {
        **fault_scan.ENVIRONMENT,
        "RAY_memory_usage_threshold": f"{threshold:.3f}",
        "RAY_memory_monitor_refresh_ms": "50",
    }
    fault_scan.write(tmp_path, cache, repeats=1, change=with_greedy(50_000))
    # `rayscan run` would refuse it: this machine cannot hold such a network.
    fault_scan.finish(fault_scan.start(tmp_path, command=JOB, environment=environment), 1)
    assert_only_greedy_failed(tmp_path)
