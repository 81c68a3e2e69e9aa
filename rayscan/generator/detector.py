"""A parametrised detector: generated particles to jets, leptons and missing transverse momentum.

Modelled: calorimeter resolution, lepton efficiency and resolution, b tagging, missing momentum from
what was seen plus a soft term. Not modelled: isolation, pile-up, fake leptons, displaced energy.
Shape letters: E events, P particles, J jets, L leptons.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rayscan.arrays import Flags, Floats, Integers
from rayscan.generator import detector_card as card
from rayscan.generator.particles import Jets, Leptons, Particles, Reconstructed

INVISIBLE = (12, 14, 16, 36, 1000022)
"""PDG codes that leave no signal: neutrinos, the ALP's stand-in, the lightest neutralino."""
SOFT_TERM = 4.0
"""Standard deviation [GeV] of each component of the unclustered missing momentum."""
LEPTON_PT_MIN = 10.0
JET_PT_MIN = 20.0
MATCHING_RADIUS = 0.4


class Clustering(Protocol):
    """How energy deposits become jets; particles in, jets (as particles of code 0) out."""

    def __call__(self, deposits: Particles, events: int) -> Particles:
        """The jets of ``events`` events."""
        ...


def partons_as_jets(deposits: Particles, events: int) -> Particles:  # noqa: ARG001 (a Clustering)
    """Every parton is a jet: the hard process alone."""
    return deposits


def _sum(values: Floats, event: Integers, events: int) -> Floats:
    # bincount of nothing is integer even with float weights
    return np.bincount(event, values, events).astype(np.float64)


def reconstruct(
    final: Particles,
    heavy_quarks: Particles,
    events: int,
    *,
    clustering: Clustering,
    rng: np.random.Generator,
) -> Reconstructed:
    """Reconstructed events from final particles; c and b quarks give jets their flavour."""
    found, truth = leptons(final, rng)
    code = np.abs(final.pdg_id)
    deposit = ~np.isin(code, (*INVISIBLE, 13)) & (np.abs(final.eta) < card.CALORIMETER_REACH)
    deposit[truth] = False
    deposits = final.take(deposit)
    clustered = clustering(deposits, events)
    scale = _scale(card.jet_resolution(clustered.energy, clustered.eta) / clustered.energy, rng)
    flavour = jet_flavour(clustered, heavy_quarks, events)
    missing = []
    for name, direction in (("px", np.cos), ("py", np.sin)):
        seen = _sum(getattr(deposits, name), deposits.event, events)
        seen += _sum((scale - 1.0) * getattr(clustered, name), clustered.event, events)
        seen += _sum(found.pt * direction(found.phi), found.event, events)
        missing.append(SOFT_TERM * rng.standard_normal(events) - seen)
    return Reconstructed(
        jets=_jets(clustered, scale, flavour, rng),
        leptons=found,
        met=np.hypot(*missing),
        met_phi=np.arctan2(missing[1], missing[0]),
    )


def _scale(relative: Floats, rng: np.random.Generator) -> Floats:
    """Factors on an energy, normal about 1 with a relative width, kept positive."""
    return np.asarray(np.clip(1.0 + relative * rng.standard_normal(len(relative)), 0.05, 4.0))


def leptons(final: Particles, rng: np.random.Generator) -> tuple[Leptons, Integers]:
    """Reconstructed electrons and muons, and the places of their particles in ``final``, (L,)."""
    code = np.abs(final.pdg_id)
    candidate = np.flatnonzero(((code == 11) | (code == 13)) & (final.pt > 0.5 * LEPTON_PT_MIN))
    true = final.take(candidate)
    pt, eta = true.pt, true.eta
    electron = np.abs(true.pdg_id) == 11
    efficiency = np.where(electron, card.electron_efficiency(eta), card.muon_efficiency(eta))
    width = np.where(
        electron, card.electron_resolution(true.energy, eta), card.muon_resolution(pt, eta)
    )
    found = rng.random(len(pt)) < efficiency
    measured = pt * _scale(width, rng)
    kept = np.flatnonzero(found & (measured > LEPTON_PT_MIN))
    kept = kept[np.lexsort((-measured[kept], true.event[kept]))]
    columns = Leptons(
        event=true.event,
        pt=measured,
        eta=eta,
        phi=true.phi,
        charge=-np.sign(true.pdg_id).astype(np.int32),
        electron=electron,
    )
    return columns.take(kept), candidate[kept]


def _jets(clustered: Particles, scale: Floats, flavour: Integers, rng: np.random.Generator) -> Jets:
    squared = clustered.energy**2 - clustered.px**2 - clustered.py**2 - clustered.pz**2
    pt, eta, kind = clustered.pt * scale, clustered.eta, flavour.astype(np.uint32)
    tagged: Flags = rng.random(len(pt)) < card.btag_probability(pt, eta, kind)
    jets = Jets(
        event=clustered.event,
        pt=pt,
        eta=eta,
        phi=clustered.phi,
        mass=np.sqrt(np.maximum(squared, 0.0)) * scale,
        btag=tagged.astype(np.uint32),
        flavour=kind,
    )
    hard = np.flatnonzero(pt > JET_PT_MIN)
    return jets.take(hard[np.lexsort((-pt[hard], jets.event[hard]))])


def jet_flavour(jets: Particles, quarks: Particles, events: int) -> Integers:
    """5 for jets with a b quark within a radius of 0.4, else 4 with a c quark, else 0; shape (J,).

    Jets are in the order of their events; quarks below 5 GeV of transverse momentum are ignored.
    """
    quarks = quarks.take(quarks.pt > 5.0)
    count = np.bincount(jets.event, minlength=events)
    first = np.cumsum(count) - count
    many = count[quarks.event]
    quark = np.repeat(np.arange(len(many)), many)
    within = np.arange(len(quark)) - np.repeat(np.cumsum(many) - many, many)
    jet = first[quarks.event][quark] + within
    angle = np.abs(jets.phi[jet] - quarks.phi[quark])
    angle = np.minimum(angle, 2.0 * np.pi - angle)
    near = np.hypot(jets.eta[jet] - quarks.eta[quark], angle) < MATCHING_RADIUS
    flavour: Integers = np.zeros(len(jets.event), dtype=np.int64)
    np.maximum.at(flavour, jet[near], np.abs(quarks.pdg_id[quark[near]]))
    return flavour
