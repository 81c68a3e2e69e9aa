"""What the commands refuse to write, and how they name the option that is wrong."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import uproot
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import StorageError

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


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--level hadrons", "--level: found 'hadrons', expected 'parton', 'shower' or 'hadron'"),
        ("--source pythias", "--source: found 'pythias', expected 'pythia' or 'density'"),
        ("--energy nan", "--energy: nan GeV, expected a finite number above 0"),
        ("--energy inf", "--energy: inf GeV, expected a finite number above 0"),
        ("--energy -5", "--energy: -5.0 GeV, expected a finite number above 0"),
        ("--events 0", "--events: 0 is not a positive number of events"),
        ("--level shower --source density", "--level: densities are at parton level, not 'shower'"),
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
