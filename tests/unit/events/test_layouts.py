"""Trees laid out otherwise than by Delphes: read where it is plain what is meant, else named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from rayscan.errors import BranchMissingError, BranchUnusableError, TreeMissingError
from rayscan.events import formats
from rayscan.events.selection import Selection, select

PT = [[150.0, 140.0], [], [200.0]]
ETA = [[0.0, 1.0], [], [2.0]]
WEIGHTS = [2.0, 1.0, 3.0]
NEEDS = {"Jet.PT": "jet1_pt"}


def jagged(values: list[list[float]]) -> ak.Array:
    return ak.values_astype(ak.Array(values), np.float32)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes flat branches as one tree."""

    def made(tree: str = "Delphes", **branches: ak.Array) -> Path:
        path = tmp_path / "made.root"
        with uproot.recreate(path) as file:
            columns = {name.replace("__", "."): values for name, values in branches.items()}
            file.mktree(tree, {name: values.type.content for name, values in columns.items()})
            file[tree].extend(columns)
        return path

    return made


def test_the_names_of_a_snapshot_are_read_as_those_of_delphes(write: Callable[..., Path]) -> None:
    plain = write(Jet__PT=jagged(PT), Jet__Eta=jagged(ETA), Event__Weight=ak.Array(WEIGHTS))
    asked = {"selection": Selection(cuts=("jet1_pt > 160",)), "observables": ("jet1_pt",)}

    def read(path: Path) -> tuple[object, object]:
        file = formats.inspect(path)
        formats.require(file, NEEDS)
        (piece,) = formats.slices(file, process="p", name="f")
        table, flow = select(piece, **asked)
        return table, flow

    expected = read(plain)
    found = read(write(Jet_PT=jagged(PT), Jet_Eta=jagged(ETA), Event_Weight=ak.Array(WEIGHTS)))
    assert found[0].equals(expected[0])
    assert found[1] == expected[1]
    assert found[0]["jet1_pt"].to_pylist() == [200.0]
    assert found[1].steps[0].sum_weights == sum(WEIGHTS)  # Event_Weight is no missing weight


def test_where_both_names_are_there_that_of_delphes_counts(write: Callable[..., Path]) -> None:
    file = formats.inspect(write(Jet_PT=jagged(ETA), Jet__PT=jagged(PT)))
    (piece,) = formats.slices(file, process="p", name="f")
    assert formats.read(piece, ["Jet.PT"])["Jet.PT"].tolist() == PT


def test_a_leaf_that_a_snapshot_lacks_is_missing(write: Callable[..., Path]) -> None:
    with pytest.raises(BranchMissingError, match=r"no branch 'Jet\.PT', .*nearest: 'Jet\.PTT'"):
        formats.require(formats.inspect(write(Jet_PTT=jagged(PT))), NEEDS)


def test_numbers_written_as_texts_are_refused(write: Callable[..., Path]) -> None:
    path = write(Jet__PT=ak.Array(["150", "160"]), Jet__Eta=ak.Array([0.0, 1.0]))
    found = formats.inspect(path)
    with pytest.raises(
        BranchUnusableError, match=r"'Jet\.PT', needed by 'jet1_pt', holds 'char\*'"
    ):
        formats.require(found, NEEDS)
    formats.require(found, {"Jet.Eta": "jet1_eta"})  # what is not needed does no harm


def test_weights_written_as_texts_are_refused(write: Callable[..., Path]) -> None:
    path = write(Jet__PT=ak.Array([150.0, 160.0]), Event__Weight=ak.Array(["1", "2"]))
    with pytest.raises(BranchUnusableError, match=r"'Event\.Weight', holds 'char\*', not numbers"):
        formats.require(formats.inspect(path), {**NEEDS, "Event.Weight": ""})


@pytest.mark.data
def test_no_leaf_of_real_files_is_taken_for_a_text(shared_data: Path) -> None:
    for name in ("ext_coffea_delphes.root", "full_slepton_cms.root", "full_zvvj_atlas.root"):
        assert formats.inspect(shared_data / name).no_numbers == {}


def test_a_tree_in_a_folder_is_offered_and_read(write: Callable[..., Path]) -> None:
    path = write("skim/Delphes", Jet__PT=jagged(PT))
    with pytest.raises(TreeMissingError, match=r"no tree 'Delphes'.*write 'tree: skim/Delphes'"):
        formats.inspect(path)
    assert formats.inspect(path, tree="skim/Delphes").entries == 3


def test_an_rntuple_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "rntuple.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("Delphes", {"x": np.ones(3)})
    with pytest.raises(TreeMissingError, match=r"is a ROOT::RNTuple, not a tree; write it as a TT"):
        formats.inspect(path)


def test_another_object_of_that_name_is_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "histogram.root"
    with uproot.recreate(path) as file:
        file["Delphes"] = np.histogram([1.0, 2.0])
        file["other"] = np.histogram([1.0, 2.0])
    with pytest.raises(TreeMissingError, match="'Delphes' is a TH1D, not a tree"):
        formats.inspect(path)
    with pytest.raises(TreeMissingError, match=r"the file has: Delphes \(TH1D\), other \(TH1D\)"):
        formats.inspect(path, tree="Events")
