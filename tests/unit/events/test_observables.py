"""Observables against a plain Python loop over events."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from rayscan.events import formats
from rayscan.events.observables import names as observables
from rayscan.events.observables.names import ObjectCuts, Objects

NAMES = (
    *(f"jet{n}_{p}" for n in (1, 2, 3) for p in ("pt", "eta", "phi", "mass", "btag")),
    *(f"{k}{n}_{p}" for k in ("electron", "muon") for n in (1, 2) for p in ("pt", "charge")),
    *(f"lepton{n}_{p}" for n in (1, 2) for p in ("pt", "eta", "phi", "charge", "flavour")),
    *(f"{k}{n}_{p}" for k in ("bjet", "tau") for n in (1, 2) for p in ("pt", "eta", "mass")),
    *("dphi_bjet1_met", "dr_tau1_jet1", "m_bjet1_bjet2"),
    *("n_jets", "n_bjets", "n_taus", "n_electrons", "n_muons", "n_leptons", "n_sfos"),
    *("met", "met_phi", "ht"),
    *("dphi_jet1_met", "dphi_jet1_jet2", "deta_jet1_jet2", "dr_lepton1_jet1", "deta_muon1_jet1"),
    *(
        "m_lepton1_lepton2",
        "m_jet1_jet2",
        "m_electron1_jet1",
        "m_muon1_muon2",
        "mt_lepton1_met",
        "mt_jet1_met",
    ),
)
CUTS = Objects(
    jets=ObjectCuts(pt_min=30.0, abs_eta_max=2.4),
    bjets=ObjectCuts(pt_min=50.0),
    taus=ObjectCuts(pt_min=20.0, abs_eta_max=2.5),
    electrons=ObjectCuts(pt_min=10.0, abs_eta_max=2.4),
    muons=ObjectCuts(pt_min=15.0),
)
FLOAT32 = 2.0**-23  # the table's resolution; both sides compute in float64


# --- the oracle: one event at a time, from scratch -------------------------------------------

Particle = dict[str, float]


def brute_force(event: dict[str, list[float]], objects: Objects) -> dict[str, float]:
    jet = ("Mass", "BTag", "TauTag")
    groups = {
        "jet": chosen(event, "Jet", objects.jets, jet),
        "bjet": [j for j in chosen(event, "Jet", objects.bjets, jet) if int(j["btag"]) & 1],
        "tau": [j for j in chosen(event, "Jet", objects.taus, jet) if int(j["tautag"]) & 1],
        "electron": chosen(event, "Electron", objects.electrons, ("Charge",)),
        "muon": chosen(event, "Muon", objects.muons, ("Charge",)),
    }
    for kind, code, mass in (("electron", 11, 0.51099895e-3), ("muon", 13, 0.1056583755)):
        for particle in groups[kind]:
            particle |= {"flavour": code, "mass": mass}
    groups["lepton"] = sorted(
        [*groups["electron"], *groups["muon"]], key=lambda particle: -particle["pt"]
    )
    met = {"pt": event["MissingET.MET"][0], "phi": event["MissingET.Phi"][0]}
    return {name: valued(name, groups, met) for name in NAMES}


def chosen(
    event: dict[str, list[float]], kind: str, cuts: ObjectCuts, extra: tuple[str, ...]
) -> list[Particle]:
    out = []
    for k, pt in enumerate(event[f"{kind}.PT"]):
        eta = event[f"{kind}.Eta"][k]
        if pt >= cuts.pt_min and (cuts.abs_eta_max is None or abs(eta) <= cuts.abs_eta_max):
            particle = {"pt": pt, "eta": eta, "phi": event[f"{kind}.Phi"][k]}
            particle |= {name.lower(): event[f"{kind}.{name}"][k] for name in extra}
            out.append(particle)
    return sorted(out, key=lambda particle: -particle["pt"])


def valued(name: str, groups: dict[str, list[Particle]], met: Particle) -> float:
    plain = {"met": met["pt"], "met_phi": met["phi"]}
    plain["ht"] = sum(jet["pt"] for jet in groups["jet"])
    if name in plain:
        return plain[name]
    if name.startswith("n_"):
        return counted(name, groups)
    first, _, second = name.rpartition("_")
    if "_" in first:
        relation, _, one = first.partition("_")
        a, b = picked(one, groups, met), picked(second, groups, met)
        return math.nan if a is None or b is None else related(relation, a, b)
    particle = picked(first, groups, met)
    if particle is None:
        return math.nan
    return float(int(particle["btag"]) & 1) if second == "btag" else particle[second]


def counted(name: str, groups: dict[str, list[Particle]]) -> float:
    if name == "n_sfos":
        found = groups["lepton"]
        return sum(
            found[i]["flavour"] == found[j]["flavour"]
            and found[i]["charge"] * found[j]["charge"] < 0
            for i in range(len(found))
            for j in range(i)
        )
    return len(groups[name[2:-1]])


def picked(item: str, groups: dict[str, list[Particle]], met: Particle) -> Particle | None:
    if item == "met":
        return met
    found, rank = groups[item[:-1]], int(item[-1])
    return found[rank - 1] if len(found) >= rank else None


def related(relation: str, a: Particle, b: Particle) -> float:
    dphi = abs(a["phi"] - b["phi"])
    dphi = min(dphi, 2 * math.pi - dphi)
    if relation == "dphi":
        return dphi
    if relation == "mt":
        return math.sqrt(2 * a["pt"] * b["pt"] * (1 - math.cos(dphi)))
    deta = abs(a["eta"] - b["eta"])
    if relation in ("deta", "dr"):
        return deta if relation == "deta" else math.sqrt(deta**2 + dphi**2)
    total = [x + y for x, y in zip(momentum(a), momentum(b), strict=True)]
    return math.sqrt(max(total[0] ** 2 - sum(p**2 for p in total[1:]), 0.0))


def momentum(a: Particle) -> tuple[float, float, float, float]:
    px, py, pz = (
        a["pt"] * math.cos(a["phi"]),
        a["pt"] * math.sin(a["phi"]),
        a["pt"] * math.sinh(a["eta"]),
    )
    return math.sqrt(px**2 + py**2 + pz**2 + a["mass"] ** 2), px, py, pz


def energy(event: dict[str, list[float]]) -> float:
    """Sum of everything [GeV]: the scale of rounding."""
    seen = event["MissingET.MET"][0]
    for kind in ("Jet", "Electron", "Muon"):
        pairs = zip(event[f"{kind}.PT"], event[f"{kind}.Eta"], strict=True)
        seen += sum(pt * math.cosh(eta) for pt, eta in pairs)
    return seen + sum(event["Jet.Mass"])


def assert_agrees(columns: dict[str, ak.Array], objects: Objects) -> None:
    found = observables.compute(NAMES, columns, objects)
    listed = {name: column.tolist() for name, column in columns.items()}
    for k in range(len(found["met"])):
        event = {name: values[k] for name, values in listed.items()}
        expected = brute_force(event, objects)
        # A mass is the root of a difference of squares: its square carries a few roundings of E^2.
        slack = math.sqrt(32 * 2.0**-52) * energy(event)
        for name in NAMES:
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(
                found[name][k],
                expected[name],
                rtol=4 * FLOAT32,
                atol=slack if name.startswith(("m_", "mt_")) else 2 * FLOAT32 * math.pi,
                err_msg=f"event {k}, {name}",
            )


@pytest.mark.data
@pytest.mark.parametrize("objects", [Objects(), CUTS], ids=["all objects", "cut objects"])
@pytest.mark.parametrize(
    "file", ["full_slepton_cms.root", "full_zvvj_atlas.root", "ext_coffea_delphes.root"]
)
def test_every_observable_agrees_with_a_loop_over_events(
    shared_data: Path, file: str, objects: Objects
) -> None:
    inspected = formats.inspect(shared_data / file)
    (piece,) = formats.slices(inspected, process="p", name="f")
    assert_agrees(formats.read(piece, ALL_BRANCHES), objects)


ALL_BRANCHES = observables.needs(NAMES, CUTS).keys() | observables.needs(["muon1_eta"], CUTS).keys()


@st.composite
def jagged(draw: st.DrawFn) -> dict[str, ak.Array]:
    """Events with up to three objects of each kind, in any order of pT."""
    size = draw(st.integers(1, 5))
    single = st.floats(width=32, min_value=-3.0, max_value=3.0)
    kinds = {
        "PT": st.floats(width=32, min_value=1.0, max_value=500.0),
        "Eta": single,
        "Phi": single,
        "Mass": st.floats(width=32, min_value=0.0, max_value=50.0),
        "BTag": st.integers(0, 7),
        "TauTag": st.integers(0, 3),
        "Charge": st.sampled_from([-1, 1]),
    }
    leaves = {
        "Jet": ("PT", "Eta", "Phi", "Mass", "BTag", "TauTag"),
        "Electron": ("PT", "Eta", "Phi", "Charge"),
        "Muon": ("PT", "Eta", "Phi", "Charge"),
    }
    columns: dict[str, Any] = {}
    for kind, names in leaves.items():
        counts = draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
        for name in names:
            flat = [draw(st.lists(kinds[name], min_size=n, max_size=n)) for n in counts]
            dtype = np.int32 if name in ("BTag", "TauTag", "Charge") else np.float32
            columns[f"{kind}.{name}"] = ak.values_astype(ak.Array([*flat, [1]])[:-1], dtype)
    for name in ("MET", "Phi"):
        values = draw(
            st.lists(kinds["PT" if name == "MET" else name], min_size=size, max_size=size)
        )
        columns[f"MissingET.{name}"] = ak.Array(np.asarray(values, dtype=np.float32)[:, None])
    return columns


@settings(max_examples=60, deadline=None)
@given(columns=jagged(), cut=st.booleans())
def test_observables_agree_with_a_loop_for_any_events(
    columns: dict[str, ak.Array], cut: bool
) -> None:
    assert_agrees(columns, CUTS if cut else Objects())


# --- small cases by hand ----------------------------------------------------------------------


def columns_of(**leaves: list[list[float]]) -> dict[str, ak.Array]:
    return {name.replace("__", "."): ak.Array(values) for name, values in leaves.items()}


def test_an_absent_object_is_not_a_number_and_counts_as_none() -> None:
    columns = columns_of(Jet__PT=[[], [50.0, 20.0]])
    found = observables.compute(["jet1_pt", "jet2_pt", "n_jets", "ht"], columns, Objects())
    np.testing.assert_array_equal(found["jet1_pt"], np.float32([np.nan, 50.0]))
    np.testing.assert_array_equal(found["jet2_pt"], np.float32([np.nan, 20.0]))
    np.testing.assert_array_equal(found["n_jets"], np.float32([0, 2]))
    np.testing.assert_array_equal(found["ht"], np.float32([0, 70]))


def test_only_the_lowest_bit_of_the_b_tag_counts() -> None:
    columns = columns_of(Jet__PT=[[50.0, 40.0, 30.0]], Jet__BTag=[[2, 3, 6]])
    found = observables.compute(["jet1_btag", "jet2_btag", "n_bjets"], columns, Objects())
    assert [float(values[0]) for values in found.values()] == [0.0, 1.0, 1.0]


def test_objects_are_ordered_by_pt_whatever_the_file_does() -> None:
    columns = columns_of(Jet__PT=[[20.0, 90.0, 50.0]], Jet__Eta=[[0.1, 0.2, 0.3]])
    found = observables.compute(["jet1_eta", "jet2_eta", "jet3_eta"], columns, Objects())
    np.testing.assert_allclose([v[0] for v in found.values()], [0.2, 0.3, 0.1], rtol=1e-6)


def test_an_object_at_the_boundary_of_the_cuts_counts() -> None:
    columns = {
        "Jet.PT": ak.Array(np.float32([[30.1, 30.0]])),
        "Jet.Eta": ak.Array(np.float32([[2.4, 0.0]])),
    }
    objects = Objects(jets=ObjectCuts(pt_min=30.1, abs_eta_max=2.4))
    assert observables.compute(["n_jets"], columns, objects)["n_jets"][0] == 1


def test_missing_energy_may_be_a_plain_number_per_event() -> None:
    columns = {"MissingET.MET": ak.Array(np.float32([10.0, 20.0]))}
    found = observables.compute(["met"], columns, Objects())
    np.testing.assert_array_equal(found["met"], np.float32([10.0, 20.0]))


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "jet12_pt", "dphi_lepton1_lepton2", "dr_jet1_jet9"])
def test_a_valid_name_has_a_unit_and_a_meaning(name: str) -> None:
    observables.check(name)
    unit, meaning = observables.describe(name)
    assert unit in {"GeV", "rad", "1", "e"}
    assert meaning


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("jet1_pT", "jet1_pt"),
        ("Jet1_PT", "jet1_pt"),
        ("jet5_et", "jet5_eta"),
        ("njets", "n_jets"),
        ("MET", "met"),
        ("dphi_jet1_mett", "dphi_jet1_met"),
        ("mll_lepton1_lepton2", "m_lepton1_lepton2"),
        ("mt_lepton1_lepton2", "m_lepton1_lepton2"),
        ("electron1_flavour", "lepton1_flavour"),
    ],
)
def test_a_wrong_name_is_refused_with_the_nearest(wrong: str, right: str) -> None:
    with pytest.raises(ValueError, match="no observable") as caught:
        observables.check(wrong)
    assert f"nearest: '{right}'" in str(caught.value)
    assert right in observables.names_hint(wrong)


@pytest.mark.parametrize(
    "name", ["jet0_pt", "jet_pt", "dr_jet1_met", "m_jet1_jet1", "jet100_pt", ""]
)
def test_a_name_that_means_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no observable"):
        observables.check(name)


@pytest.mark.parametrize(
    "name", ["genmet", "gen_met", "process_id", "cross_section", "event_processid"]
)
def test_truth_is_never_an_observable(name: str) -> None:
    with pytest.raises(ValueError, match="truth quantities tell signal from background"):
        observables.check(name)


def test_no_observable_reads_a_truth_branch() -> None:
    read = observables.needs(NAMES, CUTS).keys()
    assert not [b for b in read if b.startswith(("Gen", "Event", "Particle", "Weight"))]


def test_only_what_is_needed_is_read() -> None:
    assert observables.needs(["n_jets"], Objects()).keys() == {"Jet.PT"}
    assert observables.needs(["n_jets"], CUTS).keys() == {"Jet.PT", "Jet.Eta"}
    assert observables.needs(["met_phi"], CUTS).keys() == {"MissingET.Phi"}
    assert observables.needs(["m_electron1_electron2"], Objects()).keys() == {
        "Electron.PT",
        "Electron.Eta",
        "Electron.Phi",
    }


def test_each_branch_knows_who_needs_it() -> None:
    assert observables.needs(["met", "jet1_pt", "ht"], Objects()) == {
        "MissingET.MET": "met",
        "Jet.PT": "jet1_pt",
    }


@pytest.mark.data
def test_what_is_read_suffices_for_each_observable_alone(shared_data: Path) -> None:
    tree = uproot.open(shared_data / "full_slepton_cms.root")["Delphes"]
    for name in NAMES:
        columns = {b: tree[b].array() for b in observables.needs([name], CUTS)}
        assert observables.compute([name], columns, CUTS)[name].shape == (30,)


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (ObjectCuts, {"pt_min": -1.0}, "pt_min: -1.0, expected"),
        (ObjectCuts, {"pt_min": math.nan}, "pt_min: nan, expected"),
        (ObjectCuts, {"abs_eta_max": 0.0}, "abs_eta_max: 0.0, expected"),
        (ObjectCuts, {"abs_eta_max": math.inf}, "abs_eta_max: inf, expected"),
    ],
)
def test_impossible_object_cuts_are_refused(
    kind: type[ObjectCuts], values: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**values)
