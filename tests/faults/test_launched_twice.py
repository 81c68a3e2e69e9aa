"""One run at a time: a second is refused while the first lives, and takes over from the dead."""

from __future__ import annotations

import signal

import fault_scan
import pytest

from rayscan.results.read import read_tables


def test_the_second_is_refused_and_takes_over_from_the_dead(tmp_path, cache, undisturbed):
    fault_scan.write(tmp_path, cache)
    results = tmp_path / "results"
    first = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 1, first)
    refused = fault_scan.run(tmp_path, code=2)
    assert f"another run of this scan is at work here (process {first.pid} on" in refused
    fault_scan.kill(first)
    fault_scan.run(tmp_path)
    fault_scan.assert_equal(read_tables(results), undisturbed)
    assert not (results / "lock.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("other", ["is at work", "has ended"])
def test_a_run_that_was_held_for_dead_stops_when_it_wakes_up(tmp_path, cache, undisturbed, other):
    fault_scan.write(tmp_path, cache)
    results = tmp_path / "results"
    sleeper = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 1, sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    second = fault_scan.start(tmp_path)
    lock = results / "lock.json"
    fault_scan.wait_for(lambda: f'"pid": {second.pid}' in lock.read_text(), second)
    if other == "has ended":
        fault_scan.finish(second)
        parts = {p: p.read_bytes() for p in results.rglob("*.parquet")}
    sleeper.send_signal(signal.SIGCONT)
    assert "another run of this scan is at work here" in fault_scan.finish(sleeper, code=2)
    if other == "has ended":
        assert {p: p.read_bytes() for p in results.rglob("*.parquet")} == parts
        assert '"state": "done"' in (results / "status.json").read_text()
        return
    fault_scan.finish(second)
    fault_scan.assert_equal(read_tables(results), undisturbed)
