"""Where the numbers come from, as rows of a table."""

from __future__ import annotations

from pathlib import Path

from toy_scan import make_config

from rayscan.events.formats import EventFile
from rayscan.events.selection import CutFlow
from rayscan.events.weights import Weights
from rayscan.results.ledger import rows_to_table
from rayscan.scan.config.file import parse_scan
from rayscan.scan.plan.provenance import checksum, provenance_rows
from rayscan.scan.pools.inputs import InputFile, Inputs
from rayscan.scan.pools.reading import FileRead, Reading


def rows(tmp_path, broken=()):
    path = tmp_path / "a.root"
    path.write_bytes(b"events")
    file = EventFile(
        path=str(path), entries=5, bytes=6, branches=frozenset({"Jet.PT"}), identity="x"
    )
    inputs = Inputs(files=(InputFile(process="bkg", name="a.root", file=file),), broken=broken)
    flow = CutFlow(
        process="bkg", steps=(), weights=Weights(events=4, total=6.0), broken=1, broken_columns={}
    )
    read = FileRead(
        process="bkg", name="a.root", path=str(path), weight="Weight.Weight[0]", flow=flow
    )
    reading = Reading(files=(read,), repeated=(), selected=3, compared=2)
    return provenance_rows(make_config(), inputs, {}, reading)


def test_the_scan_can_be_run_again_from_its_provenance(tmp_path):
    found = {(r["kind"], r["name"]): r["value"] for r in rows(tmp_path)}
    assert parse_scan(found["scan", "scan file"]) == make_config()
    assert found["scan", "seed"] == "7"
    assert found["version", "rayscan"]


def test_rows_fit_the_table_and_have_different_names(tmp_path):
    found = rows(tmp_path, broken=((str(tmp_path / "b.root"), "is truncated"),))
    assert rows_to_table("provenance", found).num_rows == len(found)
    names = [(row["kind"], row["name"]) for row in found]
    assert len(set(names)) == len(names)
    assert ("broken", str(tmp_path / "b.root")) in names


def test_an_input_is_known_by_its_size_and_content(tmp_path):
    (found,) = [row for row in rows(tmp_path) if row["kind"] == "input"]
    assert (found["name"], found["bytes"], found["entries"]) == ("bkg/a.root", 6, 5)
    assert found["checksum"] == checksum(tmp_path / "a.root")


def test_an_input_says_where_its_weights_are_and_what_was_broken(tmp_path):
    (found,) = [row for row in rows(tmp_path) if row["kind"] == "input"]
    assert (found["weight_branch"], found["mean_weight"]) == ("Weight.Weight[0]", 1.5)
    assert found["broken_events"] == 1


def test_how_many_events_were_compared_is_said(tmp_path):
    (found,) = [row for row in rows(tmp_path) if row["kind"] == "events"]
    assert found["value"].startswith("2 of 3 selected events")
    assert found["entries"] == 2


def test_a_checksum_sees_head_tail_and_size(tmp_path):
    size = 3 << 20

    def written(name: str, content: bytes) -> str:
        path = Path(tmp_path / name)
        path.write_bytes(content)
        return checksum(path)

    plain = bytes(size)
    changed = [plain, b"x" + plain[1:], plain[:-1] + b"x", plain + b"\0", b""]
    assert len({written(str(i), content) for i, content in enumerate(changed)}) == 5
    assert written("again", plain) == written("0", plain)
