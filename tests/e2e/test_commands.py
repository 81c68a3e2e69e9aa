"""What a newcomer types first: init, check, plan, generate; exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import uproot

ROOT = Path(__file__).parents[2]


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rayscan", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_init_writes_a_file_whose_only_problems_are_the_missing_inputs(tmp_path: Path) -> None:
    assert command("init", cwd=tmp_path).returncode == 0
    again = command("init", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    checked = command("check", "scan.yaml", cwd=tmp_path)
    assert checked.returncode == 2
    assert "scan.yaml has 2 problems" in checked.stderr
    assert checked.stderr.count("no such file") == 2
    assert "Traceback" not in checked.stderr


def test_the_quickstart_is_without_problems_and_has_a_plan(tmp_path: Path) -> None:
    quickstart = str(ROOT / "jobs" / "quickstart.yaml")
    pytest.importorskip("pythia8mc", reason="the quickstart generates with Pythia")
    assert command("check", quickstart, cwd=tmp_path).returncode == 0
    planned = command("plan", quickstart, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "linear_svm" in planned.stdout


@pytest.mark.parametrize(
    "arguments",
    [("chek",), ("check", "--nonsense", "x"), ("check", "absent.yaml"), ("results", "no")],
)
def test_a_wrong_command_is_one_message_and_exit_code_2(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    answer = command(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.strip()
    assert "Traceback" not in answer.stderr


def test_generate_writes_a_delphes_file_that_the_reader_takes(tmp_path: Path) -> None:
    made = command("generate", "spin1_on", "--events", "500", "--source", "density", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    with uproot.open(tmp_path / "events.root") as file:
        assert file["Delphes"].num_entries == 500
        assert len(file["Delphes"]["Jet.PT"].array()) == 500
    wrong = command("generate", "spin1_onn", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "nearest: 'spin1_on'" in wrong.stderr
