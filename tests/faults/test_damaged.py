"""Parts and classifiers damaged after the end: said, set aside, done again, tables equal."""

from __future__ import annotations

import shutil

import fault_scan

from rayscan.results.read import read_tables


def test_what_is_damaged_is_done_again_and_nothing_else(tmp_path, undisturbed_folder, undisturbed):
    folder = shutil.copytree(undisturbed_folder, tmp_path / "scan")
    results = folder / "results"
    trials, tests, limits = (
        sorted((results / "ledger" / table).iterdir()) for table in ("trials", "auc", "limits")
    )
    flipped = bytearray(trials[0].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    trials[0].write_bytes(flipped)
    tests[0].write_bytes(b"")
    limits[0].write_bytes(limits[0].read_bytes()[:100])
    # Of another pack than the damaged part.
    lost = read_tables(results).trials["classifier"]
    name = next(c for c in lost if c.rpartition("/")[2] not in trials[0].name)
    shutil.rmtree(results / name)
    kept = {p: p.stat().st_mtime_ns for p in trials[1:] if name.rpartition("/")[2] not in p.name}
    scan = fault_scan.start(folder)
    out, errors = scan.communicate(timeout=300)
    assert scan.returncode == 0, errors
    assert "nothing is left to do" not in out
    said = " ".join(out.split())
    for part in (trials[0], tests[0], limits[0]):
        place = part.relative_to(results / "ledger").as_posix()
        assert f"ledger/damaged/{place}" in said
        assert (results / "ledger" / "damaged" / place).exists()
    assert f"{name} is missing" in said
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    fault_scan.assert_equal(read_tables(results), undisturbed)
    again = fault_scan.start(folder)
    assert "nothing is left to do" in again.communicate(timeout=300)[0]
