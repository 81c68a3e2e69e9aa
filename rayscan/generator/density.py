"""Events drawn from shipped tables of a few observables: an unlimited pool, no extra.

What is physical: the observables that a table holds, jointly, of events after the generator's
preselection or an analysis selection. What is not: everything else of an event (density_events.py).

D axes, E events.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rayscan.arrays import Floats, Integers
from rayscan.generator.density_events import kind_of
from rayscan.generator.particles import Reconstructed

_FOLDER = files("rayscan.generator").joinpath("densities")
_BATCH = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Axis:
    """An observable of a density, in cells.

    Attributes:
        observable: Its name.
        edges: Edges of its n cells, in its unit, shape (n + 1,).
        inside: What is uniform inside a cell: the observable, or its logarithm.
        even: Cells are of its size; both signs are as frequent.
    """

    observable: str
    edges: Floats
    inside: Literal["linear", "log"] = "linear"
    even: bool = False

    def cells(self, values: Floats) -> Integers:
        """The cell of each value, shape (E,); those beyond the edges are in the outer cells."""
        size = np.abs(values) if self.even else values
        return np.searchsorted(self.edges[1:-1], size, side="right")

    def values(self, rng: np.random.Generator, cell: Integers) -> Floats:
        """A value in each of these cells, shape (E,)."""
        edges = np.log(self.edges) if self.inside == "log" else self.edges
        place, width = rng.random(len(cell)), np.diff(edges)
        if self.even:  # the sign of a place is that of the value
            place = 2.0 * place - 1.0
        size = edges[cell] + width[cell] * np.abs(place)
        size = np.exp(size) if self.inside == "log" else size
        return np.copysign(size, place) if self.even else size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Density:
    """Counts of events in cells of D observables.

    Attributes:
        axes: The observables, D.
        counts: Events per cell, D axes; in proportion to the probability where a table was smoothed
            or put together from slices, which fill cells that are too rare for a single run.
        meta: Where they come from: cross-section [pb] and its error, efficiency, settings,
            energy [GeV].
    """

    axes: tuple[Axis, ...]
    counts: NDArray[np.uint32]
    meta: Mapping[str, Any]

    @property
    def observables(self) -> tuple[str, ...]:
        """Names of the observables."""
        return tuple(axis.observable for axis in self.axes)

    def sample(self, rng: np.random.Generator, events: int) -> tuple[Floats, ...]:
        """Each observable of so many events, D arrays of shape (E,).

        A cell is drawn by its count; inside it a value is drawn for each axis.
        """
        cumulative = np.cumsum(self.counts.ravel(), dtype=np.float64)
        drawn = rng.random(events) * cumulative[-1]
        cell = np.searchsorted(cumulative, drawn, side="right")
        places = np.unravel_index(cell, self.counts.shape)
        return tuple(axis.values(rng, place) for axis, place in zip(self.axes, places, strict=True))


def tabulate(axes: tuple[Axis, ...], *values: Floats) -> NDArray[np.uint32]:
    """Counts per cell of D observables, each of shape (E,)."""
    shape = tuple(len(axis.edges) - 1 for axis in axes)
    cells = [axis.cells(each) for axis, each in zip(axes, values, strict=True)]
    flat = np.ravel_multi_index(cells, shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape).astype(np.uint32)


def packed(density: Density) -> bytes:
    """A density as a compressed ``.npz``."""
    counts = density.counts
    small = counts.astype(np.uint16) if counts.max() < 2**16 else counts
    named = [
        {"observable": axis.observable, "inside": axis.inside, "even": axis.even}
        for axis in density.axes
    ]
    text = json.dumps({"axes": named, "meta": dict(density.meta)}, sort_keys=True)
    edges: dict[str, Any] = {f"edges_{k}": axis.edges for k, axis in enumerate(density.axes)}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, counts=small, text=np.frombuffer(text.encode(), np.uint8), **edges)
    return buffer.getvalue()


def unpacked(content: bytes) -> Density:
    """The density of a ``.npz`` written by `packed`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        text = json.loads(arrays["text"].tobytes())
        axes = tuple(
            Axis(edges=arrays[f"edges_{k}"], **each) for k, each in enumerate(text["axes"])
        )
        return Density(axes=axes, counts=arrays["counts"].astype(np.uint32), meta=text["meta"])


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
    make = kind_of(table.observables).make
    while True:
        yield make(rng, *table.sample(rng, _BATCH))
