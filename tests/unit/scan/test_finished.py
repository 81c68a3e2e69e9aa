"""A finished scan is known by its mark, as long as nothing has changed or is missing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from toy_scan import make_config

from rayscan.results.ledger import Ledger
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import Resources
from rayscan.scan.plan.finished import mark, rows_of, stamps

ROWS = {"trials": 1}


@pytest.fixture
def config(tmp_path: Path):
    for name in ("b.root", "s.root"):
        (tmp_path / name).write_bytes(b"events")
    processes = {
        "bkg": Process(role="background", files=("b*.root",), cross_section=1.0),
        "sig": Process(role="signal", files=("s.root",), cross_section=1.0),
    }
    found = replace(make_config(), processes=processes, storage=str(tmp_path / "results"))
    Ledger(found.storage).commit("provenance", "p", [{"kind": "scan", "name": "seed"}])
    mark(found, stamps(found, tmp_path), ROWS)
    return found


def test_a_marked_scan_is_finished(config, tmp_path):
    assert rows_of(config, stamps(config, tmp_path)) == ROWS


def test_where_and_on_what_it_runs_may_differ(config, tmp_path):
    other = replace(config, resources=Resources(workers=7), cache="elsewhere")
    assert rows_of(other, stamps(config, tmp_path)) == ROWS


def test_another_number_is_to_be_run(config, tmp_path):
    assert rows_of(replace(config, seed=99), stamps(config, tmp_path)) is None


def test_a_row_that_is_gone_or_new_is_to_be_run(config, tmp_path):
    ledger = Ledger(config.storage)
    ledger.commit("provenance", "q", [{"kind": "scan", "name": "other"}])
    assert rows_of(config, stamps(config, tmp_path)) is None
    ledger.keep_only("provenance", ["p"])
    assert rows_of(config, stamps(config, tmp_path)) == ROWS
    ledger.keep_only("provenance", [])
    assert rows_of(config, stamps(config, tmp_path)) is None


def test_a_published_table_that_is_gone_is_written_again(config, tmp_path):
    Ledger(config.storage).publish()
    mark(config, stamps(config, tmp_path), ROWS)
    assert rows_of(config, stamps(config, tmp_path)) == ROWS
    (tmp_path / "results" / "tables" / "auc.parquet").unlink()
    assert rows_of(config, stamps(config, tmp_path)) is None


@pytest.mark.parametrize("change", ["another", "touched", "more", "gone"])
def test_an_input_file_that_changed_is_read_again(config, tmp_path, change):
    if change == "another":
        (tmp_path / "s.root").write_bytes(b"other events")
    elif change == "touched":
        os.utime(tmp_path / "s.root", (1, 1))
    elif change == "more":
        (tmp_path / "b2.root").write_bytes(b"events")
    else:
        (tmp_path / "s.root").unlink()
    assert rows_of(config, stamps(config, tmp_path)) is None


def test_a_mark_that_is_not_understood_is_none(config, tmp_path):
    (tmp_path / "results" / "finished.json").write_text("[]")
    assert rows_of(config, stamps(config, tmp_path)) is None
