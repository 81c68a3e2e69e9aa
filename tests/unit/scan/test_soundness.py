"""A finished scan of which something is damaged or gone is not finished, and says what it was."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest
from toy_scan import make_config, make_pools, train_all

from rayscan.errors import DamagedError
from rayscan.results.folders import SUMS
from rayscan.results.ledger import Ledger
from rayscan.results.read import read_tables
from rayscan.results.seal import checksum
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.plan.finished import mark, rows_of
from rayscan.scan.plan.soundness import mend

TEXTS = {c.name for c in LAYOUTS["limits"].columns if pa.types.is_string(c.type)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A scan with three trained classifiers, published and marked as finished."""
    folder = tmp_path_factory.mktemp("trained") / "results"
    config = replace(make_config(signals=("hard",)), storage=str(folder))
    _, rows, _ = train_all(config, make_pools(signals=("hard",)), folder)
    ledger = Ledger(str(folder))
    for row in rows:
        ledger.commit("trials", row["trial"], [row])
    mark(config, (), ledger.publish())
    return config, rows


@pytest.fixture
def scan(trained, tmp_path):
    """A copy that can be spoilt."""
    config, rows = trained
    folder = shutil.copytree(config.storage, tmp_path / "results")
    return replace(config, storage=str(folder)), rows, folder


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def mended(config) -> list[str]:
    said: list[str] = []
    mend(Ledger(config.storage), said.append)
    return said


def test_a_sound_scan_is_finished_and_nothing_is_mended(scan):
    config, _, folder = scan
    assert rows_of(config, ()) is not None
    assert mended(config) == []
    assert not (folder / "ledger" / "damaged").exists()


@pytest.mark.parametrize("spoil", [flip, empty, halve])
def test_a_damaged_part_is_not_done_and_kept_beside(scan, spoil):
    config, rows, folder = scan
    name = f"trials/{rows[0]['trial']}.parquet"
    spoil(folder / "ledger" / name)
    assert rows_of(config, ()) is None
    (line,) = mended(config)
    assert line.startswith(f"ledger/{name} ")
    assert f"kept as ledger/damaged/{name}" in line
    assert (folder / "ledger" / "damaged" / name).exists()
    assert Ledger(config.storage).keys("trials") == {row["trial"] for row in rows[1:]}
    assert mended(config) == []


FILES = ("weights.npz", "classifier.json", SUMS)


@pytest.mark.parametrize(
    ("what", "spoil"),
    [(".", shutil.rmtree), *product(FILES, [flip, empty, Path.unlink])],
)
def test_the_trial_of_a_damaged_classifier_is_not_done(scan, what, spoil):
    config, rows, folder = scan
    spoil(folder / rows[0]["classifier"] / what)
    said = mended(config)
    if (what, spoil) == (SUMS, Path.unlink):  # as in a storage from before: it can be read
        assert said == []
        return
    assert said[0].startswith(f"{rows[0]['classifier']} ")
    assert len(said) == 1
    assert rows[0]["trial"] not in Ledger(config.storage).keys("trials")
    assert rows_of(config, ()) is None


OWN_NAME = f"workspaces/{checksum(b'{}')}.json"


@pytest.mark.parametrize(
    ("name", "spoil"),
    [*product([OWN_NAME, "workspaces/x.json"], [None, empty, Path.unlink]), (OWN_NAME, flip)],
)
def test_the_limits_of_a_damaged_or_lost_workspace_are_not_done(tmp_path, name, spoil):
    ledger = Ledger(str(tmp_path))
    ledger.storage.write(name, b"{}")
    row = {name: "x" for name in LAYOUTS["limits"].key if name in TEXTS}
    numbers = {name: 1 for name in LAYOUTS["limits"].key if name not in TEXTS}
    ledger.commit("limits", "x", [{**row, **numbers, "workspace": name}])
    said: list[str] = []
    if spoil is not None:
        spoil(tmp_path / name)
    mend(ledger, said.append)
    assert len(said) == (spoil is not None)
    assert ledger.keys("limits") == (frozenset() if spoil else {"x"})


@pytest.mark.parametrize("spoil", [empty, halve, Path.unlink])
def test_a_classifier_from_before_checksums_is_read_to_find_out(scan, spoil):
    config, rows, folder = scan
    place = folder / rows[0]["classifier"]
    (place / SUMS).unlink()
    assert rows_of(config, ()) is not None
    spoil(place / "weights.npz")
    assert rows_of(config, ()) is None
    assert len(mended(config)) == 1


@pytest.mark.parametrize("spoil", [flip, empty, halve, Path.unlink])
@pytest.mark.parametrize("which", ["copy", "snapshot", "manifest"])
def test_a_damaged_table_is_no_result_and_is_published_again(scan, which, spoil):
    config, _, folder = scan
    (snapshot,) = (folder / "tables").glob("snapshot-*")
    path = {
        "copy": folder / "tables" / "trials.parquet",
        "snapshot": snapshot / "trials.parquet",
        "manifest": folder / "tables" / "manifest.json",
    }[which]
    expected = read_tables(folder).trials
    spoil(path)
    assert rows_of(config, ()) is None
    if which == "snapshot":
        with pytest.raises(DamagedError, match=r"run the scan again"):
            read_tables(folder)
    assert mended(config) == []  # the ledger is sound
    mark(config, (), Ledger(config.storage).publish())
    assert rows_of(config, ()) is not None
    assert read_tables(folder).trials.equals(expected)


def test_a_reader_is_told_of_a_damaged_part_of_a_scan_that_runs(tmp_path):
    ledger = Ledger(str(tmp_path))
    ledger.commit("trials", "a", [{"trial": "a"}])
    flip(tmp_path / "ledger" / "trials" / "a.parquet")
    with pytest.raises(DamagedError, match=r"a\.parquet: does not match .*run the scan again"):
        read_tables(tmp_path)
    assert ledger.keys("trials") == {"a"}  # who only reads changes nothing


def test_what_is_set_aside_is_swept_by_nobody_and_read_by_nobody(scan):
    config, rows, folder = scan
    empty(folder / "ledger" / "trials" / f"{rows[0]['trial']}.parquet")
    mended(config)
    Storage(config.storage).sweep("ledger")
    assert len(list((folder / "ledger" / "damaged").rglob("*.parquet"))) == 1
    assert Ledger(config.storage).read("trials").num_rows == len(rows) - 1
