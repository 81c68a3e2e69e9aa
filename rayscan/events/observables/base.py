"""What each observable is: unit, meaning, what it needs from a file, formula.

E events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayscan.events.observables import kinematics
from rayscan.events.observables.kinematics import ELECTRON_MASS, MUON_MASS, Floats
from rayscan.events.reconstruction import FLAVOURS, Reconstructed

_UNITS = {"pt": "GeV", "eta": "1", "phi": "rad", "mass": "GeV", "btag": "1", "charge": "e"}
_MEANINGS = {
    "pt": "transverse momentum",
    "eta": "pseudorapidity",
    "phi": "azimuth",
    "mass": "mass",
    "btag": "1 if b-tagged, else 0,",
    "charge": "charge",
    "flavour": "11 for an electron, 13 for a muon,",
}
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "jet": ("pt", "eta", "phi", "mass", "btag"),
    "electron": ("pt", "eta", "phi", "charge"),
    "muon": ("pt", "eta", "phi", "charge"),
    "lepton": ("pt", "eta", "phi", "charge", "flavour"),
}
COUNTED = {
    "n_jets": "jets",
    "n_bjets": "b-tagged jets",
    "n_taus": "tau-tagged jets",
    "n_electrons": "electrons",
    "n_muons": "muons",
    "n_leptons": "electrons and muons",
    "n_sfos": "same-flavour opposite-sign lepton pairs",
}
_ORDINALS = {1: "leading", 2: "second", 3: "third"}
_FOUR = ("pt", "eta", "phi", "mass")

_Values = Callable[[Reconstructed], npt.NDArray[np.floating]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An object of an event: its kind, and its rank in pT."""

    kind: str
    rank: int = 1

    @classmethod
    def parse(cls, text: str) -> Item:
        """``jet2`` is the second jet, ``met`` the missing transverse momentum."""
        kind = text.rstrip("0123456789")
        return cls(kind=kind, rank=int(text.removeprefix(kind) or 1))

    def value(self, event: Reconstructed, name: str) -> Floats:
        """A property of the object in every event, shape (E,); NaN where it is absent."""
        if name == "mass" and self.kind == "electron":
            return np.full_like(self.value(event, "pt"), ELECTRON_MASS)
        if name == "mass" and self.kind == "muon":
            return np.full_like(self.value(event, "pt"), MUON_MASS)
        return event.of(self.kind).leading(self.rank, name)

    def vector(self, event: Reconstructed, names: tuple[str, ...]) -> dict[str, Floats]:
        """Several properties by name."""
        return {name: self.value(event, name) for name in names}

    def __str__(self) -> str:
        if self.kind == "met":
            return "missing transverse momentum"
        return f"{_ORDINALS.get(self.rank, f'{self.rank}th')} {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """One observable: what it is, the (kind, property) pairs it needs, and how it is computed."""

    unit: str
    description: str
    needs: frozenset[tuple[str, str]]
    values: _Values


def single(item: Item, name: str) -> Observable:
    """A property of one object."""

    def values(event: Reconstructed) -> Floats:
        value = item.value(event, name)
        # BTag is a bit mask; its lowest bit is the default working point of the card.
        return np.where(np.isnan(value), value, value % 2) if name == "btag" else value

    return Observable(
        unit=_UNITS.get(name, "1"),
        description=f"{_MEANINGS[name]} of the {item}",
        needs=frozenset({(item.kind, name)}),
        values=values,
    )


def pair(relation: str, first: Item, second: Item) -> Observable:
    """A relation of two objects."""
    unit, what, used, formula = RELATIONS[relation]
    return Observable(
        unit=unit,
        description=f"{what} of the {first} and the {second}",
        needs=frozenset((item.kind, name) for item in (first, second) for name in used),
        values=lambda event: formula(event, first, second),
    )


def stransverse(first: Item, second: Item, trial_mass: float) -> Observable:
    """mT2 of two objects with the missing transverse momentum, for a trial mass [GeV]."""
    met = Item(kind="met")
    visible = ("pt", "phi", "mass")

    def values(event: Reconstructed) -> Floats:
        return kinematics.stransverse_mass(
            first.vector(event, visible),
            second.vector(event, visible),
            met.vector(event, ("pt", "phi")),
            trial_mass=trial_mass,
        )

    return Observable(
        unit="GeV",
        description=f"stransverse mass of the {first} and the {second}, trial mass "
        f"{trial_mass:g} GeV (mT2 itself, which is at least the trial mass)",
        needs=frozenset({(item.kind, name) for item in (first, second) for name in visible})
        | {("met", "pt"), ("met", "phi")},
        values=values,
    )


def relates(relation: str, first: str, second: str) -> bool:
    """Whether the relation is defined for these two objects."""
    if second == "met":
        return relation in {"dphi", "mt"}
    return first != second and relation != "mt"


def _delta_phi(event: Reconstructed, a: Item, b: Item) -> Floats:
    return kinematics.delta_phi(a.value(event, "phi"), b.value(event, "phi"))


def _delta_eta(event: Reconstructed, a: Item, b: Item) -> Floats:
    return np.abs(a.value(event, "eta") - b.value(event, "eta"))


def _delta_r(event: Reconstructed, a: Item, b: Item) -> Floats:
    return kinematics.delta_r(
        *(item.value(event, name) for item in (a, b) for name in ("eta", "phi"))
    )


def _mass(event: Reconstructed, a: Item, b: Item) -> Floats:
    return kinematics.invariant_mass(a.vector(event, _FOUR), b.vector(event, _FOUR))


def _transverse_mass(event: Reconstructed, a: Item, met: Item) -> Floats:
    return kinematics.transverse_mass(
        *(item.value(event, name) for item in (a, met) for name in ("pt", "phi"))
    )


_Formula = Callable[[Reconstructed, Item, Item], Floats]
RELATIONS: Mapping[str, tuple[str, str, tuple[str, ...], _Formula]] = {
    "dphi": ("rad", "azimuthal angle in [0, pi]", ("phi",), _delta_phi),
    "deta": ("1", "absolute pseudorapidity difference", ("eta",), _delta_eta),
    "dr": ("1", "distance in (eta, phi)", ("eta", "phi"), _delta_r),
    "m": ("GeV", "invariant mass", _FOUR, _mass),
    "mt": ("GeV", "transverse mass", ("pt", "phi"), _transverse_mass),
}


def _tagged(event: Reconstructed, name: str) -> Floats:
    jets = event.of("jet")
    return jets.total(jets.values[name].astype(np.int64) & 1)


def _opposite_pairs(event: Reconstructed) -> Floats:
    pairs = np.zeros(0)
    for kind in FLAVOURS:
        found = event.of(kind)
        charge = found.values["charge"]
        made = found.total(charge > 0) * found.total(charge < 0)
        pairs = made + pairs if pairs.size else made
    return pairs


def count(name: str) -> Observable:
    """A number of objects."""
    special: Mapping[str, tuple[set[tuple[str, str]], _Values]] = {
        "n_bjets": ({("jet", "btag")}, lambda event: _tagged(event, "btag")),
        "n_taus": ({("jet", "tautag")}, lambda event: _tagged(event, "tautag")),
        "n_sfos": ({("lepton", "charge")}, _opposite_pairs),
    }
    kind = name.removeprefix("n_").removesuffix("s")

    def plain(event: Reconstructed) -> Floats:
        return event.of(kind).counts.astype(np.float64)

    used, values = special.get(name, ({(kind, "pt")}, plain))
    return Observable(
        unit="1",
        description=f"number of {COUNTED[name]}",
        needs=frozenset(used),
        values=values,
    )


EVENT: Mapping[str, Observable] = {
    "met": Observable(
        unit="GeV",
        description="missing transverse momentum",
        needs=frozenset({("met", "pt")}),
        values=lambda event: event.of("met").leading(1, "pt"),
    ),
    "met_phi": Observable(
        unit="rad",
        description="azimuth of the missing transverse momentum",
        needs=frozenset({("met", "phi")}),
        values=lambda event: event.of("met").leading(1, "phi"),
    ),
    "ht": Observable(
        unit="GeV",
        description="scalar sum of the transverse momenta of the jets",
        needs=frozenset({("jet", "pt")}),
        values=lambda event: event.of("jet").total(event.of("jet").values["pt"]),
    ),
}
