"""Events drawn from shipped (log pT, |eta|) tables of the leading jet: an unlimited pool, no extra.

What is physical: pT and eta of the leading jet, jointly, of events after the generator
preselection, at parton level and 14 TeV. What is not: everything else. Each event has one jet,
massless, at a random azimuth, and missing momentum of the same size in the opposite direction.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rayscan.arrays import Floats
from rayscan.generator.particles import Jets, Leptons, Reconstructed

_FOLDER = files("rayscan.generator").joinpath("densities")
_BATCH = 20_000
PT_BINS, PT_MIN, PT_MAX = 60, 130.0, 5000.0
ETA_BINS, ETA_MAX = 40, 5.0


def pt_edges() -> Floats:
    """Edges [GeV], shape (61,), even in 1/pT: narrow where the spectrum is steep and full."""
    return np.asarray(1.0 / np.linspace(1.0 / PT_MIN, 1.0 / PT_MAX, PT_BINS + 1))


def abs_eta_edges() -> Floats:
    """Edges of |eta|, shape (41,)."""
    return np.linspace(0.0, ETA_MAX, ETA_BINS + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """Counts of generated events in cells of (pT, |eta|) of the leading jet.

    Attributes:
        counts: Events per cell, shape (60, 40); in proportion to the probability where a table was
            put together from slices in pT, which fill cells that are too rare for a single run.
        meta: Where they come from: cross-section [pb] and its error, efficiency, settings,
            energy [GeV].
    """

    counts: NDArray[np.uint32]
    meta: Mapping[str, Any]

    def sample(self, rng: np.random.Generator, events: int) -> tuple[Floats, Floats]:
        """Transverse momenta [GeV] and pseudorapidities of leading jets, each of shape (E,).

        A cell is drawn by its count; inside it log pT and |eta| are uniform; the sign of eta is
        even, as two protons demand.
        """
        cumulative = np.cumsum(self.counts.ravel(), dtype=np.float64)
        drawn = rng.random(events) * cumulative[-1]
        cell = np.searchsorted(cumulative, drawn, side="right")
        row, column = np.divmod(cell, self.counts.shape[1])
        log_pt, eta = np.log(pt_edges()), abs_eta_edges()
        width = np.diff(log_pt)
        pt = np.exp(log_pt[row] + width[row] * rng.random(events))
        # Its sign is that of eta, its size the place in the cell.
        place = 2.0 * rng.random(events) - 1.0
        size = eta[column] + (eta[1] - eta[0]) * np.abs(place)
        return pt, np.copysign(size, place)


def tabulate(pt: Floats, eta: Floats) -> NDArray[np.uint32]:
    """Counts per cell, shape (60, 40); values beyond the last edges count in the last cells."""
    inside = np.minimum(pt, np.nextafter(PT_MAX, 0.0)), np.minimum(np.abs(eta), ETA_MAX)
    counts, _, _ = np.histogram2d(*inside, bins=(pt_edges(), abs_eta_edges()))
    return counts.astype(np.uint32)


def packed(density: Density) -> bytes:
    """A density as a compressed ``.npz`` of about 2 kB."""
    counts = density.counts
    small = counts.astype(np.uint16) if counts.max() < 2**16 else counts
    meta = json.dumps(dict(density.meta), sort_keys=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, counts=small, meta=np.frombuffer(meta.encode(), dtype=np.uint8))
    return buffer.getvalue()


def unpacked(content: bytes) -> Density:
    """The density of a ``.npz`` written by `packed`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        return Density(counts=arrays["counts"].astype(np.uint32), meta=meta)


@lru_cache(maxsize=1)
def tabulated() -> frozenset[str]:
    """Names of the processes with a shipped density."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return frozenset(name.removesuffix(".npz") for name in names if name.endswith(".npz"))


@lru_cache(maxsize=32)
def density(process: str) -> Density:
    """The shipped density of a process of `tabulated`."""
    return unpacked(_FOLDER.joinpath(f"{process}.npz").read_bytes())


def batches(table: Density, rng: np.random.Generator) -> Iterator[Reconstructed]:
    """Events drawn from a density, batch after batch without end."""
    while True:
        pt, eta = table.sample(rng, _BATCH)
        phi = np.pi * (1.0 - 2.0 * rng.random(_BATCH))
        yield one_jet(pt, eta, phi)


def one_jet(pt: Floats, eta: Floats, phi: Floats) -> Reconstructed:
    """Events of one massless jet and missing momentum that balances it, arrays of shape (E,)."""
    event, none = np.arange(len(pt)), np.zeros(0)
    whole, mass = np.zeros(len(pt), dtype=np.uint32), np.zeros(len(pt))
    jets = Jets(event=event, pt=pt, eta=eta, phi=phi, mass=mass, btag=whole, flavour=whole)
    signs, flags = none.astype(np.int32), none.astype(np.bool_)
    leptons = Leptons(event=event[:0], pt=none, eta=none, phi=none, charge=signs, electron=flags)
    return Reconstructed(jets=jets, leptons=leptons, met=pt, met_phi=phi - np.copysign(np.pi, phi))
