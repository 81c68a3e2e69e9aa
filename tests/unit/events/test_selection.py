"""The selection of a slice and its cut flow."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter, ValidationError

from rayscan.errors import BranchMissingError, WeightBranchError
from rayscan.events import formats, selection, table
from rayscan.events.observables.names import ObjectCuts, Objects
from rayscan.events.selection import CutFlow, Selection, Step
from rayscan.events.weights import Weights

Write = Callable[..., Path]
MONOJET = Selection(
    objects=Objects(jets=ObjectCuts(pt_min=30, abs_eta_max=4.5)),
    cuts=("jet1_pt > 130", "abs(jet1_eta) < 2.5", "n_leptons == 0", "met > 100"),
)
COLUMNS = ("jet1_pt", "jet1_eta", "met", "dphi_jet1_met", "n_jets", "jet2_pt")
FILE = {
    "Jet": {"PT": [[200.0, 50.0], [], [131.0], [130.0], [300.0]]},
    "MissingET": {"MET": [[210.0], [5.0], [120.0], [400.0], [90.0]]},
    "Event": {"Weight": [[2.0], [1.0], [3.0], [1.0], [0.5]]},
}


def whole(path: Path, *, most: int = 20_000, process: str = "zvvj") -> tuple[formats.Slice, ...]:
    return formats.slices(
        formats.inspect(path), process=process, name=path.stem, entries_per_slice=most
    )


def test_a_selection_keeps_the_events_that_pass_every_cut(write_delphes: Write) -> None:
    (piece,) = whole(write_delphes(FILE))
    chosen = Selection(cuts=("jet1_pt > 130", "met >= 120"))
    found, flow = selection.select(piece, selection=chosen, observables=["met", "jet1_pt"])
    assert found.schema.equals(table.cached(["met", "jet1_pt"]), check_metadata=True)
    assert found.drop_columns(["content", "content_bits"]).to_pydict() == {
        "process": ["zvvj", "zvvj"],
        "file": ["made", "made"],
        "entry": [0, 2],
        "weight": [2.0, 3.0],
        "met": [210.0, 120.0],
        "jet1_pt": [200.0, 131.0],
    }
    assert flow == CutFlow(
        process="zvvj",
        steps=(
            Step(cut="all", events=5, sum_weights=7.5, sum_weights_squared=15.25),
            Step(cut="jet1_pt > 130", events=3, sum_weights=5.5, sum_weights_squared=13.25),
            Step(cut="met >= 120", events=2, sum_weights=5.0, sum_weights_squared=13.0),
        ),
        weights=Weights(
            events=5, total=7.5, absolute=7.5, squares=15.25, negative=0, largest=3.0, entry=2
        ),
        selected=Weights(
            events=2, total=5.0, absolute=5.0, squares=13.0, negative=0, largest=3.0, entry=2
        ),
    )


def test_without_cuts_every_event_stays(write_delphes: Write) -> None:
    (piece,) = whole(write_delphes(FILE))
    found, flow = selection.select(piece, selection=Selection(), observables=["jet1_pt"])
    assert found["entry"].to_pylist() == list(range(5))
    assert np.isnan(found["jet1_pt"].to_numpy()[1])
    assert [step.events for step in flow.steps] == [5]


@pytest.mark.data
@pytest.mark.parametrize("most", [7, 13, 39])
def test_slicing_a_file_differently_gives_the_same_table(shared_data: Path, most: int) -> None:
    path = shared_data / "full_zvvj_atlas.root"
    (piece,) = whole(path)
    one, flow = selection.select(piece, selection=MONOJET, observables=COLUMNS)
    parts = [
        selection.select(p, selection=MONOJET, observables=COLUMNS) for p in whole(path, most=most)
    ]
    many = pa.concat_tables([part for part, _ in parts]).drop_columns(["content_bits"])
    one = one.drop_columns(["content_bits"])  # how much is told is measured slice by slice
    assert one.to_pandas().equals(many.to_pandas())
    assert selection.add([part for _, part in parts]) == flow


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["zvvj_001.root", "ww2l2v_001.root", "ext_coffea_delphes.root", "full_slepton_cms.root"],
)
def test_the_table_agrees_with_its_own_cuts(shared_data: Path, name: str) -> None:
    (piece,) = whole(shared_data / name)
    every, _ = selection.select(
        piece, selection=Selection(objects=MONOJET.objects), observables=[*COLUMNS, "n_leptons"]
    )
    kept, flow = selection.select(piece, selection=MONOJET, observables=COLUMNS)
    frame = every.to_pandas()
    by_hand = frame[
        (frame.jet1_pt > 130)
        & (frame.jet1_eta.abs() < 2.5)
        & (frame.n_leptons == 0)
        & (frame.met > 100)
    ]
    assert kept["entry"].to_pylist() == by_hand.entry.tolist()
    assert flow.steps[0].events == len(frame)
    assert flow.steps[-1].events == len(by_hand)
    assert flow.steps[-1].sum_weights == pytest.approx(by_hand.weight.sum(), rel=1e-12)


@pytest.mark.data
def test_the_weights_of_a_biased_sample_sum_to_what_its_maker_says(shared_data: Path) -> None:
    (piece,) = whole(shared_data / "zvvj_biased.root")
    _, flow = selection.select(piece, selection=Selection(), observables=[])
    assert flow.steps[0].sum_weights == pytest.approx(3299.34, abs=0.005)


@pytest.mark.data
def test_a_slice_is_selected_alike_in_another_process(shared_data: Path) -> None:
    (piece,) = whole(shared_data / "full_slepton_cms.root")
    chosen = pickle.loads(pickle.dumps((piece, MONOJET)))
    assert chosen == (piece, MONOJET)


def test_a_cut_on_a_branch_the_file_lacks_says_which_observable_needs_it(
    write_delphes: Write,
) -> None:
    (piece,) = whole(write_delphes(FILE))
    with pytest.raises(BranchMissingError, match=r"no branch 'Muon\.PT', needed by 'muon1_pt'"):
        selection.select(piece, selection=Selection(cuts=("muon1_pt > 10",)), observables=["met"])
    with pytest.raises(BranchMissingError, match="needed by 'jet1_eta'"):
        selection.select(piece, selection=Selection(), observables=["met", "jet1_eta"])


def test_an_event_without_a_weight_is_broken(write_delphes: Write) -> None:
    path = write_delphes({**FILE, "Event": {"Weight": [[2.0], [], [3.0], [1.0], [0.5]]}})
    (piece,) = whole(path)
    found, flow = selection.select(piece, selection=Selection(), observables=[])
    assert found["entry"].to_pylist() == [0, 2, 3, 4]
    assert (flow.broken, flow.broken_columns) == (1, {"Event.Weight": 1})


def test_broken_events_are_in_neither_the_table_nor_the_sums(write_delphes: Write) -> None:
    broken = {
        "Jet": {"PT": [[200.0, 50.0], [np.inf], [131.0, -7.0], [130.0], [300.0]]},
        "MissingET": {"MET": [[210.0], [5.0], [120.0], [np.nan], [90.0]]},
        "Event": {"Weight": [[2.0], [1.0], [3.0], [1.0], [0.5]]},
    }
    (piece,) = whole(write_delphes(broken))
    chosen = Selection(cuts=("jet1_pt > 130", "met >= 120"))
    found, flow = selection.select(piece, selection=chosen, observables=["met", "jet1_pt"])
    assert found["entry"].to_pylist() == [0]
    assert [(s.cut, s.events, s.sum_weights) for s in flow.steps] == [
        ("all", 2, 2.5),
        ("jet1_pt > 130", 2, 2.5),
        ("met >= 120", 1, 2.0),
    ]
    assert (flow.broken, flow.broken_columns) == (3, {"Jet.PT": 2, "MissingET.MET": 1})
    shown = selection.with_broken(flow)
    assert [(s.cut, s.events, s.sum_weights) for s in shown.steps[:2]] == [
        ("all", 5, 2.5),
        ("not broken", 2, 2.5),
    ]
    # A value that no cut and no observable needs is not looked at.
    _, flow = selection.select(piece, selection=Selection(), observables=["met"])
    assert flow.broken_columns == {"MissingET.MET": 1}


def test_weights_of_another_branch_are_read_if_that_is_asked_for(write_delphes: Write) -> None:
    path = write_delphes({**FILE, "Weight": {"Weight": [[9.0, w] for w in range(5)]}})
    for asked, total in (("Weight.Weight[1]", 10.0), ("Weight.Weight", 45.0), ("none", 5.0)):
        (piece,) = formats.slices(formats.inspect(path), process="zvvj", name="made", weight=asked)
        _, flow = selection.select(piece, selection=Selection(), observables=["met"])
        assert flow.steps[0].sum_weights == total
    (piece,) = formats.slices(
        formats.inspect(path), process="zvvj", name="made", weight="Weight.Weight[2]"
    )
    with pytest.raises(WeightBranchError, match=r"no event weights 'Weight\.Weight\[2\]'"):
        selection.select(piece, selection=Selection(), observables=["met"])


def test_cut_flows_add_up(write_delphes: Write) -> None:
    flow = CutFlow(
        process="a", steps=(Step(cut="all", events=2, sum_weights=3.0, sum_weights_squared=5.0),)
    )
    assert selection.add([flow, flow]).steps[0] == Step(
        cut="all", events=4, sum_weights=6.0, sum_weights_squared=10.0
    )
    other = CutFlow(process="b", steps=flow.steps)
    for wrong in ([], [flow, other]):
        with pytest.raises(ValueError, match="expected one process"):
            selection.add(wrong)


# --- as configuration -------------------------------------------------------------------------


def test_a_selection_is_structured_from_plain_data() -> None:
    plain = {
        "objects": {"jets": {"pt_min": 30, "abs_eta_max": 4.5}},
        "cuts": list(MONOJET.cuts),
    }
    assert TypeAdapter(Selection).validate_python(plain) == MONOJET
    assert TypeAdapter(Selection).validate_python({}) == Selection()
    dumped = TypeAdapter(Selection).dump_python(MONOJET, mode="json")
    assert TypeAdapter(Selection).validate_python(dumped) == MONOJET


def test_a_wrong_cut_in_a_scan_file_is_named_by_its_place() -> None:
    with pytest.raises(ValidationError, match=r"cuts\[1\]: 'jet1_pT' is .*nearest: 'jet1_pt'"):
        TypeAdapter(Selection).validate_python({"cuts": ["met > 3", "jet1_pT > 3"]})
