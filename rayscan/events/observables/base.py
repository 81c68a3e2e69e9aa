"""What an observable is, the objects it is made of, and kinds of observables with many names.

E events.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rayscan.arrays import Floats, Reals
from rayscan.events.observables.kinematics import ELECTRON_MASS, MUON_MASS
from rayscan.events.reconstruction import Reconstructed

OBJECTS = ("jet", "bjet", "tau", "electron", "muon", "lepton")
OBJECT = rf"(?:{'|'.join(OBJECTS)})[1-9]\d?"
_ORDINALS = {1: "leading", 2: "second", 3: "third"}
_KINDS = {"bjet": "b-tagged jet", "tau": "tau-tagged jet"}


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
        return f"{_ORDINALS.get(self.rank, f'{self.rank}th')} {_KINDS.get(self.kind, self.kind)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """One observable.

    Attributes:
        unit: Its unit, ``1`` for none.
        description: What it is, in words.
        needs: The (kind, property) pairs of reconstructed objects that it is computed from.
        values: Its value in every event, shape (E,); NaN where an object is absent.
        whole: Whether its values are whole numbers: bins of its spectrum are centred on them.
        width: Of the narrowest bin of its spectrum; by default by its unit.
    """

    unit: str
    description: str
    needs: frozenset[tuple[str, str]]
    values: Callable[[Reconstructed], Reals]
    whole: bool = False
    width: float | None = None

    @property
    def grain(self) -> float:
        """Width of the narrowest bin of its spectrum: 1 GeV, pi / 64 rad."""
        if self.whole:
            return 1.0
        return self.width or {"GeV": 1.0, "rad": math.pi / 64}.get(self.unit, 1 / 64)


class Kind(ABC):
    """Observables of one formula, whose names say of which objects."""

    @abstractmethod
    def find(self, own: str, name: str) -> Observable | None:
        """The observable of a name; None if it is none of this kind, which is called ``own``."""

    @abstractmethod
    def names(self, own: str, items: Sequence[str]) -> Iterable[str]:
        """Names of observables of these objects, such as ``jet1``."""
