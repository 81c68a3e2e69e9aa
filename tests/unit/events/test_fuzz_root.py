"""Bytes of a ROOT file changed at random: one sentence, or events; no traceback, hang or bomb."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FUZZ = Path(__file__).with_name("root_fuzz.py")
SENTENCES = {"FileUnreadableError", "TreeMissingError", "BranchMissingError"}


def fuzzed(source: Path, examples: int, seed: int, capsys: Any) -> dict[str, int]:
    """How often what came out, printed, too."""
    command = [sys.executable, str(FUZZ), str(source), str(examples), str(seed)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    with capsys.disabled():
        sys.stdout.write(f"\n{source.name} with other bytes: {told}\n")
    assert told["most_kB"] < 2_000_000
    return dict(told["found"])


@pytest.fixture
def small(write_delphes: Callable[..., Path]) -> Path:
    """A file of our own: flat, without compression to hide behind."""
    rng = np.random.default_rng(1)
    jets = [sorted(rng.exponential(60, int(n)), reverse=True) for n in rng.poisson(2, 400)]
    eta = [list(rng.normal(size=len(each))) for each in jets]
    met = [[float(each)] for each in rng.exponential(50, 400)]
    return write_delphes({"Jet": {"PT": jets, "Eta": eta}, "MissingET": {"MET": met}})


def test_a_file_of_our_own_with_other_bytes_is_read_or_told(small: Path, capsys: Any) -> None:
    found = fuzzed(small, 300, 1, capsys)
    assert set(found) <= SENTENCES | {"read"}, found
    assert {"FileUnreadableError", "read"} <= set(found)


@pytest.mark.data
def test_a_real_file_with_other_bytes_is_read_or_told(shared_data: Path, capsys: Any) -> None:
    found = fuzzed(shared_data / "full_slepton_cms.root", 100, 2, capsys)
    assert set(found) <= SENTENCES | {"read"}, found


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["slepton_280_275_jet.root", "full_slepton_cms.root", "spin0_s500_001.root"]
)
def test_many_real_files_with_other_bytes_are_read_or_told(
    shared_data: Path, name: str, capsys: Any
) -> None:
    found = fuzzed(shared_data / name, 3000, 3, capsys)
    assert set(found) <= SENTENCES | {"read"}, found
