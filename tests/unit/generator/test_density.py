"""Events from density tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rayscan.generator import density as dens
from rayscan.generator.recipes import catalogue

NAMES = sorted(dens.tabulated())
MAIN = ["alp", "spin0_on", "spin1_on", "spin2_on", "znunu_jet"]


def test_the_main_benchmarks_have_a_density():
    assert set(MAIN) <= set(NAMES)
    assert set(NAMES) <= set(catalogue())


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_density_says_where_it_comes_from(name: str):
    table = dens.density(name)
    assert table.meta["process"] == name
    assert table.meta["energy_gev"] == 14000.0
    if not table.meta.get("slices_gev"):  # else in proportion only
        assert table.meta["events"] == table.counts.sum()
    assert 0.0 < table.meta["efficiency"] < 1.0
    assert table.meta["cross_section"] > 10.0 * table.meta["cross_section_error"]
    # made with the settings the catalogue has today
    assert set(catalogue()[name].pythia) <= set(table.meta["settings"])


@pytest.mark.parametrize("name", sorted(dens.tabulated() - {"znunu_jet"}))
def test_the_background_has_events_wherever_a_signal_has(name: str):
    """Else a single event would tell a signal with certainty, and a classifier would learn that."""
    signal, background = dens.density(name).counts, dens.density("znunu_jet").counts
    central = dens.abs_eta_edges()[:-1] < 3.99
    alone = (background == 0) & central
    assert signal[alone].sum() / signal.sum() < 1e-4


@pytest.mark.parametrize("name", MAIN)
def test_a_sample_agrees_with_its_table(name: str):
    table, events = dens.density(name), 200_000
    pt, eta = table.sample(np.random.default_rng(17), events)
    observed = dens.tabulate(pt, eta).ravel().astype(float)
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
    counts = np.zeros((dens.PT_BINS, dens.ETA_BINS), dtype=np.uint32)
    counts[7, 3] = 9
    pt, eta = dens.Density(counts=counts, meta={}).sample(np.random.default_rng(6), 20_000)
    low, high = np.log(dens.pt_edges()[7:9])
    edge = dens.abs_eta_edges()
    assert stats.kstest((np.log(pt) - low) / (high - low), "uniform").pvalue > 1e-5
    assert stats.kstest((np.abs(eta) - edge[3]) / (edge[4] - edge[3]), "uniform").pvalue > 1e-5


def test_mean_pt_grows_from_background_to_spin_two():
    order = ["znunu_jet", "alp", "spin0_on", "spin1_on", "spin2_on"]
    rng = np.random.default_rng(8)
    means = [dens.density(name).sample(rng, 100_000)[0].mean() for name in order]
    assert means == sorted(means)


def test_packing_gives_back_the_table():
    counts = np.random.default_rng(9).integers(0, 90_000, (dens.PT_BINS, dens.ETA_BINS))
    made = dens.Density(
        counts=counts.astype(np.uint32), meta={"energy_gev": 1.0, "settings": ["a"]}
    )
    back = dens.unpacked(dens.packed(made))
    np.testing.assert_array_equal(back.counts, made.counts)
    assert back.meta == made.meta
    assert dens.packed(made) == dens.packed(back)


def test_values_beyond_the_edges_count_in_the_last_cells():
    counts = dens.tabulate(np.array([6000.0, 140.0]), np.array([0.0, -5.0]))
    assert counts.sum() == 2
    assert counts[-1, 0] == 1
    assert counts[:, -1].sum() == 1


def test_missing_momentum_balances_the_only_jet():
    batch = next(dens.batches(dens.density("alp"), np.random.default_rng(2)))
    np.testing.assert_array_equal(batch.jets.event, np.arange(batch.events))
    np.testing.assert_array_equal(batch.met, batch.jets.pt)
    np.testing.assert_allclose(np.cos(batch.met_phi), -np.cos(batch.jets.phi), atol=1e-12)
    np.testing.assert_allclose(np.sin(batch.met_phi), -np.sin(batch.jets.phi), atol=1e-12)
    assert np.all(np.abs(batch.met_phi) <= np.pi)
    assert len(batch.leptons.pt) == 0
