"""What the commands refuse to write, and how they name the option that is wrong."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import ConfigError, EnsemblesError, StorageError

GENERATE = "generate spin1_on --events 20 --source density --out made.root"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(line: str) -> tuple[int, str]:
    """Exit code and complaints of a command."""
    done = CliRunner().invoke(app, shlex.split(line))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stderr


def test_init_into_a_folder_that_is_not_there_says_so():
    code, complaint = told("init no/such/scan.yaml")
    assert code == 2
    assert complaint.startswith("rayscan: no/such/scan.yaml: there is no folder no/such; make it")


def test_init_where_nothing_can_be_written_says_so():
    Path("a").symlink_to("b")
    Path("b").symlink_to("a")
    with pytest.raises(StorageError, match=r"a: cannot be written .*; give another place"):
        told("init a")


def test_generate_replaces_a_file_only_if_asked_to():
    assert told(GENERATE) == (0, "")
    first = Path("made.root").read_bytes()
    code, complaint = told(GENERATE)
    assert code == 2
    assert complaint.startswith("rayscan: --out: made.root exists already; give another name, or")
    assert complaint.endswith("or --overwrite\n")
    assert Path("made.root").read_bytes() == first
    assert told(f"{GENERATE.replace('20', '30')} --overwrite") == (0, "")
    with uproot.open("made.root") as file:
        assert file["Delphes"].num_entries == 30


LEVEL = "--level: 'shower', but the density of 'spin1_on' is of level 'parton'; leave 'level' out"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--level hadrons", "--level: found 'hadrons', expected 'parton', 'shower' or 'hadron'"),
        ("--source pythias", "--source: found 'pythias', expected 'pythia' or 'density'"),
        ("--energy nan", "--energy: nan GeV, expected a finite number above 0"),
        ("--energy inf", "--energy: inf GeV, expected a finite number above 0"),
        ("--energy -5", "--energy: -5.0 GeV, expected a finite number above 0"),
        ("--events 0", "--events: 0 is not a positive number of events"),
        ("--level shower --source density", LEVEL),
    ],
)
def test_generate_names_the_option_that_is_wrong(options, complaint):
    assert told(f"generate spin1_on {options}") == (2, f"rayscan: {complaint}\n")
    assert not Path("events.root").exists()


def test_generate_refuses_a_seed_below_zero():
    code, complaint = told("generate spin1_on --source density --seed -1")
    assert code == 2
    assert "Invalid value for '--seed'" in complaint
    assert "greater than or equal to 0" in complaint or "x>=0" in complaint
    assert not Path("events.root").exists()


SCAN = """
name: asked
storage: results
processes:
  zvv: {role: background, files: [zvv.root], cross_section: 100}
  spin1: {role: signal, files: [spin1.root], cross_section: 0.02}
binning: {axes: [{observable: jet1_pt, bins: 8, low: 130, high: 800}]}
mixtures: {background: 1000, s_over_sqrt_b: [0.5, 2]}
architectures: [{name: mlp}]
"""
ASKED = "ensembles scan.yaml --pool train --benchmark spin1 --strength 2 --number 10 --out made"


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ("train", "tran", r"^pool: .* 'tran' \(nearest: 'train'\); .* train, validation, test$"),
        ("spin1", "spin2", r"^benchmark: there is no 'spin2' .*; the scan has: spin1$"),
        ("strength 2", "strength 1", r"^strength: there is no '1'; the scan has: 0\.5, 2$"),
        ("number 10", "number 5", r"^number: 5, expected an even number"),
    ],
)
def test_ensembles_that_a_scan_does_not_have_are_refused_before_its_files_are_opened(
    right, wrong, why
):
    Path("scan.yaml").write_text(SCAN)
    with pytest.raises(EnsemblesError, match=why):
        told(ASKED.replace(right, wrong, 1))
    assert not Path("made").exists()


def test_ensembles_into_a_folder_with_something_in_it_are_refused():
    Path("scan.yaml").write_text(SCAN)
    Path("made/inner").mkdir(parents=True)
    with pytest.raises(StorageError, match="made: is not empty; give another folder, or empty it"):
        told(ASKED)
    Path("made/inner").rmdir()
    Path("made").rmdir()
    Path("made").write_text("a file")
    with pytest.raises(StorageError, match="made"):
        told(ASKED)
    assert Path("made").read_text() == "a file"


def test_ensembles_of_files_that_are_not_there_are_refused_before_ray_starts():
    Path("scan.yaml").write_text(SCAN)
    with pytest.raises(ConfigError, match=r"2 problems:(.|\n)*zvv\.root: no such file"):
        told(ASKED)
    assert not Path("made").exists()
