"""Formulas between two objects, against exact cases and first principles."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rayscan.events.observables import kinematics

angle = st.floats(-math.pi, math.pi)
eta = st.floats(-4, 4)
pt = st.floats(0.5, 2000)
mass = st.floats(0, 200)


def one(x: float) -> np.ndarray:
    return np.array([x], dtype=np.float64)


def vector(pt_: float, eta_: float, phi_: float, mass_: float) -> dict[str, np.ndarray]:
    return {"pt": one(pt_), "eta": one(eta_), "phi": one(phi_), "mass": one(mass_)}


@given(a=angle, b=angle)
def test_an_azimuthal_angle_is_the_arc_cosine_of_the_unit_vectors(a: float, b: float) -> None:
    found = float(kinematics.delta_phi(one(a), one(b))[0])
    assert 0 <= found <= math.pi
    # cos is flat at 0 and pi: compare where both are smooth.
    assert math.isclose(math.cos(found), math.cos(a - b), abs_tol=1e-6)
    assert found == float(kinematics.delta_phi(one(b), one(a))[0])


def test_back_to_back_stays_inside_pi_in_float32() -> None:
    assert float(np.float32(math.pi)) > math.pi  # the trap
    for phi in (math.pi, float(np.float32(math.pi)), -math.pi):
        found = float(kinematics.delta_phi(one(phi), one(0.0)).astype(np.float32)[0])
        assert found <= math.pi
        assert math.isclose(found, math.pi, abs_tol=5e-7)


@given(a=st.tuples(pt, eta, angle, mass), b=st.tuples(pt, eta, angle, mass))
def test_an_invariant_mass_follows_from_rapidities(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> None:
    # m^2 = m1^2 + m2^2 + 2 (mT1 mT2 cosh dy - pT1 pT2 cos dphi), another route than E and p.
    def transverse(v: tuple[float, float, float, float]) -> tuple[float, float]:
        energy = math.sqrt((v[0] * math.cosh(v[1])) ** 2 + v[3] ** 2)
        mt = math.hypot(v[0], v[3])
        return mt, math.asinh(v[0] * math.sinh(v[1]) / mt) if energy else 0.0

    (mt_a, y_a), (mt_b, y_b) = transverse(a), transverse(b)
    squared = a[3] ** 2 + b[3] ** 2
    squared += 2 * (mt_a * mt_b * math.cosh(y_a - y_b) - a[0] * b[0] * math.cos(a[2] - b[2]))
    found = float(kinematics.invariant_mass(vector(*a), vector(*b))[0])
    energies = a[0] * math.cosh(a[1]) + b[0] * math.cosh(b[1]) + a[3] + b[3]
    # Rounding of E^2 - p^2 is a few eps of E^2.
    assert math.isclose(found**2, max(squared, 0.0), abs_tol=32 * 2.3e-16 * energies**2)


def test_a_resonance_at_rest_gives_its_mass() -> None:
    half = 91.1876 / 2
    found = kinematics.invariant_mass(vector(half, 0, 0.3, 0), vector(half, 0, 0.3 - math.pi, 0))
    assert math.isclose(float(found[0]), 91.1876, rel_tol=1e-12)


@given(pt_=pt, phi=angle, met=pt, met_phi=angle)
def test_a_transverse_mass_is_the_invariant_mass_in_the_transverse_plane(
    pt_: float, phi: float, met: float, met_phi: float
) -> None:
    found = float(kinematics.transverse_mass(one(pt_), one(phi), one(met), one(met_phi))[0])
    flat = kinematics.invariant_mass(vector(pt_, 0, phi, 0), vector(met, 0, met_phi, 0))
    assert math.isclose(found**2, float(flat[0]) ** 2, abs_tol=32 * 2.3e-16 * (pt_ + met) ** 2)


def test_an_absent_object_stays_absent() -> None:
    nan = one(math.nan)
    assert np.isnan(kinematics.delta_phi(nan, one(1.0)))
    assert np.isnan(kinematics.delta_r(nan, nan, one(0.0), one(0.0)))
    assert np.isnan(kinematics.transverse_mass(nan, nan, one(10.0), one(0.0)))
    absent = dict.fromkeys(("pt", "eta", "phi", "mass"), nan)
    assert np.isnan(kinematics.invariant_mass(absent, vector(10, 0, 0, 0)))
