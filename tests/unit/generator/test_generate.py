"""Generated files: what is in them, how often, and what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import awkward as ak
import numpy as np
import pytest
import uproot
from scipy import stats

from rayscan.errors import GeneratorError, SelectionEmptyError, StorageError
from rayscan.events import formats
from rayscan.generator import density, pythia
from rayscan.generator.delphes_writer import write
from rayscan.generator.generate import Generate, generate
from rayscan.generator.libraries import library
from rayscan.generator.particles import Particles, Reconstructed
from rayscan.generator.recipes import catalogue

EVENTS = 3000


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    found: ModuleType = pytest.importorskip(
        "pythia8mc", reason="needs the extra: rayscan[generate]"
    )
    return found


@pytest.fixture(scope="module")
def clustering() -> ModuleType:
    why = "needs the extra: rayscan[generate]"
    found: ModuleType = pytest.importorskip("fastjet", reason=why)
    return found


def leading(path: Path, leaf: str = "Jet.PT") -> np.ndarray:
    with uproot.open(path) as file:
        return np.asarray(ak.to_numpy(file["Delphes"][leaf].array()[:, 0]))


def test_a_file_reads_back_with_the_leaves_of_delphes(tmp_path: Path):
    path = tmp_path / "alp.root"
    generate(Generate(process="alp", events=50, source="density"), path=path, seed=1)
    with uproot.open(path) as file:
        tree = file["Delphes"]
        wanted = {f"Jet.{leaf}" for leaf in ("PT", "Eta", "Phi", "Mass", "BTag", "Flavor")}
        wanted |= {f"{e}.{leaf}" for e in ("Electron", "Muon") for leaf in ("PT", "Eta", "Phi")}
        wanted |= {"Electron.Charge", "Muon.Charge", "Event.Weight", "Event.Number"}
        wanted |= {"MissingET.MET", "MissingET.Eta", "MissingET.Phi", "ScalarHT.HT", "Jet_size"}
        assert wanted <= set(tree.keys())
        for single in ("MissingET.MET", "Event.Weight", "ScalarHT.HT"):
            assert set(ak.to_list(ak.num(tree[single].array()))) == {1}
        assert ak.all(ak.num(tree["Electron.PT"].array()) == 0)
        assert ak.all(tree["Event.Weight"].array() == 1.0)
        assert tree["Jet.PT"].array().type.content.content.primitive == "float32"


def test_a_file_of_several_clusters_has_exactly_the_events_asked_for(tmp_path: Path):
    path = tmp_path / "z.root"
    made = generate(
        Generate(process="znunu_jet", events=45_001, source="density"), path=path, seed=1
    )
    assert made.events == 45_001
    np.testing.assert_array_equal(leading(path, "Event.Number"), np.arange(45_001))
    np.testing.assert_allclose(leading(path), leading(path, "MissingET.MET"))


def test_what_was_done_is_written_beside_the_tree(tmp_path: Path):
    path = tmp_path / "z.root"
    made = generate(Generate(process="znunu_jet", events=10, source="density"), path=path, seed=77)
    with uproot.open(path) as file:
        meta = json.loads(str(file["rayscan_meta"]))
    assert meta["seed"] == 77
    assert meta["cross_section"] == made.cross_section
    assert meta["efficiency"] == made.efficiency
    assert tuple(meta["settings"]) == made.settings
    assert meta["physical"] == ["jet1_pt", "jet1_eta"]
    assert meta["normalisation"] == "lo"


def test_a_density_of_delphes_events_needs_no_level(tmp_path: Path):
    config = Generate(process="ww_2l2nu", events=100, source="density")
    made = generate(config, path=tmp_path / "w.root", seed=1)
    # 3.31 pb, of which the published selection keeps 1.5 %
    assert made.cross_section == pytest.approx(3.31 * 516 / 35_000, abs=0.003)
    with uproot.open(made.path) as file:
        meta = json.loads(str(file["rayscan_meta"]))
    assert meta["level"] == "delphes"
    assert meta["physical"] == ["mt2_lepton1_lepton2_275", "dphi_jet1_met"]
    assert "ww2l2v_001.root" in made.settings[0]


def test_seeds_decide_density_events(tmp_path: Path):
    config = Generate(process="spin1_on", events=500, source="density")
    paths = [tmp_path / name for name in ("a.root", "b.root", "c.root")]
    for path, seed in zip(paths, (5, 5, 6), strict=True):
        generate(config, path=path, seed=seed)
    first, again, other = (leading(path) for path in paths)
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).all()


def test_a_density_of_another_energy_is_refused(tmp_path: Path):
    config = Generate(process="alp", events=5, source="density")
    with pytest.raises(GeneratorError, match="14000 GeV, not 13000"):
        generate(config, path=tmp_path / "a.root", seed=1, energy=13000.0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_a_storage_error(tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    config = Generate(process="alp", events=5, source="density")
    with pytest.raises(StorageError, match="writable folder"):
        generate(config, path=tmp_path / "file" / "a.root", seed=1)


def test_the_reader_of_real_files_reads_generated_ones(tmp_path: Path):
    config = Generate(process="alp", events=100, source="density")
    made = generate(config, path=tmp_path / "a.root", seed=1)
    file = formats.inspect(made.path)
    assert file.entries == 100
    (piece,) = formats.slices(file, process="alp", name="a")
    columns = formats.read(piece, {"Jet.PT", "MissingET.MET"})
    np.testing.assert_array_equal(ak.to_numpy(columns["Jet.PT"][:, 0]), leading(made.path))


def test_a_failed_run_leaves_the_older_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.root"
    path.write_text("older")

    def broken() -> Iterator[Reconstructed]:
        yield next(density.batches(density.density("alp"), np.random.default_rng(1)))
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write(path, broken(), 30_000, dict)
    assert [p.name for p in tmp_path.iterdir()] == ["a.root"]
    assert path.read_text() == "older"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"process": "znunu_jets"}, "nearest: 'znunu_jet'"),
        ({"events": 0}, "events: 0"),
        ({"process": "ww_2l2nu"}, "expected one of shower, hadron"),
        ({"process": "ttbar", "source": "density"}, "no density of 'ttbar'"),
        ({"level": "shower", "source": "density"}, "is of level 'parton'; leave 'level' out"),
    ],
)
def test_what_cannot_be_generated_is_refused_at_once(wrong, message):
    with pytest.raises(ValueError, match=message):
        Generate(**{"process": "znunu_jet", "events": 10, **wrong})


def test_a_missing_library_says_how_to_go_on():
    with pytest.raises(GeneratorError) as caught:
        library("no_such_generator", "alp")
    assert "pip install 'rayscan[generate]'" in str(caught.value)
    assert "source: density" in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_pythia_is_available_where_it_can_be_imported(generator, clustering):
    assert pythia.missing() is None


def test_a_refused_setting_is_named(generator):
    wrong = replace(catalogue()["alp"], pythia=("Higgs:useBSMM = on",))
    with pytest.raises(GeneratorError, match="Higgs:useBSMM = on"):
        pythia.PythiaRun(wrong, "parton", seed=1, energy=14000.0)


def test_a_process_that_cannot_start_is_refused(generator):
    wrong = replace(catalogue()["alp"], pythia=("Higgs:useBSM = off",), pt_hat_min={})
    with pytest.raises(GeneratorError, match="initialise"):
        pythia.PythiaRun(wrong, "parton", seed=1, energy=14000.0)


def test_a_preselection_that_nothing_passes_ends(generator):
    recipe = catalogue()["znunu_jet"]
    wrong = replace(recipe, preselection=replace(recipe.preselection, met_min=1e5))
    run = pythia.PythiaRun(wrong, "parton", seed=1, energy=14000.0, patience=5000)
    with pytest.raises(SelectionEmptyError, match="generated: 5000"):
        list(run.batches())


def test_the_background_has_the_measured_cross_section(generator, tmp_path: Path):
    # 59.97 pb: 87.58 pb x 0.6848 of 200,000 events with another program around the same Pythia
    # settings (14 TeV, pTHat > 115 GeV, jet pT > 130 GeV, |eta| < 5, MET > 30 GeV)
    config = Generate(process="znunu_jet", events=10_000)
    made = generate(config, path=tmp_path / "z.root", seed=3)
    theirs = 59.97 * np.sqrt(1.0 / 200_000 + (1.0 - 0.6848) / 200_000)
    assert 0.1 < made.cross_section_error < 1.0
    assert abs(made.cross_section - 59.97) < 4.0 * np.hypot(made.cross_section_error, theirs)
    pt = leading(made.path)
    assert len(pt) == 10_000
    assert pt.min() > 130.0
    assert leading(made.path, "MissingET.MET").min() > 30.0


@pytest.fixture(scope="module")
def benchmarks(generator, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("benchmarks")
    names = ["znunu_jet", "alp", "spin0_on", "spin1_on", "spin2_on"]
    for name in names:
        config = Generate(process=name, events=EVENTS)
        generate(config, path=folder / f"{name}.root", seed=4)
    return {name: folder / f"{name}.root" for name in names}


def test_mean_pt_grows_from_background_to_spin_two(benchmarks: dict[str, Path]):
    means = [leading(path).mean() for path in benchmarks.values()]
    assert means == sorted(means)


@pytest.mark.parametrize("name", ["znunu_jet", "alp", "spin0_on", "spin1_on", "spin2_on"])
def test_densities_agree_with_pythia(benchmarks: dict[str, Path], name: str):
    table = density.density(name)
    pt, eta = table.sample(np.random.default_rng(1), 200_000)
    # the sample, the table and Pythia fluctuate; cells add at most 0.004 of shape
    size = np.sqrt(1.0 / EVENTS + 1.0 / 200_000 + 1.0 / table.counts.sum())
    bound = stats.kstwobign.isf(1e-5) * size + 0.004
    assert stats.ks_2samp(leading(benchmarks[name]), pt).statistic < bound
    assert stats.ks_2samp(leading(benchmarks[name], "Jet.Eta"), eta).statistic < bound


def test_seeds_decide_pythia_events(benchmarks: dict[str, Path], tmp_path: Path):
    config = Generate(process="znunu_jet", events=EVENTS)
    again = generate(config, path=tmp_path / "again.root", seed=4)
    other = generate(config, path=tmp_path / "other.root", seed=5)
    with uproot.open(again.path) as new, uproot.open(benchmarks["znunu_jet"]) as old:
        for leaf in ("Jet.PT", "Jet.Eta", "Jet.BTag", "MissingET.MET", "MissingET.Phi"):
            assert ak.array_equal(new["Delphes"][leaf].array(), old["Delphes"][leaf].array())
    assert not np.isin(leading(other.path), leading(again.path)).any()


def test_a_wide_mediator_is_sampled_alike_by_every_seed(generator):
    # with a fixed maximum of the phase-space weights these two seeds gave 0.32 and 0.38
    accepted = []
    for seed in (7, 8):
        run = pythia.PythiaRun(catalogue()["spin0_ps"], "parton", seed=seed, energy=14000.0)
        next(run.batches())
        accepted.append(run.efficiency)
    share = np.mean(accepted)
    assert abs(accepted[0] - accepted[1]) < 5.0 * np.sqrt(2.0 * share * (1.0 - share) / 5000)


def test_nothing_is_printed(generator, clustering, tmp_path: Path, capfd):
    config = Generate(process="znunu_jet", events=1, level="shower")
    generate(config, path=tmp_path / "s.root", seed=6)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("level", ["shower", "hadron"])
def test_showered_events_have_more_jets_and_still_balance(generator, clustering, tmp_path, level):
    config = Generate(process="znunu_jet", events=150, level=level)
    made = generate(config, path=tmp_path / "s.root", seed=6)
    with uproot.open(made.path) as file:
        number = ak.num(file["Delphes"]["Jet.PT"].array())
    assert ak.mean(number) > 1.3
    pull = leading(made.path, "MissingET.MET") / leading(made.path)
    assert 0.7 < np.median(pull) < 1.3


def test_lepton_pairs_of_both_flavours_pass_the_slepton_preselection(
    generator, clustering, tmp_path: Path
):
    config = Generate(process="ww_2l2nu", events=20, level="shower")
    made = generate(config, path=tmp_path / "ww.root", seed=7)
    with uproot.open(made.path) as file:
        tree = file["Delphes"]
        electrons, muons = (ak.num(tree[f"{e}.PT"].array()) for e in ("Electron", "Muon"))
    pairs = {(int(e), int(m)) for e, m in zip(electrons, muons, strict=True)}
    assert pairs == {(2, 0), (0, 2)}


def test_sleptons_start_from_their_spectrum_file(generator, clustering):
    run = pythia.PythiaRun(catalogue()["slepton_280_275"], "shower", seed=1, energy=14000.0)
    next(run.batches())
    # total without the cut on the hard process: 0.0056 pb
    total = run._pythia.infoPython().sigmaGen() * 1e9
    assert 0.003 < total < 0.0057


def test_turning_electrons_into_muons_keeps_charges_and_other_particles():
    code = np.array([11, -12, 21, -11, 12])
    none = np.zeros(5)
    made = Particles(
        event=np.array([0, 0, 0, 1, 1]), pdg_id=code, px=none, py=none, pz=none, energy=none
    )
    turned = pythia.half_as_muons(made, np.array([True, False]))
    np.testing.assert_array_equal(turned.pdg_id, [13, -14, 21, -11, 12])


def test_hard_process_settings_depend_on_the_level():
    recipe = catalogue()["znunu_jet"]
    parton = pythia.settings(recipe, "parton", seed=1, energy=14000.0)
    shower = pythia.settings(recipe, "shower", seed=1, energy=14000.0)
    assert "PhaseSpace:pTHatMin = 115" in parton
    assert "PhaseSpace:pTHatMin = 100" in shower
    assert [line for line in parton if "seed" in line.lower()] != [
        line for line in shower if "seed" in line.lower()
    ]
