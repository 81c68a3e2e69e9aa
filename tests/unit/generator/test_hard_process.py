"""Weights of the hard process against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from rayscan.generator.hard_process import (
    HardProcess,
    acceptance,
    breit_wigner,
    propagator_acceptance,
    threshold_factor,
)
from rayscan.generator.recipes import Propagator, catalogue


def test_threshold_factors_vanish_at_threshold_and_are_one_far_above():
    for spin in (0, 1, 2):
        below, far = threshold_factor(spin, 500.0, np.array([1000.0, 1e6]))
        assert below == 0.0
        assert far == pytest.approx(1.0, abs=1e-5)


def test_threshold_factors_have_their_closed_forms():
    # r = 1/16: beta^2 = 3/4
    mass, beta = np.array([400.0]), np.sqrt(0.75)
    assert threshold_factor(0, 100.0, mass)[0] == pytest.approx(beta**3)
    assert threshold_factor(1, 100.0, mass)[0] == pytest.approx(beta * 9.0 / 8.0)
    assert threshold_factor(2, 100.0, mass)[0] == pytest.approx(beta**3 * 7.0 / 6.0)


def test_a_narrow_breit_wigner_has_the_area_of_a_pole():
    # the integral over M^2 of M Gamma / ((M^2 - m^2)^2 + M^2 Gamma^2) is pi
    area = quad(
        lambda q: float(breit_wigner(np.sqrt(q), 500.0, 1.0)), 450.0**2, 550.0**2, points=[500.0**2]
    )[0]
    assert area == pytest.approx(np.pi, rel=0.01)


def test_accepting_turns_the_generated_propagator_into_the_wanted_one():
    wanted = Propagator(
        mass=100.0, width=1.0, generated_mass=1500.0, generated_width=1500.0, mass_min=1000.0
    )
    mass = np.linspace(1000.0, 3000.0, 7)
    kept = propagator_acceptance(mass, wanted, 14000.0) * breit_wigner(mass, 1500.0, 1500.0)
    target = breit_wigner(mass, 100.0, 1.0)
    np.testing.assert_allclose(kept / kept[0], target / target[0])
    assert propagator_acceptance(mass, wanted, 14000.0).max() <= 1.0
    assert propagator_acceptance(np.array([999.0]), wanted, 14000.0)[0] == 0.0


def test_a_process_without_weights_keeps_all_events():
    one = np.ones(1)
    gluon = np.array([21], dtype=np.int32)
    hard = HardProcess(id1=gluon, id2=gluon, s=4e6 * one, t=-1e6 * one, u=-1e6 * one)
    assert acceptance(hard, catalogue()["znunu_jet"], energy=14000.0) is None
    assert hard.mediator_mass[0] == pytest.approx(np.sqrt(2e6))


def test_all_demands_of_a_recipe_multiply():
    one = np.ones(1)
    gluon = np.array([21], dtype=np.int32)
    hard = HardProcess(id1=gluon, id2=gluon, s=1.6e6 * one, t=-3e5 * one, u=-3e5 * one)
    found = acceptance(hard, catalogue()["spin1_on"], energy=14000.0)
    assert found is not None
    np.testing.assert_allclose(found, threshold_factor(1, 100.0, hard.mediator_mass))
    weighted = acceptance(hard, catalogue()["spin0_on"], energy=14000.0)
    assert weighted is not None
    assert weighted[0] < threshold_factor(0, 100.0, hard.mediator_mass)[0]
