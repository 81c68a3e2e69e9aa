"""The detector: formulas in, distributions out."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.generator import detector_card as card
from rayscan.generator.detector import (
    SOFT_TERM,
    jet_flavour,
    leptons,
    partons_as_jets,
    reconstruct,
)
from rayscan.generator.particles import Particles, Reconstructed

N = 40_000


def particles(event, pdg_id, pt, eta, phi, mass=0.0) -> Particles:
    event, pdg_id, pt, eta, phi = np.broadcast_arrays(event, pdg_id, pt, eta, phi)
    pz = pt * np.sinh(eta)
    return Particles(
        event=event.astype(np.int64),
        pdg_id=pdg_id.astype(np.int64),
        px=pt * np.cos(phi),
        py=pt * np.sin(phi),
        pz=pz,
        energy=np.sqrt(pt**2 + pz**2 + mass**2),
    )


def nothing() -> Particles:
    return particles(np.zeros(0), 0, np.zeros(0), 0.0, 0.0)


def seen(final: Particles, heavy: Particles | None = None, events: int = N) -> Reconstructed:
    rng = np.random.default_rng(11)
    quarks = nothing() if heavy is None else heavy
    return reconstruct(final, quarks, events, clustering=partons_as_jets, rng=rng)


def assert_normal(values: np.ndarray, mean: float, width: float) -> None:
    """Mean and standard deviation within five of their own errors."""
    n = len(values)
    assert abs(values.mean() - mean) < 5.0 * width / np.sqrt(n)
    assert abs(values.std() - width) < 5.0 * width / np.sqrt(2.0 * n)


@pytest.mark.parametrize("eta", [0.3, 2.4, -4.0])
def test_jets_have_the_calorimeters_mean_and_width(eta: float):
    pt = 400.0
    found = seen(particles(np.arange(N), 1, pt, eta, 0.5))
    energy = pt * np.cosh(eta)
    ecal, hcal = 0.3 * energy, 0.7 * energy
    if abs(eta) < 1.7:
        squared = (0.0017 * ecal) ** 2 + 0.101**2 * ecal
        squared += (0.0302 * hcal) ** 2 + 0.5205**2 * hcal + 1.59**2
    elif abs(eta) < 3.2:
        squared = (0.0017 * ecal) ** 2 + 0.101**2 * ecal + (0.05 * hcal) ** 2 + 0.706**2 * hcal
    else:
        squared = (0.035 * ecal) ** 2 + 0.285**2 * ecal + (0.0942 * hcal) ** 2 + hcal
    assert len(found.jets.pt) == N
    assert_normal(found.jets.pt / pt, 1.0, np.sqrt(squared) / energy)
    np.testing.assert_allclose(found.jets.eta, eta)


@pytest.mark.parametrize(("code", "eta", "efficiency"), [(11, 0.7, 0.9025), (13, -2.0, 0.833)])
def test_leptons_are_found_and_measured_as_the_card_says(code, eta, efficiency):
    pt = 60.0
    found, _ = leptons(particles(np.arange(N), code, pt, eta, 0.0), np.random.default_rng(3))
    count = len(found.pt)
    assert abs(count - N * efficiency) < 5.0 * np.sqrt(N * efficiency * (1.0 - efficiency))
    energy = pt * np.cosh(eta)
    electron = np.sqrt((0.0017 * energy) ** 2 + 0.101**2 * energy) / energy
    muon = np.sqrt(0.025**2 + (3.5e-4 * pt) ** 2)
    assert_normal(found.pt / pt, 1.0, electron if code == 11 else muon)
    assert np.all(found.electron == (code == 11))
    assert np.all(found.charge == -1)


@pytest.mark.parametrize(
    ("flavour", "pt", "rate"),
    [
        (5, 100.0, 0.80 * np.tanh(0.3) * 30.0 / 9.6),
        (4, 100.0, 0.20 * np.tanh(2.0) / 1.34),
        (1, 100.0, 0.00273),
    ],
)
def test_b_tags_have_the_cards_closed_form(flavour: int, pt: float, rate: float):
    quarks = particles(np.arange(N), flavour, pt, 0.0, 1.0)
    heavy = quarks if flavour in (4, 5) else None
    np.testing.assert_allclose(
        card.btag_probability(np.array([pt]), np.zeros(1), np.array([flavour], np.uint32)), rate
    )
    found = seen(quarks, heavy).jets
    # tags are drawn at the smeared pT: the average of the form over the smearing
    expected = card.btag_probability(found.pt, found.eta, found.flavour)
    assert abs(found.btag.sum() - expected.sum()) < 5.0 * np.sqrt(N * rate * (1.0 - rate))
    assert expected.mean() == pytest.approx(rate, rel=0.03)


def test_there_is_no_b_tag_beyond_the_tracker():
    found = seen(particles(np.arange(2000), 5, 100.0, 3.0, 0.0), events=2000)
    assert not found.jets.btag.any()


def test_missing_momentum_of_nothing_is_the_soft_term():
    found = seen(nothing())
    assert_normal(found.met * np.cos(found.met_phi), 0.0, SOFT_TERM)
    assert_normal(found.met * np.sin(found.met_phi), 0.0, SOFT_TERM)
    assert len(found.jets.pt) == 0


def test_missing_momentum_balances_what_was_seen():
    event = np.repeat(np.arange(N), 2)
    code = np.tile([1, 12], N)
    phi = np.tile([0.0, np.pi], N)
    found = seen(particles(event, code, 300.0, np.tile([0.5, -1.0], N), phi))
    along = -found.met * np.cos(found.met_phi) - found.jets.pt
    assert_normal(along, 0.0, SOFT_TERM)


@pytest.mark.parametrize(("code", "eta"), [(13, 3.0), (1, 5.5), (1000022, 0.0)])
def test_what_is_not_seen_is_missing(code: int, eta: float):
    event = np.repeat(np.arange(2000), 2)
    final = particles(
        event, np.tile([1, code], 2000), 300.0, np.tile([0.0, eta], 2000), np.tile([0.0, 3.0], 2000)
    )
    found = seen(final, events=2000)
    width = 300.0 * float(card.jet_resolution(np.array([300.0]), np.zeros(1))[0]) / 300.0
    assert abs(found.met.mean() - 300.0) < 5.0 * np.hypot(width, SOFT_TERM) / np.sqrt(2000.0)
    assert len(found.leptons.pt) == 0


def test_a_lost_electron_is_a_jet():
    found = seen(particles(np.arange(N), 11, 100.0, 0.5, 0.0))
    assert len(found.leptons.pt) + len(found.jets.pt) == N
    assert set(found.jets.event).isdisjoint(found.leptons.event)


def test_jets_and_leptons_are_ordered_hardest_first_within_events():
    rng = np.random.default_rng(5)
    event = np.sort(rng.integers(0, 500, 3000))
    code = rng.choice([1, 21, 11, -13], 3000)
    final = particles(event, code, rng.uniform(5.0, 300.0, 3000), 0.1, rng.uniform(-3, 3, 3000))
    found = seen(final, events=500)
    for objects in (found.jets, found.leptons):
        order = np.lexsort((-objects.pt, objects.event))
        np.testing.assert_array_equal(order, np.arange(len(order)))
    assert found.jets.pt.min() > 20.0
    assert found.leptons.pt.min() > 10.0


def test_flavour_is_that_of_the_heaviest_quark_inside_the_radius():
    jets = particles([0, 0, 1, 2], 0, 50.0, [0.0, 2.0, 0.0, 0.0], [3.1, 0.0, 0.0, 0.0])
    quarks = particles([0, 0, 1, 2], [-5, 4, 4, 5], [20, 20, 20, 4.0], 0.1, [-3.1, -3.1, 0.5, 0.0])
    # across phi = pi; too far in eta; too far in phi; too soft
    np.testing.assert_array_equal(jet_flavour(jets, quarks, 3), [5, 0, 0, 0])


def test_equal_generators_give_equal_events():
    final = particles(np.arange(N), 1, 200.0, 0.0, 0.0)
    np.testing.assert_array_equal(seen(final).jets.pt, seen(final).jets.pt)
