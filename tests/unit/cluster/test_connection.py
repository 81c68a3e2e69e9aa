"""A cluster that cannot be joined, or does not start, is one sentence."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import ray

from rayscan.cluster.connection import join, session_folder, start
from rayscan.errors import ClusterError


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_nobody_answers(scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterError, match=rf"no Ray cluster could be joined at {address} \("):
            join(address, {})


def test_a_cluster_that_does_not_let_us_in():
    """Ray says only that it failed, after it has tried for half a minute."""

    def refused(**_: object) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at 127.0.0.1:6379\nmore")

    with pytest.raises(ClusterError, match=r"\(Failed to connect .*6379\); .*RAY_AUTH_TOKEN"):
        join("auto", {}, refused)


def too_slow() -> Exception:
    """What Ray raises on a machine that is too busy."""
    return Exception("The current node timed out during startup. Some raylet failed")


def test_ray_does_not_start_on_this_machine():
    asked = []

    def late(**options: object) -> None:
        asked.append(options)
        raise too_slow()

    with pytest.raises(ClusterError, match=r"did not start .*timed out during startup.*overloaded"):
        start({"num_cpus": 2}, late)
    assert [(each["address"], each["num_cpus"]) for each in asked] == [("local", 2)] * 3


def test_a_start_that_comes_too_late_is_tried_again_and_leaves_nothing_behind(caplog):
    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    of_ray = [*sleeping, str(Path(ray.__file__).parent / "dashboard" / "dashboard.py")]
    started: list[subprocess.Popen[bytes]] = []

    def once(**_: object) -> None:
        started.append(subprocess.Popen(of_ray))
        if len(started) == 1:
            started.append(subprocess.Popen(sleeping))  # by a thread of the user's, meanwhile
            raise too_slow()

    start({}, once)
    first, *others = started
    try:
        assert not psutil.pid_exists(first.pid)
        first.wait()  # psutil was told its end
        assert [each.poll() for each in others] == [None, None]
        assert "tried again" in caplog.text
    finally:
        for each in others:
            each.kill()
            each.wait()


def test_a_long_temporary_folder_gives_ray_a_short_one(monkeypatch, tmp_path, caplog):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("long" * 20)))
    assert session_folder() == "/tmp/ray"
    assert "too long for the names of sockets" in caplog.text
    monkeypatch.setenv("TMPDIR", "/tmp")
    assert session_folder() is None


LISTENING = """
import json, os, psutil, ray
from rayscan.cluster.connection import WORKER_ENVIRONMENT, connect

connect(None, workers=1)

@ray.remote
def warm():
    return os.getpid()

worker = ray.get(warm.remote())
me = psutil.Process()
mine = {me.pid, *(child.pid for child in me.children(recursive=True))}
assert worker in mine
print(json.dumps(sorted(mine)))
input()
"""


def test_a_local_ray_listens_on_loopback_alone_and_needs_no_home(tmp_path):
    """As the command of docs/cluster.md shows it; Ray's session lies in a short folder."""
    if shutil.which("ss") is None:
        pytest.skip("needs ss (iproute2)")
    hidden = ("RAY_", "HOME")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    environment |= {"HOME": "/nonexistent/home", "TMPDIR": str(tmp_path / ("t" * 90))}
    Path(environment["TMPDIR"]).mkdir()
    scan = subprocess.Popen(
        [sys.executable, "-c", LISTENING],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = scan.stdout.readline()
    shown = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    _, errors = scan.communicate("\n", timeout=120)
    assert scan.returncode == 0, errors
    pids = set(json.loads(line))
    places = []
    for each in shown.splitlines():
        if {int(pid) for pid in re.findall(r"pid=(\d+)", each)} & pids:
            places.append(each.split()[3].rpartition(":")[0])
    assert len(places) >= 8  # gcs, raylet, agents, driver, worker
    assert {p.strip("[]").removeprefix("::ffff:") for p in places} == {"127.0.0.1"}
