"""A storage that goes away for a while, or is full: nothing is lost and nothing doubled."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time

import fault_scan
import object_store
import pytest

from rayscan.errors import StorageError
from rayscan.results.ledger import Ledger
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.scan.plan.soundness import mend


def test_writes_wait_for_a_server_that_stops(s3):
    storage = Storage(s3.url("scan"))
    storage.write("before", b"0")
    s3.stop()
    threading.Timer(8, s3.go_on).start()
    for number in range(3):
        storage.write(f"ledger/{number}", str(number).encode())
    assert storage.names("ledger") == ("0", "1", "2")
    assert [storage.read(f"ledger/{n}") for n in range(3)] == [b"0", b"1", b"2"]


def test_writes_wait_for_a_folder_that_is_read_only(mount, caplog):
    place = mount("1m")
    storage = Storage(str(place))
    remount(place, "ro")
    threading.Timer(3, remount, (place, "rw")).start()
    with caplog.at_level(logging.WARNING):
        storage.write("ledger/0", b"0")
    assert "tried again for another" in caplog.text
    assert storage.read("ledger/0") == b"0"
    assert storage.names("ledger") == ("0",)


def test_snapshots_and_damaged_parts_in_an_object_store(s3):
    storage = Storage(s3.url("results/scan"))
    ledger = Ledger(storage)
    for number in (1, 2, 3):
        ledger.commit("trials", "t", [{"trial": "t", "repeat": number}])
        ledger.publish()
    assert len(storage.folders("tables")) == 2  # the current one and the one before
    assert read_tables(storage.uri).trials["repeat"].tolist() == [3]
    storage.write("ledger/trials/t.parquet", b"")
    said: list[str] = []
    mend(ledger, said.append)
    assert len(said) == 1
    assert storage.names("ledger/damaged/trials") == ("t.parquet",)
    assert ledger.keys("trials") == frozenset()


def test_patience_ends(s3):
    s3.process.kill()
    with pytest.raises(StorageError, match=r"cannot be written.*run the same command again"):
        Storage(s3.url("scan"), patience=1.0).write("object", b"")


def test_a_bucket_that_is_not_there_is_said_at_once(s3):
    url = s3.url("scan").replace("bucket", "nowhere")
    began = time.monotonic()
    with pytest.raises(StorageError, match="cannot be written"):
        Storage(url).write("object", b"")
    assert time.monotonic() - began < 60  # far below the patience of three minutes


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [4, 30])
def test_a_scan_goes_on_when_its_object_store_is_back(tmp_path, s3, cache, undisturbed, seconds):
    url = s3.url("results/disturbed")
    fault_scan.write(tmp_path, cache, storage=f'"{url}"')
    storage = Storage(url)
    environment = {**fault_scan.ENVIRONMENT, **object_store.CREDENTIALS}
    scan = fault_scan.start(tmp_path, environment=environment)
    fault_scan.wait_for(lambda: len(storage.names("ledger/trials")) >= 2, scan)
    s3.stop()
    time.sleep(seconds)
    s3.go_on()
    fault_scan.finish(scan)
    fault_scan.assert_equal(read_tables(url), undisturbed)


def remount(place, options: str) -> None:
    for _ in range(200):  # busy while something is being written
        if subprocess.run(
            ["mount", "-o", f"remount,{options}", str(place)], check=False
        ).returncode:
            time.sleep(0.02)
        else:
            return
    pytest.fail(f"could not be remounted {options}")


@pytest.mark.slow
def test_a_folder_that_is_read_only_for_a_while(tmp_path, mount, cache, undisturbed):
    place = mount("64m")
    fault_scan.write(tmp_path, cache, storage=str(place / "results"))
    scan = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: fault_scan.trials(place / "results") >= 2, scan)
    remount(place, "ro")
    time.sleep(6)
    remount(place, "rw")
    fault_scan.finish(scan)
    fault_scan.assert_equal(read_tables(place / "results"), undisturbed)


@pytest.mark.slow
def test_a_full_disk_is_one_clear_error_and_the_scan_goes_on_later(
    tmp_path, mount, cache, undisturbed
):
    place = mount("8m")
    results = place / "results"
    fault_scan.write(tmp_path, cache, storage=str(results))
    scan = fault_scan.start(tmp_path)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 2, scan)
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(os.urandom(4096))
            except OSError:
                break
    errors = fault_scan.finish(scan, code=2)
    assert "the disk is full; make room, then run the same command again" in errors
    assert errors.count("rayscan:") == 1
    ballast.unlink()
    fault_scan.run(tmp_path)
    fault_scan.assert_equal(read_tables(results), undisturbed)
    assert not list(results.rglob("*.tmp"))
