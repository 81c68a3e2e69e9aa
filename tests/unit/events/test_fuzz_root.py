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
import uproot

from rayscan.errors import FileUnreadableError
from rayscan.events import layouts, rootfile

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


@pytest.mark.data
@pytest.mark.parametrize("what", ["tree", "streamers", "basket"])
def test_one_bit_that_makes_an_object_a_gigabyte_longer_is_told(
    shared_data: Path, tmp_path: Path, what: str
) -> None:
    """uproot copied that gigabyte for each class of the object, which took up to minutes."""
    sound, path = shared_data / "full_slepton_cms.root", tmp_path / "damaged.root"
    with uproot.open(sound) as file:
        seek = {
            "tree": file.key("Delphes").fSeekKey,
            "streamers": file.file.fSeekInfo,
            "basket": file["Delphes/Jet/Jet.PT"].member("fBasketSeek")[0],
        }[what]
    whole = sound.read_bytes()
    key = whole[seek : seek + 10]  # fNbytes, version, fObjlen; the tree's stands in its folder, too
    length = int.from_bytes(key[6:], "big")
    path.write_bytes(whole.replace(key, key[:6] + (length | 1 << 30).to_bytes(4, "big")))
    wrong = f"blocks of {length} bytes where {length | 1 << 30} should be"
    with pytest.raises(FileUnreadableError, match=wrong), rootfile.opened(path, "Delphes") as tree:
        _ = tree.file.streamers, layouts.leaves(tree)["Jet.PT"].array()


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
