"""Stransverse mass of two objects, with a trial mass in its name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from rayscan.arrays import Floats
from rayscan.events.observables import mt2 as stransverse_mass
from rayscan.events.observables.base import OBJECT, Item, Kind, Observable
from rayscan.events.reconstruction import Reconstructed


class Stransverse(Kind):
    """``mt2_lepton1_lepton2_275``, for a trial mass of 275 GeV."""

    def find(self, own: str, name: str) -> Observable | None:
        """Of the two objects and the trial mass that the name ends with."""
        found = re.fullmatch(rf"{own}_({OBJECT})_({OBJECT})_(\d{{1,5}})", name)
        if found is None or found[1] == found[2]:
            return None
        return _stransverse(Item.parse(found[1]), Item.parse(found[2]), float(found[3]))

    def names(self, own: str, items: Sequence[str]) -> Iterable[str]:
        """Each two objects, in both orders, without a trial mass."""
        return (f"{own}_{a}_{b}_0" for a, b in itertools.permutations(items, 2))


def _stransverse(first: Item, second: Item, trial_mass: float) -> Observable:
    """mT2 of two objects with the missing transverse momentum, for a trial mass [GeV]."""
    met = Item(kind="met")
    visible = ("pt", "phi", "mass")

    def values(event: Reconstructed) -> Floats:
        return stransverse_mass.mt2(
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
