"""mT2 against its definition, its limits and known endpoints."""

from __future__ import annotations

import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize

from rayscan.events.observables import kinematics
from rayscan.events.observables import names as observables
from rayscan.events.observables.names import Objects

Side = dict[str, np.ndarray]


def side(pt: float, phi: float, mass: float = 0.0) -> Side:
    return {"pt": np.array([pt]), "phi": np.array([phi]), "mass": np.array([mass])}


def single(first: Side, second: Side, missing: Side, trial: float) -> float:
    return float(kinematics.stransverse_mass(first, second, missing, trial_mass=trial)[0])


def by_definition(first: Side, second: Side, missing: Side, trial: float) -> float:
    """The minimum over the sharing of the missing momentum, by a convex search in the plane."""

    def transverse(a: Side, qx: float, qy: float) -> float:
        pt, phi, m = (float(a[name][0]) for name in ("pt", "phi", "mass"))
        energies = math.hypot(pt, m) * math.sqrt(trial**2 + qx**2 + qy**2)
        dot = pt * math.cos(phi) * qx + pt * math.sin(phi) * qy
        return math.sqrt(max(m**2 + trial**2 + 2 * (energies - dot), 0.0))

    px = float(missing["pt"][0] * np.cos(missing["phi"][0]))
    py = float(missing["pt"][0] * np.sin(missing["phi"][0]))

    def larger(q: np.ndarray) -> float:
        return max(transverse(first, q[0], q[1]), transverse(second, px - q[0], py - q[1]))

    starts = [(0.0, 0.0), (px, py), (px / 2, py / 2), (px + py, py - px)]
    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 20_000, "maxfev": 20_000}
    best = min(
        (optimize.minimize(larger, s, method="Nelder-Mead", options=options) for s in starts),
        key=lambda found: found.fun,
    )
    again = optimize.minimize(larger, best.x, method="Nelder-Mead", options=options)
    return float(min(best.fun, again.fun))


momentum = st.floats(5, 300)
angle = st.floats(-3.1, 3.1)


@settings(max_examples=40, deadline=None)
@given(
    pts=st.tuples(momentum, momentum, momentum),
    phis=st.tuples(angle, angle, angle),
    masses=st.tuples(st.sampled_from([0.000511, 0.1057, 8.0]), st.sampled_from([0.1057, 15.0])),
    trial=st.sampled_from([10.0, 100.0, 275.0]),
)
def test_mt2_is_the_smallest_larger_transverse_mass(
    pts: tuple[float, ...], phis: tuple[float, ...], masses: tuple[float, float], trial: float
) -> None:
    sides = (side(pts[0], phis[0], masses[0]), side(pts[1], phis[1], masses[1]))
    found = single(*sides, side(pts[2], phis[2]), trial)
    expected = by_definition(*sides, side(pts[2], phis[2]), trial)
    # A simplex search only ever ends above the minimum of a function with an edge.
    assert found <= expected + 1e-5
    assert found == pytest.approx(expected, rel=2e-4)


@given(
    pts=st.tuples(momentum, momentum, momentum),
    phis=st.tuples(angle, angle, angle),
    trial=st.sampled_from([10.0, 275.0]),
    turn=angle,
)
def test_mt2_depends_neither_on_order_nor_on_orientation(
    pts: tuple[float, ...], phis: tuple[float, ...], trial: float, turn: float
) -> None:
    a, b, c = (side(pt, phi, 0.1) for pt, phi in zip(pts, phis, strict=True))
    d, e, f = (side(pt, phi + turn, 0.1) for pt, phi in zip(pts, phis, strict=True))
    first = single(a, b, c, trial)
    assert first >= trial + 0.1
    assert single(b, a, c, trial) == pytest.approx(first, abs=1e-5)
    assert single(d, e, f, trial) == pytest.approx(first, abs=1e-5)


