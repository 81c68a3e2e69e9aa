"""Which reconstructed events the generator keeps."""

from __future__ import annotations

import numpy as np

from rayscan.arrays import Flags, Integers
from rayscan.generator.particles import Columns, Jets, Leptons, Reconstructed
from rayscan.generator.recipes import Count, Preselection


def passes(events: Reconstructed, demands: Preselection) -> Flags:
    """Whether each event meets all demands of a preselection, shape (E,)."""
    keep = events.met > demands.met_min
    if demands.jet1_pt_min > 0.0:
        keep &= _leading_jet(events, demands)
    for count in demands.counts:
        number = _number(_counted(events, count), events.events)
        keep &= number >= count.at_least
        if count.at_most is not None:
            keep &= number <= count.at_most
    if demands.same_flavour_pair:
        counted = next(count for count in demands.counts if count.object == "lepton")
        keep &= _same_flavour_pair(events, counted)
    return np.asarray(keep)


def _number(objects: Columns, events: int) -> Integers:
    return np.bincount(objects.event, minlength=events)


def _leading_jet(events: Reconstructed, demands: Preselection) -> Flags:
    jets = events.jets
    leading = np.diff(jets.event, prepend=-1) > 0  # jets are ordered by event, hardest first
    good = leading & (jets.pt > demands.jet1_pt_min) & (np.abs(jets.eta) < demands.jet1_abs_eta_max)
    return np.asarray(_number(jets.take(good), events.events) == 1)


def _counted(events: Reconstructed, count: Count) -> Jets | Leptons:
    objects = events.leptons if count.object == "lepton" else events.jets
    good = (objects.pt > count.pt_min) & (np.abs(objects.eta) < count.abs_eta_max)
    if count.object == "bjet":
        good &= events.jets.btag > 0
    return objects.take(good)


def _same_flavour_pair(events: Reconstructed, count: Count) -> Flags:
    leptons = events.leptons
    good = (leptons.pt > count.pt_min) & (np.abs(leptons.eta) < count.abs_eta_max)
    pair = leptons.take(good)
    electrons = _number(pair.take(pair.electron), events.events)
    charge = np.bincount(pair.event, pair.charge, events.events)
    two = _number(pair, events.events) == 2
    return np.asarray(two & (electrons != 1) & (charge == 0.0))
