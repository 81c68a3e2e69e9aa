"""Relations of two objects of one event."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rayscan.arrays import Floats
from rayscan.events.observables import kinematics
from rayscan.events.observables.base import OBJECT, Item, Kind, Observable
from rayscan.events.reconstruction import Reconstructed

_FOUR = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(Kind):
    """``dphi_jet1_met``: one number of two objects.

    Attributes:
        unit: Its unit.
        meaning: What it is, in words.
        uses: Properties of both objects that it is computed from.
        formula: Its value in every event, shape (E,).
        objects: Whether it is one of two different objects.
        met: Whether it is one of an object and the missing transverse momentum.
    """

    unit: str
    meaning: str
    uses: tuple[str, ...]
    formula: Callable[[Reconstructed, Item, Item], Floats]
    objects: bool = True
    met: bool = False

    def find(self, own: str, name: str) -> Observable | None:
        """Of the two objects that the name ends with."""
        found = re.fullmatch(rf"{own}_({OBJECT})_({OBJECT}|met)", name)
        if found is None or not self._relates(*found.groups()):
            return None
        first, second = map(Item.parse, found.groups())
        return Observable(
            unit=self.unit,
            description=f"{self.meaning} of the {first} and the {second}",
            needs=frozenset((item.kind, what) for item in (first, second) for what in self.uses),
            values=lambda event: self.formula(event, first, second),
        )

    def names(self, own: str, items: Sequence[str]) -> Iterable[str]:
        """Each two objects, in both orders."""
        pairs = itertools.product(items, [*items, "met"])
        return (f"{own}_{a}_{b}" for a, b in pairs if self._relates(a, b))

    def _relates(self, first: str, second: str) -> bool:
        return self.met if second == "met" else self.objects and first != second


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


DELTA_PHI = Relation(
    unit="rad", meaning="azimuthal angle in [0, pi]", uses=("phi",), formula=_delta_phi, met=True
)
DELTA_ETA = Relation(
    unit="1", meaning="absolute pseudorapidity difference", uses=("eta",), formula=_delta_eta
)
DELTA_R = Relation(
    unit="1", meaning="distance in (eta, phi)", uses=("eta", "phi"), formula=_delta_r
)
MASS = Relation(unit="GeV", meaning="invariant mass", uses=_FOUR, formula=_mass)
TRANSVERSE_MASS = Relation(
    unit="GeV",
    meaning="transverse mass",
    uses=("pt", "phi"),
    formula=_transverse_mass,
    objects=False,
    met=True,
)
