"""Published tables: whoever reads sees all of one moment."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import pandas as pd
import pytest

from rayscan.errors import StorageBusyError
from rayscan.results import snapshots
from rayscan.results.ledger import Ledger
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage


def commit(ledger: Ledger, number: int) -> None:
    """The same number in two tables: what belongs together."""
    ledger.commit("trials", "t", [{"trial": "t", "repeat": number}])
    ledger.commit("points", "p", [{"point": "p", "planned": number}])


def both(folder) -> tuple[int, int]:
    tables = read_tables(folder)
    return int(tables.trials["repeat"].iloc[0]), int(tables.points["planned"].iloc[0])


def folders(folder) -> list[str]:
    return sorted(p.name for p in (folder / "tables").iterdir() if p.is_dir())


def test_what_is_committed_later_is_not_read_before_it_is_published(tmp_path):
    ledger = Ledger(str(tmp_path))
    commit(ledger, 1)
    assert both(tmp_path) == (1, 1)  # never published: what is finished
    ledger.publish()
    ledger.commit("trials", "t", [{"trial": "t", "repeat": 2}])
    assert both(tmp_path) == (1, 1)
    commit(ledger, 2)
    ledger.publish()
    assert both(tmp_path) == (2, 2)


def test_the_one_before_is_kept_and_older_ones_are_removed(tmp_path):
    ledger = Ledger(str(tmp_path))
    seen = []
    for number in (1, 2, 2, 3):
        commit(ledger, number)
        ledger.publish()
        seen.append(json.loads((tmp_path / "tables" / "manifest.json").read_text())["snapshot"])
        assert folders(tmp_path) == sorted(set(seen[-3:] if number == 2 else seen[-2:]))
    assert seen[1] == seen[2]  # equal tables are one snapshot


def test_plain_copies_are_those_of_the_snapshot(tmp_path):
    ledger = Ledger(str(tmp_path))
    commit(ledger, 7)
    ledger.publish()
    frame = pd.read_parquet(tmp_path / "tables" / "trials.parquet")
    pd.testing.assert_frame_equal(frame, read_tables(tmp_path).trials)


def test_an_end_before_the_manifest_leaves_the_old_snapshot(tmp_path):
    ledger = Ledger(str(tmp_path))
    commit(ledger, 1)
    ledger.publish()
    asked = []

    def ends() -> None:
        asked.append(1)
        if len(asked) > 3:  # some tables of the new snapshot are there
            raise StorageBusyError(path=str(tmp_path), why="ended")

    content = dict.fromkeys(("points", "trials", "auc", "limits"), b"new")
    with pytest.raises(StorageBusyError):
        snapshots.publish(Storage(str(tmp_path)), content, check=ends)
    assert len(folders(tmp_path)) == 2
    assert both(tmp_path) == (1, 1)
    commit(ledger, 2)
    ledger.publish()
    assert both(tmp_path) == (2, 2)
    assert len(folders(tmp_path)) == 2  # the torso is removed


WRITER = """
import sys
from rayscan.results.ledger import Ledger
ledger = Ledger(sys.argv[1])
for number in range(2, 9):
    ledger.commit("trials", "t", [{"trial": "t", "repeat": number}])
    ledger.commit("points", "p", [{"point": "p", "planned": number}])
    ledger.publish()
"""


def test_a_reader_never_sees_a_new_table_beside_an_old_one(tmp_path):
    """Another process publishes again and again while this one reads."""
    ledger = Ledger(str(tmp_path))
    commit(ledger, 1)
    ledger.publish()
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
    seen = set()
    done = threading.Event()
    while not done.is_set():
        if writer.poll() is not None:
            done.set()
        seen.add(both(tmp_path))
    assert writer.returncode == 0
    assert all(trial == point for trial, point in seen), seen
    assert (8, 8) in seen
    assert len(seen) >= 3
