"""Taus and b-jets are objects of their own: no cut on jets hides them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from rayscan.events import formats
from rayscan.events.observables import names as observables
from rayscan.events.observables.names import ObjectCuts, Objects
from rayscan.events.selection import Selection, select
from rayscan.keys import digest

HARD = ObjectCuts(pt_min=30.0, abs_eta_max=2.4)
JETS = Objects(jets=HARD)


@pytest.fixture
def columns() -> dict[str, ak.Array]:
    """An event whose soft jet is a tau and whose forward jet is a b-jet; one without jets."""
    return {
        "Jet.PT": ak.Array([[80.0, 40.0, 22.0], []]),
        "Jet.Eta": ak.Array([[0.1, -3.0, 1.0], []]),
        "Jet.BTag": ak.Array([[0, 1, 2], []]),
        "Jet.TauTag": ak.Array([[2, 0, 1], []]),
    }


@pytest.mark.parametrize(
    ("objects", "bjets", "taus"),
    [
        (JETS, 1, 1),
        (replace(JETS, bjets=HARD, taus=HARD), 0, 0),
        (replace(JETS, taus=ObjectCuts(pt_min=22.0, abs_eta_max=1.0)), 1, 1),
        (replace(JETS, taus=ObjectCuts(pt_min=22.1), bjets=ObjectCuts(abs_eta_max=2.9)), 0, 0),
    ],
)
def test_tagged_jets_have_cuts_of_their_own(columns, objects, bjets, taus) -> None:
    found = observables.compute(["n_jets", "n_bjets", "n_taus", "tau1_pt"], columns, objects)
    assert found["n_jets"].tolist() == [1.0, 0.0]
    assert found["n_bjets"].tolist() == [bjets, 0.0]
    assert found["n_taus"].tolist() == [taus, 0.0]
    np.testing.assert_array_equal(found["tau1_pt"], [22.0 if taus else np.nan, np.nan])


def test_a_tag_is_read_only_where_something_is_made_of_it() -> None:
    assert set(observables.needs(["n_jets", "jet1_eta"], JETS)) == {"Jet.PT", "Jet.Eta"}
    assert set(observables.needs(["n_taus"], JETS)) == {"Jet.PT", "Jet.TauTag"}
    own = replace(JETS, taus=ObjectCuts(abs_eta_max=2.5))
    assert set(observables.needs(["n_taus"], own)) == {"Jet.PT", "Jet.Eta", "Jet.TauTag"}


@pytest.mark.data
@pytest.mark.parametrize("taus", [ObjectCuts(), ObjectCuts(pt_min=20.0, abs_eta_max=2.5), HARD])
@pytest.mark.parametrize("name", ["slepton_280_275.root", "ww2l2v_001.root", "top/ttbar_001.root"])
def test_a_veto_on_real_files_is_that_of_a_reading_by_hand(
    shared_data: Path, name: str, taus: ObjectCuts
) -> None:
    bjets = ObjectCuts(pt_min=30.0, abs_eta_max=2.4)
    objects = Objects(jets=ObjectCuts(pt_min=60.0, abs_eta_max=2.4), bjets=bjets, taus=taus)
    chosen = Selection(objects=objects, cuts=("n_taus == 0", "n_bjets == 0", "n_jets == 1"))
    (piece,) = formats.slices(formats.inspect(shared_data / name), process="p", name="f")
    table, flow = select(piece, selection=chosen, observables=["jet1_pt"])

    leaves = [f"Jet.{leaf}" for leaf in ("PT", "Eta", "BTag", "TauTag")]
    with uproot.open(shared_data / name) as file:
        jets = file["Delphes"].arrays(leaves)
    pt, eta = jets["Jet.PT"], abs(jets["Jet.Eta"])

    def number(cuts: ObjectCuts, tag: ak.Array) -> ak.Array:
        most = np.inf if cuts.abs_eta_max is None else cuts.abs_eta_max
        return ak.sum((pt >= cuts.pt_min) & (eta <= most) & tag, axis=1)

    no_tau = number(taus, jets["Jet.TauTag"] & 1 == 1) == 0
    no_b = number(bjets, jets["Jet.BTag"] & 1 == 1) == 0
    hard = (pt >= 60.0) & (eta <= 2.4)
    one = ak.sum(hard, axis=1) == 1
    steps = [no_tau, no_tau & no_b, no_tau & no_b & one]
    assert [step.events for step in flow.steps[1:]] == [int(ak.sum(each)) for each in steps]
    np.testing.assert_array_equal(table["jet1_pt"], ak.to_numpy(pt[hard][steps[-1]][:, 0]))
    if taus == ObjectCuts():  # what the cut on jets would have missed is there
        behind = number(objects.jets, jets["Jet.TauTag"] & 1 == 1) == 0
        assert ak.sum(behind & ~no_tau) > 0


OLD = [
    # digests of selections before tagged jets had cuts of their own
    (Selection(objects=JETS, cuts=("n_jets == 1",)), "97cc40b579bdac9e2ccd"),
    (Selection(cuts=("n_bjets == 0",)), "27c82175d28d5327b2d3"),
    (
        Selection(objects=Objects(jets=HARD, bjets=HARD), cuts=("n_bjets == 0",)),
        "d66ed8c40a2f74eae1c4",
    ),
]


@pytest.mark.parametrize(("selection", "key"), OLD)
def test_what_gives_the_events_of_before_keeps_its_key(selection: Selection, key: str) -> None:
    assert digest(selection.key(["jet1_pt"])) == key


def test_what_gives_other_events_has_another_key() -> None:
    veto = Selection(objects=JETS, cuts=("n_taus == 0",))
    old = Selection(objects=replace(JETS, taus=HARD), cuts=("n_taus == 0",))
    soft = Selection(objects=replace(JETS, taus=ObjectCuts(pt_min=20)), cuts=("n_taus == 0",))
    assert len({digest(each.key(["jet1_pt"])) for each in (veto, old, soft)}) == 3
    unused = replace(soft, cuts=("n_jets == 1",))
    assert unused.key(["jet1_pt"]) == replace(veto, cuts=("n_jets == 1",)).key(["jet1_pt"])
    # a tau as a feature counts as much as one in a cut
    assert unused.key(["tau1_pt"]) != unused.key(["jet1_pt"])