@pytest.mark.parametrize("trial", [0.0, 50.0, 275.0])
@pytest.mark.parametrize("mass", [0.1056583755, 8.0])
def test_mt2_of_balanced_events_is_the_closed_form(mass: float, trial: float) -> None:
    # Equal masses and no other recoil (Lester, Barr, arXiv:0708.1028): with A = ET1 ET2 + p1.p2,
    # mT2^2 = mu^2 + A + sqrt((A - m^2 + 2 mu^2) (A + m^2)).
    rng = np.random.default_rng(11)
    first, second = (
        {
            "pt": 5 + rng.exponential(80, 2000),
            "phi": rng.uniform(-math.pi, math.pi, 2000),
            "mass": np.full(2000, mass),
        }
        for _ in range(2)
    )
    vectors = [side["pt"] * np.exp(1j * side["phi"]) for side in (first, second)]
    missing = {"pt": np.abs(sum(vectors)), "phi": np.angle(-sum(vectors))}
    energies = np.hypot(first["pt"], mass) * np.hypot(second["pt"], mass)
    a = energies + (vectors[0] * vectors[1].conj()).real

    def closed(a: np.ndarray) -> np.ndarray:
        return np.sqrt(trial**2 + a + np.sqrt((a - mass**2 + 2 * trial**2) * (a + mass**2)))

    found = kinematics.stransverse_mass(first, second, missing, trial_mass=trial)
    # A is rounded as its terms are. Masses, what remains of ET^2 - pT^2, are known (pT / m)^2 times
    # worse than a float.
    epsilon = 4 * np.finfo(float).eps
    lost = np.maximum(first["pt"], second["pt"]) ** 2 / mass**2
    rounded = closed(a + epsilon * energies) - closed(a)
    assert (np.abs(found - closed(a)) < rounded + epsilon * (1 + lost) * found).all()


def test_without_missing_momentum_the_exact_cases_are_known() -> None:
    # q2 = -q1. Equal p: by symmetry and convexity q1 = 0 is best, mT2^2 = m^2 + mu^2 + 2 ET mu.
    # Opposite p: both transverse masses are the same function of q1 and reach their least, m + mu.
    m, mu, pt = 0.1057, 50.0, 40.0
    expected = math.sqrt(m**2 + mu**2 + 2 * mu * math.hypot(pt, m))
    one, nothing = side(pt, 0.3, m), side(0.0, 0.0)
    assert single(one, one, nothing, mu) == pytest.approx(expected, abs=1e-6)
    assert single(one, side(pt, 0.3 - math.pi, m), nothing, mu) == pytest.approx(m + mu, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_decay_never_exceeds_its_parent_mass(seed: int) -> None:
    # Pairs of parents of 280 GeV, each to a lepton and 275 GeV, boosted transversely and along z.
    rng = np.random.default_rng(seed)
    parent, child = 280.0, 275.0
    p_star = (parent**2 - child**2) / (2 * parent)
    leptons, invisible = [], np.zeros(2)
    boosts = rng.normal(0, 150, size=3) * np.array([[1, 1, 1], [-1, -1, 2]])
    for boost in boosts + rng.normal(0, 40, size=3):
        cos, phi = rng.uniform(-1, 1), rng.uniform(0, 2 * math.pi)
        sin = math.sqrt(1 - cos**2)
        p = p_star * np.array([sin * math.cos(phi), sin * math.sin(phi), cos])
        energy = math.sqrt(parent**2 + (boost**2).sum())
        gamma, beta = energy / parent, boost / energy
        along = (gamma - 1) / max((beta**2).sum(), 1e-300) * (p @ beta)
        lepton = p + (along + gamma * p_star) * beta
        leptons.append(side(math.hypot(*lepton[:2]), math.atan2(lepton[1], lepton[0])))
        invisible += boost[:2] - lepton[:2]
    assume(min(float(lepton["pt"][0]) for lepton in leptons) > 0.01)
    missing = side(math.hypot(*invisible), math.atan2(invisible[1], invisible[0]))
    found = single(leptons[0], leptons[1], missing, child)
    assert child <= found <= parent + 1e-5


def test_an_event_without_two_leptons_has_no_mt2() -> None:
    names = ("PT", "Eta", "Phi", "Charge")
    values = {"PT": [[50.0, 30.0], [20.0], []], "Eta": [[0.0, 1.0], [0.5], []]}
    values |= {"Phi": [[0.1, 2.0], [1.0], []], "Charge": [[1, -1], [1], []]}
    columns = {f"Muon.{name}": ak.Array(values[name]) for name in names}
    columns |= {f"Electron.{name}": ak.Array([[], [], []]) for name in names}
    columns |= {"MissingET.MET": ak.Array([[60.0]] * 3), "MissingET.Phi": ak.Array([[-2.0]] * 3)}
    name = "mt2_lepton1_lepton2_100"
    assert observables.needs([name], Objects()).keys() <= set(columns)
    found = observables.compute([name], columns, Objects())[name]
    assert np.isnan(found).tolist() == [False, True, True]
    expected = single(
        side(50.0, 0.1, 0.1056583755), side(30.0, 2.0, 0.1056583755), side(60.0, -2.0), 100.0
    )
    assert found[0] == np.float32(expected)
    nothing = {name: column[1:] for name, column in columns.items()}
    assert np.isnan(observables.compute([name], nothing, Objects())[name]).all()
