"""Another scan file on the same storage is refused, with what differs."""

from __future__ import annotations

import fault_scan


def test_other_bins_on_the_same_storage(tmp_path, cache):
    fault_scan.write(tmp_path, cache)
    scan = fault_scan.start(tmp_path)
    fault_scan.wait_for((tmp_path / "results" / "status.json").exists, scan)
    fault_scan.kill(scan)
    before = (tmp_path / "results" / "scan.yaml").read_bytes()
    fault_scan.write(tmp_path, cache, change=lambda text: text.replace("bins: 10", "bins: 12"))
    errors = fault_scan.run(tmp_path, code=2)
    assert "other values of binning.axes" in errors
    assert "give another 'storage', or set these keys back, or remove the folder" in errors
    assert (tmp_path / "results" / "scan.yaml").read_bytes() == before
