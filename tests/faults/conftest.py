"""What an undisturbed scan gives, and places that can be disturbed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import fault_scan
import object_store
import pytest
from filelock import FileLock

from rayscan.results.read import Tables, read_tables


@pytest.fixture(autouse=True)
def no_scan_is_left() -> Iterator[None]:
    """End what a failed test left behind."""
    yield
    for scan in fault_scan.STARTED:
        if scan.poll() is None:
            fault_scan.kill(scan)
    fault_scan.STARTED.clear()


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of all processes of this test run."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def cache(common: Path, undisturbed_folder: Path) -> Path:
    """Generated files and event tables, made once for all tests by the scan nobody disturbed."""
    return common / "cache"


@pytest.fixture(scope="session")
def undisturbed_folder(common: Path) -> Path:
    """Folder of the scan that nobody disturbed, made by whichever process asks first."""
    folder = common / "undisturbed"
    with FileLock(common / "undisturbed.lock"):
        if not (folder / "results" / "tables").is_dir():
            fault_scan.write(folder, common / "cache")
            fault_scan.run(folder)
    return folder


@pytest.fixture(scope="session")
def undisturbed(undisturbed_folder: Path) -> Tables:
    """Tables of the scan that nobody disturbed."""
    return read_tables(undisturbed_folder / "results")


Mount = Callable[[str], Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts a small file system in memory; skips where that is not allowed."""
    place = tmp_path / "mounted"

    def mounted(size: str) -> Path:
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, check=False).returncode:
            pytest.skip("file systems cannot be mounted here (not root)")
        return place

    yield mounted
    if place.exists() and place.is_mount():
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[object_store.ObjectStore]:
    """An object store with a bucket; credentials are in the environment."""
    for name, value in object_store.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    store = object_store.started()
    endpoint = f"http://127.0.0.1:{store.port}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="bucket")
    yield store
    store.go_on()
    store.process.kill()
    store.process.wait()
