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

_FOUR = ("pt", "eta", "phi", "mass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation(Kind):
    """``dphi_jet1_met``: one number of two objects.

    Attributes:
        unit: Its unit.
        meaning: What it is, in words.
        uses: Properties of both objects that it is computed from.
        formula: Its value in every event, shape (E,), of these properties of the first object and
            then of the second, each of shape (E,).
        objects: Whether it is one of two different objects.
        met: Whether it is one of an object and the missing transverse momentum.
    """

    unit: str
    meaning: str
    uses: tuple[str, ...]
    formula: Callable[..., Floats]
    objects: bool = True
    met: bool = False

    def find(self, own: str, name: str) -> Observable | None:
        """Of the two objects that the name ends with."""
        found = re.fullmatch(rf"{own}_({OBJECT})_({OBJECT}|met)", name)
        if found is None or not self._relates(*found.groups()):
            return None
        first, second = map(Item.parse, found.groups())
        used = [(item, what) for item in (first, second) for what in self.uses]
        return Observable(
            unit=self.unit,
            description=f"{self.meaning} of the {first} and the {second}",
            needs=frozenset((item.kind, what) for item, what in used),
            values=lambda event: self.formula(*(item.value(event, what) for item, what in used)),
        )

    def names(self, own: str, items: Sequence[str]) -> Iterable[str]:
        """Each two objects, in both orders."""
        pairs = itertools.product(items, [*items, "met"])
        return (f"{own}_{a}_{b}" for a, b in pairs if self._relates(a, b))

    def _relates(self, first: str, second: str) -> bool:
        return self.met if second == "met" else self.objects and first != second


def _mass(*values: Floats) -> Floats:
    vectors = (dict(zip(_FOUR, own, strict=True)) for own in (values[:4], values[4:]))
    return kinematics.invariant_mass(*vectors)


DELTA_PHI = Relation(
    unit="rad",
    meaning="azimuthal angle in [0, pi]",
    uses=("phi",),
    formula=kinematics.delta_phi,
    met=True,
)
DELTA_ETA = Relation(
    unit="1",
    meaning="absolute pseudorapidity difference",
    uses=("eta",),
    formula=lambda first, second: np.abs(first - second),
)
DELTA_R = Relation(
    unit="1", meaning="distance in (eta, phi)", uses=("eta", "phi"), formula=kinematics.delta_r
)
MASS = Relation(unit="GeV", meaning="invariant mass", uses=_FOUR, formula=_mass)
TRANSVERSE_MASS = Relation(
    unit="GeV",
    meaning="transverse mass",
    uses=("pt", "phi"),
    formula=kinematics.transverse_mass,
    objects=False,
    met=True,
)
