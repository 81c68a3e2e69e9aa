"""Formulas between two objects of one event.

Angles in [rad], momenta, energies and masses in [GeV]; every array has shape (E,), float64, and an
absent object is NaN, which the formulas carry through.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from mt2 import mt2_ufunc

from rayscan.arrays import Floats

# Particle Data Group, Phys. Rev. D 110, 030001 (2024) [GeV].
ELECTRON_MASS = 0.51099895e-3
MUON_MASS = 0.1056583755
# float32(pi) is above pi: an event back to back would fall out of an axis that ends at pi.
_PI_BELOW = float(np.nextafter(np.float32(np.pi), np.float32(0)))


def delta_phi(phi_1: Floats, phi_2: Floats) -> Floats:
    """Azimuthal angle between two directions [rad], in [0, pi], also after rounding to float32.

    >>> delta_phi(np.array([3.0]), np.array([-3.0])).round(4)
    array([0.2832])
    """
    apart = np.remainder(np.abs(phi_1 - phi_2), 2 * np.pi)
    within: Floats = np.minimum(np.minimum(apart, 2 * np.pi - apart), _PI_BELOW)
    return within


def delta_r(eta_1: Floats, phi_1: Floats, eta_2: Floats, phi_2: Floats) -> Floats:
    """Distance in the (eta, phi) plane."""
    return np.hypot(eta_1 - eta_2, delta_phi(phi_1, phi_2))


def invariant_mass(first: Mapping[str, Floats], second: Mapping[str, Floats]) -> Floats:
    """Invariant mass [GeV] of two objects given by ``pt``, ``eta``, ``phi`` and ``mass``."""
    total = np.asarray(four_momentum(first)) + np.asarray(four_momentum(second))
    squared = total[0] ** 2 - (total[1:] ** 2).sum(axis=0)
    mass: Floats = np.sqrt(np.maximum(squared, 0.0))
    return mass


def four_momentum(particle: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats, Floats]:
    """(E, px, py, pz) [GeV] of an object given by ``pt``, ``eta``, ``phi`` and ``mass``."""
    pt = particle["pt"]
    px, py = pt * np.cos(particle["phi"]), pt * np.sin(particle["phi"])
    pz = pt * np.sinh(particle["eta"])
    return np.sqrt(px**2 + py**2 + pz**2 + particle["mass"] ** 2), px, py, pz


def transverse_mass(pt: Floats, phi: Floats, met: Floats, met_phi: Floats) -> Floats:
    """Transverse mass [GeV] of a massless object and the missing transverse momentum.

    mT^2 = 2 pT MET (1 - cos(delta phi)); its endpoint is m(W) for W -> l nu.
    """
    mass: Floats = np.sqrt(2 * pt * met * (1 - np.cos(phi - met_phi)))
    return mass


def stransverse_mass(
    first: Mapping[str, Floats],
    second: Mapping[str, Floats],
    missing: Mapping[str, Floats],
    *,
    trial_mass: float,
) -> Floats:
    """Stransverse mass mT2 [GeV] of two visible objects and the missing transverse momentum.

    The least, over all ways to share the missing momentum between two invisible particles of the
    trial mass [GeV], of the larger of the two transverse masses (Lester, Summers, hep-ph/9906349),
    by the package ``mt2``. Good to 1e-6 GeV; for electrons to some 0.01 GeV where they are
    collinear or mT2 vanishes. At least the larger visible mass plus the trial mass; NaN where an
    object is absent. Visible objects have ``pt``, ``phi`` and ``mass``.
    """
    present = np.isfinite(first["pt"] + second["pt"] + missing["pt"])
    one, other, unseen = (
        (side["pt"] * np.cos(side["phi"]), side["pt"] * np.sin(side["phi"]))
        for side in (first, second, missing)
    )
    out: Floats = np.full(len(present), np.nan)
    visible = (first["mass"], *one, second["mass"], *other)
    mt2_ufunc(*visible, *unseen, trial_mass, trial_mass, 0.0, out=out, where=present)
    return out
