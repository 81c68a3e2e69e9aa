"""A run that slept while another came and went has lost the storage, and each commit knows it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_scan import Nobody

from rayscan.errors import StorageBusyError
from rayscan.results.journal import Journal, read_status
from rayscan.results.ledger import Ledger
from rayscan.results.lock import Lock, holder
from rayscan.results.storage import Storage

ROW = [{"trial": "a", "repeat": 0}]


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


def test_who_holds_the_lock_commits(storage):
    with Lock(storage) as lock:
        ledger = Ledger(storage, lock.owner.key)
        ledger.commit("trials", "a", ROW)
        ledger.publish()
    assert ledger.keys("trials") == {"a"}


@pytest.mark.parametrize("other", ["is at work", "has ended"])
def test_who_has_lost_it_changes_nothing(storage, other):
    """The heart beats far too rarely to notice: the commit itself must."""
    with Lock(storage, beat=1000.0) as lock:
        ledger = Ledger(storage, lock.owner.key)
        ledger.commit("trials", "a", ROW)
        storage.remove("lock.json")
        if other == "is at work":
            second = Lock(storage)
            second.__enter__()
        before = contents(storage)
        for change in (
            lambda: ledger.commit("trials", "b", ROW),
            lambda: ledger.keep_only("trials", []),
            lambda: ledger.set_aside("trials", "a"),
            ledger.publish,
        ):
            with pytest.raises(StorageBusyError, match="another run of this scan"):
                change()
        if other == "is at work":
            second.__exit__(None, None, None)
        assert contents(storage) == before


def contents(storage):
    """Files of the ledger and of the tables."""
    root = Path(storage.uri)
    return {p: p.read_bytes() for p in root.rglob("*.parquet")}


SLEEPER = """
import sys, time
from rayscan.results.lock import Lock
from rayscan.results.storage import Storage
from rayscan.results.ledger import Ledger
storage = Storage(sys.argv[1])
with Lock(storage, beat=0.2) as lock:
    ledger = Ledger(storage, lock.owner.key)
    print("held", flush=True)
    sys.stdin.readline()
    for number in range(50):
        lock.check()
        ledger.commit("trials", f"sleeper{number}", [{"trial": f"s{number}"}])
"""


def test_a_stopped_holder_that_wakes_after_the_other_has_ended_commits_nothing(storage):
    command = [sys.executable, "-c", SLEEPER, storage.uri]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as sleeper:
        assert sleeper.stdout.readline() == "held\n"
        sleeper.send_signal(signal.SIGSTOP)
        with Lock(storage, beat=0.2) as lock:  # waits until the heart is known to be still
            Ledger(storage, lock.owner.key).commit("trials", "a", ROW)
        assert holder(storage) is None
        sleeper.send_signal(signal.SIGCONT)
        _, errors = sleeper.communicate("go\n", timeout=60)
    assert sleeper.returncode == 1
    assert "StorageBusyError" in errors
    assert Ledger(storage).keys("trials") == {"a"}
    assert holder(storage) is None


def beats(lock):
    for _ in range(500):
        lock.check()
        time.sleep(0.02)


def test_the_heart_notices_that_the_lock_is_gone(storage):
    with Lock(storage, beat=0.02) as lock:
        storage.remove("lock.json")
        with pytest.raises(StorageBusyError, match="it has just ended"):
            beats(lock)
        assert holder(storage) is None  # it does not take it back


def test_who_was_overtaken_leaves_the_status_to_the_other(storage):
    first = Journal(Nobody(), storage, "first")
    first.__enter__()
    with Journal(Nobody(), storage, "second"):
        pass
    first.__exit__(StorageBusyError, StorageBusyError(path="x", why="overtaken"), None)
    found = read_status(storage)
    assert (found.scan, found.state) == ("second", "done")


@pytest.mark.parametrize("left", [b"", bytes(200)])
def test_what_a_power_failure_leaves_holds_nobody_off(storage, left):
    for name in ("lock.json", "status.json"):
        storage.write(name, left)
    assert read_status(storage) is None
    with Lock(storage) as lock:
        Ledger(storage, lock.owner.key).commit("trials", "a", ROW)
    assert holder(storage) is None
