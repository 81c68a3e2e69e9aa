"""Reconstructed objects that count: cut, ordered by pT, kept as flat arrays with a count per event.

E events. Kinds of object: jet, bjet and tau (jets that carry the tag), electron, muon, lepton
(electrons and muons merged), met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import awkward as ak
import numpy as np
import numpy.typing as npt

from rayscan.arrays import Flags, Floats, Integers
from rayscan.events.flat import leaves as leaves_of
from rayscan.events.flat import member
from rayscan.events.observables.kinematics import ELECTRON_MASS, MUON_MASS

# kind -> property -> leaf of the Delphes collection. Nothing here may come from the truth record.
_JET = {
    "pt": "Jet.PT",
    "eta": "Jet.Eta",
    "phi": "Jet.Phi",
    "mass": "Jet.Mass",
    "btag": "Jet.BTag",
    "tautag": "Jet.TauTag",
}
LEAVES: Mapping[str, Mapping[str, str]] = {
    "jet": _JET,
    "bjet": _JET,
    "tau": _JET,
    "electron": {
        "pt": "Electron.PT",
        "eta": "Electron.Eta",
        "phi": "Electron.Phi",
        "charge": "Electron.Charge",
    },
    "muon": {"pt": "Muon.PT", "eta": "Muon.Eta", "phi": "Muon.Phi", "charge": "Muon.Charge"},
    "met": {"pt": "MissingET.MET", "phi": "MissingET.Phi"},
}
TAGS = {"bjet": "btag", "tau": "tautag"}  # bit masks; the lowest bit is the card's default
FLAVOURS = {"electron": 11, "muon": 13}  # PDG particle codes
_MASSES = {"electron": ELECTRON_MASS, "muon": MUON_MASS}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectCuts:
    """Which objects of one kind count.

    Attributes:
        pt_min: Least transverse momentum [GeV], included.
        abs_eta_max: Largest absolute pseudorapidity, included; None for no limit.
    """

    pt_min: float = 0.0
    abs_eta_max: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pt_min) and self.pt_min >= 0):
            raise ValueError(f"pt_min: {self.pt_min}, expected a number of GeV, at least 0")
        limit = self.abs_eta_max
        if limit is not None and not (math.isfinite(limit) and limit > 0):
            raise ValueError(f"abs_eta_max: {limit}, expected a number above 0, or nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Which reconstructed objects count, everywhere in a scan.

    Attributes:
        jets: Cuts on jets, whatever tag they carry.
        bjets: Cuts on b-tagged jets, in place of those on jets; where nothing is said every one of
            the file counts.
        taus: Cuts on tau-tagged jets, likewise.
        electrons: Cuts on electrons.
        muons: Cuts on muons.
    """

    jets: ObjectCuts = field(default_factory=ObjectCuts)
    bjets: ObjectCuts = field(default_factory=ObjectCuts)
    taus: ObjectCuts = field(default_factory=ObjectCuts)
    electrons: ObjectCuts = field(default_factory=ObjectCuts)
    muons: ObjectCuts = field(default_factory=ObjectCuts)

    def cuts(self, kind: str) -> ObjectCuts:
        """The cuts on a kind of object; none on met."""
        known = {
            "jet": self.jets,
            "bjet": self.bjets,
            "tau": self.taus,
            "electron": self.electrons,
            "muon": self.muons,
        }
        return known.get(kind, ObjectCuts())


def leaves(kind: str, name: str, objects: Objects) -> frozenset[str]:
    """Leaf branches behind one property of one kind of object, with those its cuts need."""
    if kind == "lepton":
        return leaves("electron", name, objects) | leaves("muon", name, objects)
    # Objects are ordered by pT, so whatever is asked of them needs it.
    names = {name} if kind == "met" else {"pt", name} & LEAVES[kind].keys()
    if kind in TAGS:
        names.add(TAGS[kind])
    if objects.cuts(kind).abs_eta_max is not None:
        names.add("eta")
    return frozenset(LEAVES[kind][n] for n in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Objects of one kind in E events, flat, ordered by event and then by falling pT.

    Their number per event, shape (E,), and each property of all objects, shape (sum of counts,).
    """

    counts: Integers
    values: Mapping[str, Floats]

    @property
    def event(self) -> Integers:
        """Event of each object."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def leading(self, rank: int, name: str) -> Floats:
        """A property of the object of that rank (1 = highest pT), shape (E,); NaN where absent."""
        return member(self.counts, self.values[name], rank - 1)

    def total(self, values: npt.ArrayLike) -> Floats:
        """Sum over the objects of each event, shape (E,); 0 where there is none."""
        addends = np.asarray(values, dtype=np.float64)
        summed = np.bincount(self.event, weights=addends, minlength=len(self.counts))
        return summed.astype(np.float64)

    def kept(self, mask: Flags) -> Collection:
        """The objects for which the mask holds."""
        counts = np.bincount(self.event[mask], minlength=len(self.counts))
        return Collection(counts=counts, values={n: v[mask] for n, v in self.values.items()})

    def ordered(self) -> Collection:
        """The same objects by falling pT within each event; equal pT keep their order."""
        order = np.lexsort((-self.values["pt"], self.event))
        return Collection(counts=self.counts, values={n: v[order] for n, v in self.values.items()})


class Reconstructed:
    """The objects of a slice that count, of its leaf branches; prepared when first asked for."""

    def __init__(self, columns: Mapping[str, ak.Array], objects: Objects) -> None:

        self._columns = columns
        self._objects = objects
        self._known: dict[str, Collection] = {}

    def of(self, kind: str) -> Collection:
        """The objects of one kind."""
        if kind not in self._known:
            self._known[kind] = self._merged() if kind == "lepton" else self._single(kind)
        return self._known[kind]

    def _single(self, kind: str) -> Collection:
        read = {n: b for n, b in LEAVES[kind].items() if b in self._columns}
        found = _flat({name: self._columns[branch] for name, branch in read.items()})
        if kind == "met":
            return found
        cuts = self._objects.cuts(kind)
        # Comparing float32 with a Python number is done in float32: 30.1 GeV means float32(30.1).
        mask = found.values["pt"] >= cuts.pt_min
        if cuts.abs_eta_max is not None:
            mask &= np.abs(found.values["eta"]) <= cuts.abs_eta_max
        if kind in TAGS:
            mask &= found.values[TAGS[kind]].astype(np.int64) % 2 == 1
        return found.kept(mask).ordered()

    def _merged(self) -> Collection:
        parts = [_labelled(self.of(kind), kind) for kind in FLAVOURS]
        names = set.intersection(*(set(part.values) for part in parts))
        event = np.concatenate([part.event for part in parts])
        order = np.argsort(event, kind="stable")
        values = {n: np.concatenate([part.values[n] for part in parts])[order] for n in names}
        counts = np.sum([part.counts for part in parts], axis=0)
        return Collection(counts=counts, values=values).ordered()


def _flat(columns: Mapping[str, ak.Array]) -> Collection:
    # Delphes writes one-per-event records as jagged of length 1; other writers as plain numbers.
    flat = leaves_of(columns)
    counts = next(iter(flat.values())).counts.astype(np.int64)
    return Collection(counts=counts, values={name: leaf.values for name, leaf in flat.items()})


def _labelled(part: Collection, kind: str) -> Collection:
    known = {"flavour": float(FLAVOURS[kind]), "mass": _MASSES[kind]}
    columns = {name: np.full(len(part.values["pt"]), value) for name, value in known.items()}
    return Collection(counts=part.counts, values={**part.values, **columns})
