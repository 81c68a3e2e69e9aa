"""A member that allocates without end leaves a row; the others finish."""

from __future__ import annotations

import fault_scan
import psutil
import pytest

from rayscan.results.read import read_tables

GREEDY = "  - {NAME, label: greedy, hyperparameters: {units: UNITS, layers: 2, epochs: 1}}\n"
OWN = '''
from rayscan.models.architectures.mlp import MLP


class Greedy(MLP):
    """Holds far more than it says, so that only its training finds out."""

    name = "greedy"

    def held(self, values, shape, examples, *, size, members):
        return 0

    def stored(self, values, shape):
        return 0
'''


def with_greedy(units: int, name: str = "name: mlp"):
    greedy = GREEDY.replace("UNITS", str(units)).replace("NAME", name)
    return lambda text: text.replace("architectures:\n", f"architectures:\n{greedy}")


def write_own(folder, cache, units: int) -> None:
    """A scan whose forecast does not see what is coming."""
    change = with_greedy(units, "name: greedy, from: greedy.py:Greedy")
    fault_scan.write(folder, cache, repeats=1, change=change)
    (folder / "greedy.py").write_text(OWN)


def assert_only_greedy_failed(folder) -> None:
    trials = read_tables(folder / "results").trials.set_index("label")["status"]
    assert (trials["greedy"] == "out_of_memory").all()
    assert (trials.drop("greedy") == "ok").all()


def test_an_allocation_that_fails(tmp_path, cache):
    fault_scan.write(tmp_path, cache, repeats=1, change=with_greedy(1_000_000))
    errors = fault_scan.finish(fault_scan.start(tmp_path), 2)
    assert "line 17, architectures: one worker needs 20.0 TB of memory" in errors
    write_own(tmp_path, cache, 1_000_000)
    errors = fault_scan.finish(fault_scan.start(tmp_path), 1)
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
    write_own(tmp_path, cache, 50_000)
    # `rayscan run` would refuse it: this machine cannot hold such a network.
    fault_scan.finish(fault_scan.start(tmp_path, environment=environment), 1)
    assert_only_greedy_failed(tmp_path)
