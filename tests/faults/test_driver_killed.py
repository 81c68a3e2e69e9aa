"""SIGKILL of the driver at random moments: the same command ends with equal tables."""

from __future__ import annotations

import time

import fault_scan
import pytest

from rayscan.results.read import read_tables
from rayscan.seeds import stream


def test_killed_once_in_training(tmp_path, cache, undisturbed):
    fault_scan.write(tmp_path, cache)
    results = tmp_path / "results"
    scan = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 2, scan)
    fault_scan.kill(scan)
    before = {p: p.stat().st_mtime_ns for p in (results / "ledger" / "trials").iterdir()}
    assert 2 <= len(before) < 12
    fault_scan.run(tmp_path)
    assert {p: p.stat().st_mtime_ns for p in before if p.exists()} == before
    fault_scan.assert_equal(read_tables(results), undisturbed)


@pytest.mark.slow
def test_killed_again_and_again(tmp_path, cache, undisturbed):
    fault_scan.write(tmp_path, cache)
    rng = stream(1, "moments of death")
    deaths = 0
    for _ in range(8):
        scan = fault_scan.start(tmp_path)
        deadline = time.monotonic() + rng.uniform(2, 25)
        while time.monotonic() < deadline and scan.poll() is None:
            time.sleep(0.05)
        deaths += scan.poll() is None
        fault_scan.kill(scan)
    assert deaths >= 3
    fault_scan.run(tmp_path)
    fault_scan.assert_equal(read_tables(tmp_path / "results"), undisturbed)
