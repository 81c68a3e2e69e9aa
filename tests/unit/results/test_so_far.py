"""What `results` and `status` say of a scan that has not come to its end."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from toy_scan import Nobody
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.results import so_far
from rayscan.results.journal import Journal, Status, read_status
from rayscan.results.ledger import Ledger
from rayscan.results.storage import Storage

TRIAL = {"repeat": 0, "point": "spin1.mlp", "status": "ok", "classifier": "classifiers/a"}


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path))


def shown(storage: Storage, command: str = "results") -> str:
    found = CliRunner(env={"COLUMNS": "200"}).invoke(app, [command, storage.uri])
    assert found.exit_code == 0, found.exception
    return " ".join(found.output.split())


def test_a_scan_that_only_read_events_says_that_the_rest_is_not_there(storage):
    with Journal(Nobody(), storage, "half") as journal:
        Ledger(storage).commit("provenance", "p", [{"kind": "scan", "name": "seed"}])
        journal.stage("train", 12, "classifiers")
        text = shown(storage)
    assert "half is running" in text
    assert "train: 0 of 12 classifiers" in text
    assert "what follows is not all of it" in text
    for name in ("trials trainings", "auc cross-tests", "limits limits"):
        assert f"{name} none yet" in text


def test_what_is_trained_is_shown_before_it_is_tested(storage):
    ledger = Ledger(storage)
    with Journal(Nobody(), storage, "half") as journal:
        journal.stage("train", 3, "classifiers")
        for name, area in (("a", 0.7), ("b", 0.8)):
            row = TRIAL | {"trial": name, "validation_auc": area}
            ledger.commit("trials", name, [row])
            journal.advance(1)
        failed = TRIAL | {"trial": "c", "status": "error", "classifier": None}
        ledger.commit("trials", "c", [failed])
        raised = KeyboardInterrupt()
        journal.__exit__(KeyboardInterrupt, raised, None)
        text = shown(storage)
    assert "half is interrupted (train: 2 of 3 classifiers)" in text
    assert "trials trainings 3" in text
    assert "spin1.mlp 2 1 0.750" in text  # two classifiers, one failed, the mean of their areas


def test_a_scan_that_ended_is_shown_without_a_word(storage, fake, fake_scan):
    tables = fake(fake_scan(repeats=1))
    assert len(tables.points)
    with Journal(Nobody(), storage, "whole"):
        pass
    assert so_far.unfinished(storage, tables) == ""


def test_tables_of_an_earlier_end_are_called_so(storage, fake, fake_scan):
    with Journal(Nobody(), storage, "again") as journal:
        journal.stage("limits", 10, "benchmarks")
        told = so_far.unfinished(storage, fake(fake_scan(repeats=1)))
    assert "limits: 0 of 10 benchmarks" in told
    assert "of its last end" in told


def test_a_stage_is_told_when_it_begins(storage):
    """Its first part may take minutes, and the stage before ended a moment ago."""
    with Journal(Nobody(), storage, "quick") as journal:
        journal.stage("cross-test", 2, "pairs")
        journal.advance(2)
        journal.stage("limits", 10, "benchmarks")
        found = read_status(storage)
        text = shown(storage, "status")
    assert (found.stage, found.done, found.total) == ("limits", 0, 10)
    assert found.seconds_left is None
    assert "limits: 0 of 10 benchmarks" in text
    assert "left: not known: nothing of this stage has ended yet" in text


def test_what_an_earlier_run_did_says_nothing_of_the_speed(storage):
    journal = Journal(Nobody(), storage, "again")
    with journal:
        journal.stage("limits", 10, "benchmarks")
        journal.advance(9, earlier=True)
        assert journal.status.done == 9
        assert journal.status.seconds_left is None
        journal._stage_began -= 60.0  # the tenth took a minute
        journal.status.total = 11
        journal.advance(1)
        assert journal.status.seconds_left >= 60.0  # and not a tenth of it


def test_time_left_is_counted_down_and_then_not_known():
    now = time.time()
    found = Status(scan="x", run="y", seconds_left=100.0, started=now, updated=now)
    assert so_far.left(found, now + 40) == "about 60 s of this stage"
    late = so_far.left(found, now + 240)
    assert late == "not known: nothing of this stage has ended for 240 s"
    assert so_far.left(replace(found, seconds_left=None), now).startswith("not known")
