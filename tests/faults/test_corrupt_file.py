"""One corrupt file among good ones: named, fatal before compute, or left out if that is wanted."""

from __future__ import annotations

import shutil
from pathlib import Path

import fault_scan
import pytest
import uproot

from rayscan.generator.generate import Generate, generate
from rayscan.results.read import read_tables

SCAN = """
name: corrupt
storage: results
cache: cache
processes:
  znunu: {role: background, files: ["znunu_*.root"], cross_section: 10}
  spin1: {role: signal, files: [spin1.root], cross_section: 0.1}
selection: {cuts: [jet1_pt > 130]}
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}
mixtures: {background: 100, s_over_sqrt_b: [2]}
ensembles: {train: 200, validation: 100, test: 200}
architectures: [{name: logistic_regression, hyperparameters: {draws: 2}}]
training: {repeats: 1}
limits: {methods: [template], luminosity: [1], referee: 0}
resources: {workers: 1}
"""
SKIP = "skip_broken_files: true\n"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan over files: three of the background, one of the signal."""
    folder = tmp_path_factory.mktemp("sound")
    for seed, name in enumerate(("znunu_1", "znunu_2", "znunu_3", "spin1"), start=1):
        process = "spin1_on" if name == "spin1" else "znunu_jet"
        recipe = Generate(process=process, events=4000, source="density")
        generate(recipe, path=folder / f"{name}.root", seed=seed)
    (folder / "scan.yaml").write_text(SCAN)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return shutil.copytree(sound, tmp_path / "scan")


def spoil_basket(path: Path, branch: str = "Jet.PT") -> None:
    """Overwrite the events of one branch; header, keys and tree stay as they were."""
    with uproot.open(path) as file:
        leaf = next(b for b in file["Delphes"].itervalues(recursive=True) if b.name == branch)
        start, size = int(leaf.member("fBasketSeek")[0]), int(leaf.member("fBasketBytes")[0])
    with path.open("r+b") as raw:
        raw.seek(start + size // 2)
        raw.write(b"\xff" * (size // 4))


def truncate(path: Path) -> None:
    with path.open("r+b") as raw:
        raw.truncate(path.stat().st_size * 2 // 3)


def spoil_header(path: Path) -> None:
    with path.open("r+b") as raw:
        raw.write(b"junk")


def spoil_most(path: Path) -> None:
    """Garbage after the first eighth: the header promises what is not there."""
    size = path.stat().st_size
    with path.open("r+b") as raw:
        raw.seek(size // 8)
        raw.write(b"\xa5" * (size - size // 8))


SPOILERS = {
    "truncated": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "not ROOT": spoil_header,
    "mostly garbage": spoil_most,
    "one basket": spoil_basket,
}


def parts(folder: Path) -> int:
    return len(list((folder / "cache" / "events").rglob("*.parquet")))


def skipping(folder: Path) -> None:
    with (folder / "scan.yaml").open("a") as out:
        out.write(SKIP)


def test_a_damaged_basket_is_named_before_training_and_left_out_if_that_is_wanted(
    folder: Path,
) -> None:
    spoil_basket(folder / "znunu_2.root")
    # Header, keys and tree are sound: only reading the events shows it.
    fault_scan.finish(fault_scan.start(folder, command="check"))
    errors = fault_scan.run(folder, code=2)
    assert "znunu_2.root: it is damaged" in errors
    assert "skip_broken_files: true" in errors
    assert "znunu_1" not in errors
    assert fault_scan.trials(folder / "results") == 0
    kept = {path: path.stat().st_mtime_ns for path in (folder / "cache").rglob("*.parquet")}
    assert len(kept) == 3  # of the three sound files
    skipping(folder)
    fault_scan.run(folder)
    assert {path: path.stat().st_mtime_ns for path in (folder / "cache").rglob("*.parquet")} == kept
    tables = read_tables(folder / "results")
    facts = tables.provenance.set_index(["kind", "name"])["value"]
    assert "it is damaged" in facts["broken", str(folder / "znunu_2.root")]
    assert ("input", "znunu/znunu_2.root") not in facts.index
    assert ("input", "znunu/znunu_3.root") in facts.index
    flow = tables.cutflow.set_index(["process", "step"])
    assert flow.loc[("znunu", 0), "events"] == 8000


@pytest.mark.slow
@pytest.mark.parametrize("how", SPOILERS)
def test_whatever_is_wrong_with_a_file_it_is_as_if_it_were_not_there(
    folder: Path, tmp_path: Path, how: str
) -> None:
    without = shutil.copytree(folder, tmp_path / "without")
    (without / "znunu_2.root").unlink()
    fault_scan.run(without)
    SPOILERS[how](folder / "znunu_2.root")
    errors = fault_scan.run(folder, code=2)
    assert errors.count("znunu_2.root") == 1
    assert fault_scan.trials(folder / "results") == 0
    skipping(folder)
    fault_scan.run(folder)
    found = read_tables(folder / "results")
    fault_scan.assert_equal(found, read_tables(without / "results"))
    (broken,) = found.provenance.loc[found.provenance["kind"] == "broken", "name"]
    assert broken == str(folder / "znunu_2.root")


@pytest.mark.slow
@pytest.mark.data
def test_a_file_that_its_writer_never_closed_is_left_out(folder: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "ext_coffea_bad_delphes.root", folder / "znunu_4.root")
    errors = fault_scan.run(folder, code=2)
    assert "znunu_4.root: it is a ROOT file that holds nothing" in errors
    skipping(folder)
    fault_scan.run(folder)
    provenance = read_tables(folder / "results").provenance
    (broken,) = provenance.loc[provenance["kind"] == "broken", "name"]
    assert broken == str(folder / "znunu_4.root")


@pytest.mark.slow
@pytest.mark.data
def test_a_basket_of_a_real_file_is_damaged(folder: Path, shared_data: Path) -> None:
    for name in ("zvvj_001", "zvvj_002"):
        shutil.copy(shared_data / f"{name}.root", folder / f"znunu_{name}.root")
    spoil_basket(folder / "znunu_zvvj_002.root", "Jet.Eta")
    scan = folder / "scan.yaml"
    scan.write_text(
        scan.read_text().replace(
            "- {observable",
            "- {observable: jet1_eta, bins: 2, low: -4, high: 4}\n    - {observable",
        )
    )
    errors = fault_scan.run(folder, code=2)
    assert "znunu_zvvj_002.root: it is damaged" in errors
    assert "znunu_zvvj_001" not in errors


@pytest.mark.slow
def test_a_process_of_broken_files_only_is_never_left_out(folder: Path) -> None:
    spoil_basket(folder / "spin1.root")
    skipping(folder)
    errors = fault_scan.run(folder, code=2)
    assert "spin1.root: it is damaged" in errors
    assert fault_scan.trials(folder / "results") == 0
