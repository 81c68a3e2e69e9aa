"""Events that have the observables drawn from a density; nothing else of them is physical.

Written out as objects, so that cuts, observables and files are those of any other events: a family,
a function and a line for each set of observables. E events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rayscan.arrays import Floats
from rayscan.generator.particles import Jets, Leptons, Reconstructed

_ELECTRON_MASS = 0.51099895e-3  # Particle Data Group 2024 [GeV]
_MET = 100.0
_JET_PT = 100.0
_ACROSS = 20.0
"""Momentum [GeV] of each lepton across the missing momentum: what makes mT2 well determined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How events of some observables are made.

    Attributes:
        make: Events of the observables, each of shape (E,), in their order.
        seconds: CPU seconds of an event, drawn and written.
        size: Bytes of an event in a file.
    """

    make: Callable[..., Reconstructed]
    seconds: float
    size: int


def one_jet(rng: np.random.Generator, pt: Floats, eta: Floats) -> Reconstructed:
    """Events of one massless jet at a random azimuth, balanced by the missing momentum."""
    phi = _azimuth(rng, len(pt))
    none = np.zeros(0)
    signs, flags = none.astype(np.int32), none.astype(np.bool_)
    event = np.zeros(0, dtype=np.int64)
    leptons = Leptons(event=event, pt=none, eta=none, phi=none, charge=signs, electron=flags)
    return Reconstructed(
        jets=_jets(pt, eta, phi), leptons=leptons, met=pt, met_phi=phi - np.copysign(np.pi, phi)
    )


def pair_and_jet(
    rng: np.random.Generator, mt2: Floats, dphi: Floats, *, trial_mass: float
) -> Reconstructed:
    """Events of an electron pair, one jet and missing momentum, with this mT2 and azimuth.

    Both electrons have the momentum c along the missing momentum q and s across it, on either side.
    By this symmetry the least of the larger transverse mass is where both invisible particles have
    q / 2 along it, and, with M^2 = mu^2 + q^2 / 4,

        mT2^2 = m^2 + mu^2 + 2 M sqrt(m^2 + c^2) - c q

    for a trial mass mu, whatever s is; solved for c, with A = (mT2^2 - m^2 - mu^2) / 2,

        c = (A q / 2 + M sqrt(A^2 - m^2 mu^2)) / mu^2.
    """
    mu, q, m = trial_mass, _MET, _ELECTRON_MASS
    whole = np.sqrt(mu**2 + q**2 / 4)
    # mT2 cannot be below mu + m.
    half = np.maximum((mt2**2 - m**2 - mu**2) / 2, m * mu)
    along = (half * q / 2 + whole * np.sqrt(half**2 - (m * mu) ** 2)) / mu**2
    phi = _azimuth(rng, len(mt2))
    side = np.copysign(dphi, rng.random(len(mt2)) - 0.5)
    apart = np.arctan2(_ACROSS, along)
    signs = np.tile(np.array([1, -1], dtype=np.int32), len(mt2))
    leptons = Leptons(
        event=np.repeat(np.arange(len(mt2)), 2),
        pt=np.repeat(np.hypot(along, _ACROSS), 2),
        eta=np.zeros(2 * len(mt2)),
        phi=_wrapped(np.repeat(phi, 2) + signs * np.repeat(apart, 2)),
        charge=signs,
        electron=np.ones(2 * len(mt2), dtype=np.bool_),
    )
    pt = np.full(len(mt2), _JET_PT)
    return Reconstructed(
        jets=_jets(pt, np.zeros(len(mt2)), _wrapped(phi + side)),
        leptons=leptons,
        met=np.full(len(mt2), q),
        met_phi=phi,
    )


def _jets(pt: Floats, eta: Floats, phi: Floats) -> Jets:
    """One massless jet without a tag in each event."""
    whole, mass = np.zeros(len(pt), dtype=np.uint32), np.zeros(len(pt))
    event = np.arange(len(pt))
    return Jets(event=event, pt=pt, eta=eta, phi=phi, mass=mass, btag=whole, flavour=whole)


def _azimuth(rng: np.random.Generator, events: int) -> Floats:
    return np.asarray(np.pi * (1.0 - 2.0 * rng.random(events)))


def _wrapped(phi: Floats) -> Floats:
    """Azimuths in [-pi, pi]."""
    return np.asarray(np.pi - np.remainder(np.pi - phi, 2 * np.pi))


KINDS: Mapping[tuple[str, ...], Kind] = {
    ("jet1_pt", "jet1_eta"): Kind(make=one_jet, seconds=1e-6, size=80),
    ("mt2_lepton1_lepton2_275", "dphi_jet1_met"): Kind(
        make=partial(pair_and_jet, trial_mass=275.0), seconds=1.2e-6, size=85
    ),
}


def kind_of(observables: Sequence[str]) -> Kind:
    """How events of these observables are made.

    Raises:
        KeyError: Nobody has written down how.
    """
    return KINDS[tuple(observables)]
