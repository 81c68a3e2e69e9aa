"""Observables of one object, and numbers of objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from rayscan.arrays import Floats
from rayscan.events.observables.base import OBJECT, OBJECTS, Item, Kind, Observable
from rayscan.events.reconstruction import FLAVOURS, Reconstructed

_PROPERTIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "pt": ("GeV", "transverse momentum", OBJECTS),
    "eta": ("1", "pseudorapidity", OBJECTS),
    "phi": ("rad", "azimuth", OBJECTS),
    "mass": ("GeV", "mass", ("jet", "bjet", "tau")),
    "btag": ("1", "1 if b-tagged, else 0,", ("jet",)),
    "charge": ("e", "charge", ("electron", "muon", "lepton")),
    "flavour": ("1", "11 for an electron, 13 for a muon,", ("lepton",)),
}
_WHOLE = frozenset({"btag", "charge", "flavour"})


class Property(Kind):
    """``jet1_pt``: a property of one object."""

    def find(self, own: str, name: str) -> Observable | None:  # noqa: ARG002
        """Where objects of this kind have that property."""
        found = re.fullmatch(rf"({OBJECT})_([a-z]+)", name)
        item, what = (Item.parse(found[1]), found[2]) if found else (Item(kind=""), "")
        if what not in _PROPERTIES or item.kind not in _PROPERTIES[what][2]:
            return None
        unit, meaning, _ = _PROPERTIES[what]
        return Observable(
            unit=unit,
            description=f"{meaning} of the {item}",
            needs=frozenset({(item.kind, what)}),
            values=lambda event: _value(event, item, what),
            whole=what in _WHOLE,
        )

    def names(self, own: str, items: Sequence[str]) -> Iterable[str]:  # noqa: ARG002
        """Each property of each object."""
        for item in items:
            kind = Item.parse(item).kind
            yield from (f"{item}_{name}" for name, (*_, of) in _PROPERTIES.items() if kind in of)


def _value(event: Reconstructed, item: Item, name: str) -> Floats:
    value = item.value(event, name)
    # BTag is a bit mask; its lowest bit is the default working point of the card.
    return np.where(np.isnan(value), value, value % 2) if name == "btag" else value


def _number(
    what: str, kind: str, name: str, values: Callable[[Reconstructed], Floats]
) -> Observable:
    needs = frozenset({(kind, name)})
    description = f"number of {what}"
    return Observable(unit="1", description=description, needs=needs, values=values, whole=True)


def _all(what: str, kind: str) -> Observable:
    return _number(what, kind, "pt", lambda event: event.of(kind).counts.astype(np.float64))


def _opposite_pairs(event: Reconstructed) -> Floats:
    pairs = np.zeros(0)
    for kind in FLAVOURS:
        found = event.of(kind)
        charge = found.values["charge"]
        made = found.total(charge > 0) * found.total(charge < 0)
        pairs = made + pairs if pairs.size else made
    return pairs


JETS = _all("jets", "jet")
B_JETS = _all("b-tagged jets", "bjet")
TAUS = _all("tau-tagged jets", "tau")
ELECTRONS = _all("electrons", "electron")
MUONS = _all("muons", "muon")
LEPTONS = _all("electrons and muons", "lepton")
PAIRS = _number("same-flavour opposite-sign lepton pairs", "lepton", "charge", _opposite_pairs)
