"""Events from density tables."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rayscan.events import formats
from rayscan.events.observables.names import ObjectCuts, Objects
from rayscan.events.selection import Selection, select
from rayscan.generator import density as dens
from rayscan.generator.delphes_writer import write
from rayscan.generator.density_events import kind_of, pair_and_jet
from rayscan.generator.recipes import catalogue

NAMES = sorted(dens.tabulated())
SLEPTON = ["slepton_280_275", "ww_2l2nu"]
OF_JETS = sorted(dens.tabulated() - set(SLEPTON))
AXES = dens.density("znunu_jet").axes
SHAPE = (60, 40)
PT_CELLS, ABS_ETA_CELLS = (axis.edges for axis in AXES)
MAIN = ["alp", "spin0_on", "spin1_on", "spin2_on", "znunu_jet"]


def test_the_main_benchmarks_have_a_density():
    assert set(MAIN) <= set(OF_JETS)
    assert set(SLEPTON) <= set(NAMES)
    assert set(NAMES) <= set(catalogue())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_density_says_where_it_comes_from(name: str):
    table = dens.density(name)
    assert table.meta["process"] == name
    assert table.meta["energy_gev"] == 14000.0
    assert 0.0 < table.meta["efficiency"] < 1.0
    assert table.meta["cross_section"] > 10.0 * table.meta["cross_section_error"]
    assert table.meta["level"] in {"parton", "delphes"}
    assert all(
        len(axis.edges) == n + 1 for axis, n in zip(table.axes, table.counts.shape, strict=True)
    )


@pytest.mark.parametrize("name", OF_JETS)
def test_a_density_of_jets_was_counted_with_the_settings_of_today(name: str):
    table = dens.density(name)
    assert table.observables == ("jet1_pt", "jet1_eta")
    if not table.meta.get("slices_gev"):  # else in proportion only
        assert table.meta["events"] == table.counts.sum()
    assert set(catalogue()[name].pythia) <= set(table.meta["settings"])


@pytest.mark.parametrize("name", sorted(set(OF_JETS) - {"znunu_jet"}))
def test_the_background_has_events_wherever_a_signal_has(name: str):
    """Else a single event would tell a signal with certainty, and a classifier would learn that."""
    signal, background = dens.density(name).counts, dens.density("znunu_jet").counts
    central = ABS_ETA_CELLS[:-1] < 3.99
    alone = (background == 0) & central
    assert signal[alone].sum() / signal.sum() < 1e-4


@pytest.mark.parametrize("name", MAIN)
def test_a_sample_agrees_with_its_table(name: str):
    table, events = dens.density(name), 200_000
    pt, eta = table.sample(np.random.default_rng(17), events)
    observed = dens.tabulate(AXES, pt, eta).ravel().astype(float)
    expected = table.counts.ravel() * (events / table.counts.sum())
    full = expected >= 5.0
    rest = np.array([expected[~full].sum()])
    both = [np.append(v[full], v[~full].sum()) for v in (observed, expected)]
    assert rest > 5.0
    chi2, cells = np.sum((both[0] - both[1]) ** 2 / both[1]), full.sum()
    assert stats.chi2.sf(chi2, cells) > 1e-5
    assert stats.chi2.cdf(chi2, cells) > 1e-5
    assert not observed[table.counts.ravel() == 0].any()


def test_the_sign_of_eta_is_even_and_independent_of_pt():
    pt, eta = dens.density("znunu_jet").sample(np.random.default_rng(4), 100_000)
    assert abs((eta > 0).mean() - 0.5) < 5.0 * 0.5 / np.sqrt(100_000)
    assert stats.ks_2samp(pt[eta > 0], pt[eta < 0]).pvalue > 1e-5


def test_inside_a_cell_log_pt_and_eta_are_uniform():
    counts = np.zeros(SHAPE, dtype=np.uint32)
    counts[7, 3] = 9
    pt, eta = dens.Density(axes=AXES, counts=counts, meta={}).sample(
        np.random.default_rng(6), 20_000
    )
    low, high = np.log(PT_CELLS[7:9])
    edge = ABS_ETA_CELLS
    assert stats.kstest((np.log(pt) - low) / (high - low), "uniform").pvalue > 1e-5
    assert stats.kstest((np.abs(eta) - edge[3]) / (edge[4] - edge[3]), "uniform").pvalue > 1e-5


def test_mean_pt_grows_from_background_to_spin_two():
    order = ["znunu_jet", "alp", "spin0_on", "spin1_on", "spin2_on"]
    rng = np.random.default_rng(8)
    means = [dens.density(name).sample(rng, 100_000)[0].mean() for name in order]
    assert means == sorted(means)


def test_packing_gives_back_the_table():
    counts = np.random.default_rng(9).integers(0, 90_000, SHAPE)
    made = dens.Density(
        axes=AXES, counts=counts.astype(np.uint32), meta={"energy_gev": 1.0, "settings": ["a"]}
    )
    back = dens.unpacked(dens.packed(made))
    np.testing.assert_array_equal(back.counts, made.counts)
    assert back.meta == made.meta
    for axis, old in zip(back.axes, AXES, strict=True):
        assert (axis.observable, axis.inside, axis.even) == (old.observable, old.inside, old.even)
        np.testing.assert_array_equal(axis.edges, old.edges)
    assert dens.packed(made) == dens.packed(back)


def test_values_beyond_the_edges_count_in_the_last_cells():
    counts = dens.tabulate(AXES, np.array([6000.0, 140.0]), np.array([0.0, -5.0]))
    assert counts.sum() == 2
    assert counts[-1, 0] == 1
    assert counts[:, -1].sum() == 1


def test_jets_are_bit_by_bit_what_they_were_before_files_held_their_axes():
    """Generated files of older caches are those of today."""
    found = hashlib.blake2b(digest_size=8)
    for name in OF_JETS:
        batch = next(dens.batches(dens.density(name), np.random.default_rng(3)))
        jets = batch.jets
        for column in (jets.pt, jets.eta, jets.phi, batch.met, batch.met_phi):
            found.update(np.ascontiguousarray(column).tobytes())
    assert found.hexdigest() == "f22e9b741be0b86a"


def test_missing_momentum_balances_the_only_jet():
    batch = next(dens.batches(dens.density("alp"), np.random.default_rng(2)))
    np.testing.assert_array_equal(batch.jets.event, np.arange(batch.events))
    np.testing.assert_array_equal(batch.met, batch.jets.pt)
    np.testing.assert_allclose(np.cos(batch.met_phi), -np.cos(batch.jets.phi), atol=1e-12)
    np.testing.assert_allclose(np.sin(batch.met_phi), -np.sin(batch.jets.phi), atol=1e-12)
    assert np.all(np.abs(batch.met_phi) <= np.pi)
    assert len(batch.leptons.pt) == 0


# ------------------------------------------------------------------ mT2 and the angle of the jet

CUTS = (
    "n_taus == 0", "n_leptons == 2", "n_sfos == 1", "n_bjets == 0", "n_jets == 1", "jet1_pt > 60",
)  # fmt: skip


@pytest.mark.parametrize("name", SLEPTON)
def test_a_pair_and_a_jet_have_the_mt2_and_the_angle_that_were_drawn(name: str, tmp_path: Path):
    """Through the file and the observables of any other events, which know nothing of densities."""
    table, rng = dens.density(name), np.random.default_rng(3)
    mt2, dphi = table.sample(rng, 3000)
    made = pair_and_jet(rng, mt2, dphi, trial_mass=275.0)
    write(tmp_path / "e.root", [made], 3000, dict)
    (piece,) = formats.slices(formats.inspect(tmp_path / "e.root"), process="p", name="f")
    lepton = ObjectCuts(pt_min=10, abs_eta_max=2.4)
    objects = Objects(jets=ObjectCuts(pt_min=30, abs_eta_max=2.4), electrons=lepton, muons=lepton)
    read, _ = select(
        piece,
        selection=Selection(objects=objects, cuts=CUTS[1:]),  # no file of ours has a tau tag
        observables=table.observables,
    )
    assert len(read) == 3000
    # single precision of momenta; below the electron's mass there is nothing
    low = 275.0 + 0.000511
    np.testing.assert_allclose(read[table.observables[0]], np.maximum(mt2, low), atol=2e-4)
    np.testing.assert_allclose(read[table.observables[1]], dphi, atol=1e-6)
    # nothing else knows a direction
    phi = made.met_phi
    assert stats.kstest((phi + np.pi) / (2 * np.pi), "uniform").pvalue > 1e-5
    side = np.sin(made.jets.phi - phi) > 0
    assert abs(side.mean() - 0.5) < 5 * 0.5 / np.sqrt(3000)


def test_the_densities_of_sleptons_are_those_of_events_that_tell_them_apart():
    signal, background = (dens.density(name).counts.astype(float) for name in SLEPTON)
    s, b = signal / signal.sum(), background / background.sum()
    assert b.min() > 0.015 / b.size  # a share of 0.02 is spread over all cells
    assert s[12:].sum() == 0  # sleptons end at 6 GeV above the trial mass
    assert np.sqrt((s**2 / b).sum() - 1) == pytest.approx(4.4, abs=0.1)


def test_observables_that_nobody_can_make_events_of_are_refused():
    with pytest.raises(KeyError):
        kind_of(("met", "ht"))
