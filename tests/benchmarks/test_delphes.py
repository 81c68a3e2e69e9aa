"""Nine leaves of many Delphes files, against every readable branch with uproot."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import pytest
import uproot

from rayscan.events import formats
from rayscan.events.selection import Selection, select
from rayscan.events.spectra import Spectrum

LEAVES = (
    "Jet.PT",
    "Jet.Eta",
    "Jet.Phi",
    "Jet.Mass",
    "MissingET.MET",
    "MissingET.Phi",
    "Electron.PT",
    "MuonTight.PT",
    "Event.Weight",
)
FILES = 12


def everything(path: str) -> dict[str, ak.Array]:
    """Every leaf that uproot can interpret."""
    with uproot.open(path) as file:
        tree = file["Delphes"]
        found = {}
        for leaf in tree.itervalues(recursive=True):
            if "." not in leaf.name or leaf.name.endswith("fBits"):
                continue
            try:
                found[leaf.name] = leaf.array()
            except (NotImplementedError, ValueError, uproot.interpretation.objects.CannotBeAwkward):
                continue
        return found


def stored(path: str, names: set[str] | None) -> int:
    """Compressed bytes of leaves."""
    with uproot.open(path) as file:
        leaves = {leaf.name: leaf for leaf in file["Delphes"].itervalues(recursive=True)}
    return sum(leaf.compressed_bytes for n, leaf in leaves.items() if names is None or n in names)


@pytest.fixture(scope="module")
def files(shared_data: Path) -> list[formats.EventFile]:
    return [formats.inspect(path) for path in sorted(shared_data.glob("*_0*.root"))[:FILES]]


def test_nine_leaves_of_many_files(benchmark, medians, table, files):
    leaves = [leaf for leaf in LEAVES if leaf in files[0].branches]
    extra = sorted(b for b in files[0].branches if b.startswith(("Muon.", "Electron.")))
    leaves += extra[: 9 - len(leaves)]
    assert len(leaves) == 9
    found: dict[str, dict[str, ak.Array]] = {}
    expected: dict[str, dict[str, ak.Array]] = {}

    def ours() -> None:
        for file in files:
            pieces = formats.slices(file, process="p", name=Path(file.path).stem)
            read = [formats.read(piece, leaves) for piece in pieces]
            found[file.path] = {n: ak.concatenate([r[n] for r in read]) for n in leaves}

    def plain() -> None:
        for file in files:
            expected[file.path] = everything(file.path)

    mine, theirs = medians(ours, plain)
    benchmark.pedantic(ours, rounds=1)
    for path, columns in found.items():
        for name in leaves:
            assert ak.array_equal(columns[name], expected[path][name])
    events = sum(file.entries for file in files)
    read, whole = (
        sum(stored(file.path, names) for file in files) / 1e6 for names in (set(leaves), None)
    )
    disk = sum(file.bytes for file in files) / 1e6
    table.add(
        f"read 9 leaves of {len(files)} Delphes files, {events:,} events",
        plain=theirs,
        product=mine,
        unit="s",
        equal=f"columns; {read:.2f} of {disk:.1f} MB on disk ({whole:.1f} MB of leaves)",
    )


def test_spectra_while_selecting(benchmark, medians, table, files):
    names = ("jet1_pt", "jet1_eta", "met", "n_leptons")
    asked = [Spectrum(observable=name) for name in names]
    chosen = Selection(cuts=("jet1_pt > 130", "abs(jet1_eta) < 4", "met > 100"))
    pieces = [
        piece
        for file in files
        for piece in formats.slices(file, process="p", name=Path(file.path).stem)
    ]

    def without() -> None:
        for piece in pieces:
            select(piece, selection=chosen, observables=names)

    def counting() -> None:
        for piece in pieces:
            select(piece, selection=chosen, observables=names, spectra=asked)

    more, less = medians(counting, without)
    benchmark.pedantic(counting, rounds=1)
    events = sum(file.entries for file in files)
    table.add(
        f"select {events:,} events, with {len(asked)} spectra and without",
        plain=less,
        product=more,
        unit="s",
        equal="event tables",
    )
