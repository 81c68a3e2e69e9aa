"""Finite-top-mass weights against Feynman integrals by brute force and against known limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from rayscan.generator import finite_top as ft

M = 173.0


def _log_integral(v: float, power: int) -> complex:
    """The integral of log(1 - x(1-x) v/m^2) / x^power over x, with v + i0."""

    def argument(x: float) -> float:
        return 1.0 - x * (1.0 - x) * v / M**2

    cuts = (
        [0.5 * (1.0 + sign * np.sqrt(1.0 - 4.0 * M**2 / v)) for sign in (-1, 1)]
        if v > 4 * M**2
        else []
    )
    real = quad(
        lambda x: np.log(abs(argument(x))) / x**power, 0.0, 1.0, points=cuts or None, limit=500
    )[0]
    if not cuts:
        return complex(real)
    imaginary = np.log(cuts[1] / cuts[0]) if power else cuts[1] - cuts[0]
    return complex(real, -np.pi * imaginary)


@pytest.mark.parametrize("v", [-5e6, -1e5, -50.0, 50.0, 1e4, 1.19e5, 1.3e5, 1e6, 9e6])
def test_two_and_three_point_functions_are_their_feynman_integrals(v: float):
    assert complex(ft.bubble(v, M)) == pytest.approx(2.0 + _log_integral(v, 0), rel=1e-6, abs=1e-7)
    assert complex(ft.triangle(v, M)) == pytest.approx(
        2.0 * _log_integral(v, 1), rel=1e-6, abs=1e-7
    )


@pytest.mark.parametrize("point", [(-2e4, -3e4, -1e4), (-5e4, -1e4, -9e4), (-5e5, -1e5, -9e5)])
def test_the_box_is_its_three_dimensional_feynman_integral(point: tuple[float, float, float]):
    s, u, total = point
    node, weight = np.polynomial.legendre.leggauss(40)
    x, w = 0.5 * (node + 1.0), 0.5 * weight
    a, b, c = np.meshgrid(x, x, x, indexing="ij")
    x1, x3, x4 = 1.0 - a, a * b * (1.0 - c), a * b * c
    x2 = a * (1.0 - b)
    denominator = (M**2 - s * x1 * x3 - u * x2 * x4 - total * x1 * x4) ** 2
    box = np.einsum("i,j,k,ijk->", w, w, w, a**2 * b / denominator)
    t = total - s - u
    found = ft._legs(np.array([s]), np.array([t]), np.array([u]), M)[1].box[0]
    assert found.real == pytest.approx(-s * u * box, rel=1e-6)
    assert found.imag == 0.0


hard = st.tuples(st.floats(30.0, 1500.0), st.floats(100.0, 3000.0), st.floats(-2.0, 2.0))


def _invariants(pt: float, mass: float, rapidity: float) -> tuple[float, float, float]:
    """s, t, u of a scalar and a jet with a rapidity in their centre of mass."""
    p = pt * np.cosh(rapidity)
    s = (p + np.hypot(p, mass)) ** 2
    t = -np.sqrt(s) * pt * np.exp(-rapidity)
    return s, t, mass**2 - s - t


@given(hard)
@settings(max_examples=25, deadline=None)
def test_the_gluon_ratio_is_symmetric_in_its_invariants(point: tuple[float, float, float]):
    s, t, u = _invariants(*point)
    first = ft.gluon_ratio([s], [t], [u])
    np.testing.assert_allclose(ft.gluon_ratio([s], [u], [t]), first, rtol=1e-9)


@given(hard)
@settings(max_examples=25, deadline=None)
def test_a_very_heavy_top_gives_the_heavy_top_limit(point: tuple[float, float, float]):
    s, t, u = _invariants(*point)
    heavy = 30.0 * np.sqrt(s)
    # the first correction is of order s/m^2 with a coefficient below one
    assert ft.gluon_ratio([s], [t], [u], heavy)[0] == pytest.approx(1.0, abs=2e-3)
    assert ft.quark_ratio(t, s + t + u, heavy) == pytest.approx(1.0, abs=2e-3)
    assert ft.born_ratio(s + t + u, heavy) == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("mass", [125.0, 300.0, 500.0])
def test_a_soft_jet_leaves_the_ratio_of_the_born_process(mass: float):
    s, t, u = _invariants(2.0, mass, 0.3)
    born = ft.born_ratio(mass**2)
    # corrections are of order pT/mass times logarithms
    assert ft.gluon_ratio([s], [t], [u])[0] == pytest.approx(float(born), rel=0.02)
    assert float(ft.quark_ratio(t, mass**2)) == pytest.approx(float(born), rel=0.02)


def test_the_born_ratio_has_the_known_expansion_in_the_inverse_top_mass():
    # 1 + 7/30 tau + 2/21 tau^2 + 26/525 tau^3 + O(0.03 tau^4) for the amplitude
    tau = (125.0 / (2.0 * M)) ** 2
    series = 1.0 + 7.0 / 30.0 * tau + 2.0 / 21.0 * tau**2 + 26.0 / 525.0 * tau**3
    assert float(ft.born_ratio(125.0**2, M)) == pytest.approx(series**2, abs=0.1 * tau**4)


def test_the_top_softens_the_spectrum():
    pt = np.array([130.0, 300.0, 600.0, 1000.0])
    s, t, u = ft.at_right_angles(pt, 1000.0)
    assert np.all(np.diff(ft.gluon_ratio(s, t, u)) < 0.0)
    assert np.all(np.diff(ft.quark_ratio(t, 1e6)) < 0.0)


def test_right_angles_give_back_transverse_momentum_and_mass():
    s, t, u = ft.at_right_angles([100.0, 700.0], [50.0, 2000.0])
    np.testing.assert_allclose(np.sqrt(t * u / s), [100.0, 700.0])
    np.testing.assert_allclose(np.sqrt(s + t + u), [50.0, 2000.0])


def test_the_table_interpolates_the_exact_ratio():
    table = ft.finite_top_table(800.0, 1250.0)
    rng = np.random.default_rng(1)
    pt, mass = rng.uniform(100.0, 1500.0, 40), rng.uniform(810.0, 1240.0, 40)
    exact = ft.gluon_ratio(*ft.at_right_angles(pt, mass)) / ft.born_ratio(mass**2)
    np.testing.assert_allclose(table.gluon(pt, mass), exact, rtol=0.03)


def test_acceptances_are_probabilities_and_do_not_know_which_beam_is_which():
    table = ft.finite_top_table(800.0, 1250.0)
    rng = np.random.default_rng(2)
    points = [
        _invariants(p, m, y) for p, m, y in rng.uniform((90, 810, -2), (2000, 1240, 2), (200, 3))
    ]
    s, t, u = np.array(points).T
    id1 = rng.choice([21, 1, -2, 5], 200)
    id2 = rng.choice([21, 3], 200)
    found = table.acceptance(s, t, u, id1, id2)
    assert np.all((found > 0.0) & (found <= 1.0))
    np.testing.assert_allclose(table.acceptance(s, u, t, id2, id1), found, rtol=1e-9)
