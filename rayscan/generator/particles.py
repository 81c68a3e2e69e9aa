"""Particles and reconstructed objects of many events as flat columns.

Shape letters: E events, P particles, J jets, L leptons. Objects carry the number of their event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rayscan.arrays import Flags, Floats, Integers


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Objects of several events, in the order of their events; ``event`` has one number each."""

    event: Integers

    def take(self, which: Flags | Integers) -> Self:
        """The objects a mask or an index picks."""
        return replace(self, **{f.name: getattr(self, f.name)[which] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Particles(Columns):
    """Generated particles: PDG codes and four-momenta [GeV], each of shape (P,)."""

    pdg_id: Integers
    px: Floats
    py: Floats
    pz: Floats
    energy: Floats

    @property
    def pt(self) -> Floats:
        """Transverse momentum [GeV], shape (P,)."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity, shape (P,); large but finite along the beam."""
        return np.asarray(np.arcsinh(self.pz / np.maximum(self.pt, 1e-9)))

    @property
    def phi(self) -> Floats:
        """Azimuth in (-pi, pi], shape (P,)."""
        return np.asarray(np.arctan2(self.py, self.px))


@dataclass(frozen=True, slots=True, kw_only=True)
class Jets(Columns):
    """Reconstructed jets, hardest first within an event, each column of shape (J,).

    Momenta and masses in [GeV]; ``btag`` is 1 with a tag, else 0; ``flavour`` (truth) 5 for b, 4
    for c, 0 for others.
    """

    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    btag: NDArray[np.uint32]
    flavour: NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leptons(Columns):
    """Reconstructed electrons and muons, hardest first within an event, columns of shape (L,)."""

    pt: Floats
    eta: Floats
    phi: Floats
    charge: NDArray[np.int32]
    electron: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstructed:
    """E reconstructed events: objects, and missing transverse momentum [GeV], shape (E,)."""

    jets: Jets
    leptons: Leptons
    met: Floats
    met_phi: Floats

    @property
    def events(self) -> int:
        """Number of events E."""
        return len(self.met)

    def keep(self, mask: Flags) -> Reconstructed:
        """The events of a mask of shape (E,), numbered anew from 0."""
        number = np.cumsum(mask) - 1

        def kept(columns: Any) -> Any:
            left = columns.take(mask[columns.event])
            return replace(left, event=number[left.event])

        return Reconstructed(
            jets=kept(self.jets),
            leptons=kept(self.leptons),
            met=self.met[mask],
            met_phi=self.met_phi[mask],
        )


def joined(batches: Sequence[Reconstructed]) -> Reconstructed:
    """Several batches of events as one, events numbered through."""
    first = np.cumsum([0, *(batch.events for batch in batches)])

    def together(parts: Sequence[Any]) -> Any:
        names = [f.name for f in fields(parts[0]) if f.name != "event"]
        values = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
        event = np.concatenate(
            [p.event + offset for p, offset in zip(parts, first[:-1], strict=True)]
        )
        return type(parts[0])(event=event, **values)

    return Reconstructed(
        jets=together([batch.jets for batch in batches]),
        leptons=together([batch.leptons for batch in batches]),
        met=np.concatenate([batch.met for batch in batches]),
        met_phi=np.concatenate([batch.met_phi for batch in batches]),
    )
