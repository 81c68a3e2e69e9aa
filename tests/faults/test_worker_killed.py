"""SIGKILL of a training worker: its pack is tried again, and the table says so."""

from __future__ import annotations

import fault_scan
import pytest

from rayscan.results.read import read_tables


def test_a_killed_worker_is_replaced(tmp_path, cache, undisturbed):
    fault_scan.write(tmp_path, cache)
    scan = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: bool(fault_scan.workers(scan)), scan)
    victim = fault_scan.workers(scan)[0]
    victim.kill()
    fault_scan.finish(scan)
    tables = read_tables(tmp_path / "results")
    assert (tables.trials["status"] == "ok").all()
    assert tables.trials["attempts"].max() == 2
    assert not tables.trials["worker"].str.endswith(f":{victim.pid}").any()
    fault_scan.assert_equal(tables, undisturbed)


@pytest.mark.slow
def test_a_pack_that_kills_every_worker_is_a_row_and_the_others_finish(tmp_path, cache):
    fault_scan.write(tmp_path, cache, repeats=1)
    scan = fault_scan.start(tmp_path)
    killed: set[int] = set()
    while scan.poll() is None and len(killed) < 12:
        for worker in fault_scan.workers(scan):
            killed.add(worker.pid)
            worker.kill()
    # Four packs, three attempts each: every worker died.
    errors = fault_scan.finish(scan, code=1)
    tables = read_tables(tmp_path / "results")
    assert (tables.trials["status"] == "error").all()
    assert (tables.trials["attempts"] == 3).all()
    assert tables.trials["error"].str.startswith("its worker died 3 times").all()
    assert errors.count("has no classifier") == 4
