"""Resolutions, efficiencies and tag rates of the ATLAS detector, as Delphes' ATLAS card has them.

Source: delphes/delphes, cards/delphes_card_ATLAS.tcl (arXiv:1307.6346). Energies, momenta in [GeV].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rayscan.arrays import Floats

CALORIMETER_REACH = 4.9
"""Pseudorapidity up to which energy is measured."""
TRACKER_REACH = 2.5
"""Pseudorapidity up to which leptons are found and b jets are tagged."""
ECAL_SHARE = 0.3
"""Share of a jet's energy in the electromagnetic calorimeter (the rest in the hadronic one)."""


def electromagnetic_resolution(energy: Floats, eta: Floats) -> Floats:
    """Standard deviation [GeV] of an energy in the electromagnetic calorimeter."""
    central = (0.0017 * energy) ** 2 + 0.101**2 * energy
    forward = (0.0350 * energy) ** 2 + 0.285**2 * energy
    return np.asarray(np.sqrt(np.where(np.abs(eta) <= 3.2, central, forward)))


def hadronic_resolution(energy: Floats, eta: Floats) -> Floats:
    """Standard deviation [GeV] of an energy in the hadronic calorimeter."""
    barrel = (0.0302 * energy) ** 2 + 0.5205**2 * energy + 1.59**2
    endcap = (0.0500 * energy) ** 2 + 0.706**2 * energy
    forward = (0.0942 * energy) ** 2 + energy
    size = np.abs(eta)
    return np.asarray(
        np.sqrt(np.where(size <= 1.7, barrel, np.where(size <= 3.2, endcap, forward)))
    )


def jet_resolution(energy: Floats, eta: Floats) -> Floats:
    """Standard deviation [GeV] of a jet's energy, shared 30 : 70 between the two calorimeters."""
    electromagnetic = electromagnetic_resolution(ECAL_SHARE * energy, eta)
    hadronic = hadronic_resolution((1.0 - ECAL_SHARE) * energy, eta)
    return np.hypot(electromagnetic, hadronic)


def electron_resolution(energy: Floats, eta: Floats) -> Floats:
    """Relative standard deviation of an electron's energy."""
    return electromagnetic_resolution(energy, eta) / energy


def muon_resolution(pt: Floats, eta: Floats) -> Floats:
    """Relative standard deviation of a muon's transverse momentum."""
    size = np.abs(eta)
    floor = np.where(size <= 0.5, 0.010, np.where(size <= 1.5, 0.015, 0.025))
    slope = np.where(size <= 0.5, 1.0e-4, np.where(size <= 1.5, 1.5e-4, 3.5e-4))
    return np.hypot(floor, slope * pt)


def electron_efficiency(eta: Floats) -> Floats:
    """Probability to track and identify an electron above 10 GeV."""
    size = np.abs(eta)
    endcap = np.where(size <= TRACKER_REACH, 0.83 * 0.85, 0.0)
    return np.where(size <= 1.5, 0.95 * 0.95, endcap)


def muon_efficiency(eta: Floats) -> Floats:
    """Probability to track and identify a muon above 10 GeV."""
    size = np.abs(eta)
    endcap = np.where(size <= TRACKER_REACH, 0.98 * 0.85, 0.0)
    return np.where(size <= 1.5, 0.99 * 0.95, endcap)


def btag_probability(pt: Floats, eta: Floats, flavour: NDArray[np.uint32]) -> Floats:
    """Probability of a b tag for a jet of flavour 5 (b), 4 (c) or another; 0 beyond the tracker."""
    bottom = 0.80 * np.tanh(0.003 * pt) * 30.0 / (1.0 + 0.086 * pt)
    charm = 0.20 * np.tanh(0.02 * pt) / (1.0 + 0.0034 * pt)
    light = 0.002 + 7.3e-6 * pt
    tag = np.where(flavour == 5, bottom, np.where(flavour == 4, charm, light))
    return np.where(np.abs(eta) <= TRACKER_REACH, tag, 0.0)
