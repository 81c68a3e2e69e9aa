"""The contract of input formats, for every member of the family and one of an installed package."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rayscan.errors import BranchMissingError, FileUnreadableError
from rayscan.events import formats
from rayscan.events.flat import leaf
from rayscan.events.formats import FORMATS

FILE = {
    "Jet": {"PT": [[200.0, 50.0], [], [131.0]], "Eta": [[0.5, -1.0], [], [2.0]]},
    "MissingET": {"MET": [[210.0], [5.0], [120.0]]},
}


def flat(lists: list[list[float]]) -> list[float]:
    return [value for each in lists for value in each]


JSON_FORMAT = """
import json
import awkward as ak
from rayscan.errors import FileUnreadableError
from rayscan.events.formats import EventFile, InputFormat, require_branches

class Json(InputFormat):
    def fits(self, path):
        return path.endswith(".json")

    def inspect(self, path, tree):
        text = open(path).read()
        branches = json.loads(text)
        return EventFile(path=path, entries=len(next(iter(branches.values()))), bytes=len(text),
                         branches=frozenset(branches), identity=str(hash(text)))

    def read(self, piece, wanted):
        branches = json.load(open(piece.path))
        require_branches(piece.path, branches, wanted)
        return {name: ak.Array(branches[name][piece.first:piece.last]) for name in wanted}
"""


@pytest.fixture
def samples(write_delphes: Callable[..., Path]) -> dict[str, Path]:
    """A file of each format with the events of `FILE`."""
    return {"delphes": write_delphes(FILE)}


def test_every_format_of_ours_has_a_sample(samples: dict[str, Path]) -> None:
    assert set(samples) == set(FORMATS._ours)


@pytest.mark.parametrize("name", FORMATS._ours)
def test_a_format_says_what_a_file_holds_and_reads_it(
    name: str, samples: dict[str, Path], tmp_path: Path
) -> None:
    found = formats.inspect(samples[name])
    assert found.format == name
    assert found.entries == 3
    assert {"Jet.PT", "Jet.Eta", "MissingET.MET"} <= found.branches
    copy = tmp_path / f"copy{samples[name].suffix}"
    copy.write_bytes(samples[name].read_bytes())
    assert formats.inspect(copy).identity == found.identity
    pieces = formats.slices(found, process="p", name="f", entries_per_slice=2)
    assert [(piece.first, piece.last) for piece in pieces] == [(0, 1), (1, 3)]
    read = [formats.read(piece, ["Jet.PT", "MissingET.MET"]) for piece in pieces]
    for branch, expected in (("Jet.PT", FILE["Jet"]["PT"]), ("MissingET.MET", [[210], [5], [120]])):
        leaves = [leaf(columns[branch]) for columns in read]
        assert np.concatenate([each.counts for each in leaves]).tolist() == list(map(len, expected))
        assert np.concatenate([each.values for each in leaves]).tolist() == flat(expected)
    with pytest.raises(BranchMissingError, match=r"'Jet\.Mass'.*m_jet1_jet2"):
        formats.read(pieces[0], ["Jet.Mass"], needed_by={"Jet.Mass": "m_jet1_jet2"})
    with pytest.raises(BranchMissingError, match=r"'Jet\.Mass'.*m_jet1_jet2"):
        formats.require(found, {"Jet.Mass": "m_jet1_jet2"})


@pytest.mark.parametrize("name", FORMATS._ours)
def test_a_file_that_is_not_there_or_no_file_of_events_is_one_error(
    name: str, samples: dict[str, Path], tmp_path: Path
) -> None:
    for content in (None, b"", b"nothing of events"):
        path = tmp_path / f"other{samples[name].suffix}"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(FileUnreadableError):
            formats.inspect(path)


def test_files_of_an_installed_format_are_selected_from_like_others(
    samples: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "json_events.py").write_text(JSON_FORMAT)
    folder = tmp_path / "json_events-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: json_events\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[rayscan.inputs]\njson = json_events:Json\n")
    branches = {f"{kind}.{name}": v for kind, each in FILE.items() for name, v in each.items()}
    (tmp_path / "events.json").write_text(json.dumps(branches))
    code = (
        "import sys\n"
        "from rayscan.events import formats\n"
        "from rayscan.events.selection import Selection, select\n"
        "chosen = Selection(cuts=('jet1_pt > 100',))\n"
        "for path in sys.argv[1:]:\n"
        "    found = formats.inspect(path)\n"
        "    (piece,) = formats.slices(found, process='p', name='f')\n"
        "    table, _ = select(piece, selection=chosen, observables=['jet1_pt', 'met'])\n"
        "    print(found.format, table.select(['entry', 'jet1_pt', 'met']).to_pydict())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "events.json"), str(samples["delphes"])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    expected = "{'entry': [0, 2], 'jet1_pt': [200.0, 131.0], 'met': [210.0, 120.0]}"
    assert done.stdout == f"json {expected}\ndelphes {expected}\n", done.stderr
