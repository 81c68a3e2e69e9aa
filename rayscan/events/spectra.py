"""Spectra: how an observable is distributed before and after all cuts, counted while reading.

Bins are of one grid for each observable, whatever the scan, so that scans share event tables;
which of them are shown, and how many together, is decided when all events are known. E events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from rayscan.arrays import Flags, Floats, Integers, Reals
from rayscan.ensembles.binning import Axis
from rayscan.events.observables import names as named

STAGES = ("before", "after")
"""What a spectrum is of: all events but the broken ones, and those that pass all cuts."""
NUMBERS = ("events", "sum_weights", "sum_weights_squared")
"""What is known of a bin."""

_FARTHEST = 5_000
"""Bins of the grid on each side of 0; events beyond are in none."""
_MOST_SHOWN = 50
_TAIL = 5e-3
_KEY = b"rayscan.spectra"
_LAYOUT = pa.schema(
    [("observable", pa.string()), ("first", pa.int64()), ("counts", pa.list_(pa.float64()))]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """An observable whose spectrum is kept.

    Attributes:
        observable: Its name.
        bins: Number of bins of equal width; by default as many as fit.
        low: Lower edge of the first bin, in the observable's unit.
        high: Upper edge of the last bin.

    >>> Spectrum(observable="met", bins=2, low=0, high=200).axis.edges
    array([  0., 100., 200.])
    """

    observable: str
    bins: int | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        said = [name for name in ("bins", "low", "high") if getattr(self, name) is not None]
        if len(said) in {1, 2}:
            raise ValueError(f"{said[0]}: give bins, low and high, or none of the three")
        if self.axis is None and not self.observable:
            raise ValueError("observable: it is empty, expected a name such as met")

    @property
    def axis(self) -> Axis | None:
        """Its own bins, if they were given."""
        if self.bins is None or self.low is None or self.high is None:
            return None
        return Axis(observable=self.observable, bins=self.bins, low=self.low, high=self.high)

    def index(self, values: Reals) -> Integers:
        """The bin of each event, (E,), `NOWHERE` where it has none."""
        if self.axis is not None:
            found = self.axis.index(values)
            found[found < 0] = NOWHERE
            return found
        known = named.observable(self.observable)
        exact = values.astype(np.float64)
        exact /= known.grain
        if known.whole:
            exact += 0.5
        np.floor(exact, out=exact)
        np.fmax(exact, NOWHERE, out=exact)  # of no number and a number the latter
        exact[exact >= _FARTHEST] = NOWHERE
        return exact.astype(np.int64)


NOWHERE = -_FARTHEST
"""The bin of events that have no such object, or lie outside."""


def spelled(entries: Any) -> Any:
    """The key ``spectra`` with names as mappings: ``met`` is ``{observable: met}``."""
    if not isinstance(entries, list):
        return entries
    return [{"observable": each} if isinstance(each, str) else each for each in entries]


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Events that are counted: what each bin sums over them.

    Attributes:
        kept: Places of the events that pass all cuts.
        before: Of all E events what `NUMBERS` are sums of, shape (E,) each; None is 1.
        after: The same of those that pass.
    """

    kept: Integers
    before: tuple[Floats | None, ...]
    after: tuple[Floats | None, ...]

    @classmethod
    def of(cls, weights: Floats, kept: Flags) -> Counted:
        """Events of these weights, (E,), and whether each passes all cuts, (E,)."""
        places = np.flatnonzero(kept)
        squares = weights**2
        after = None, weights[places], squares[places]
        return cls(places, (None, weights, squares), after)


@dataclass(frozen=True, slots=True, eq=False)
class SpectrumCounts:
    """The bins of a spectrum that hold events.

    Attributes:
        first: Number of the first bin.
        counts: Of each stage the `NUMBERS` of each bin, shape (2, 3, bins).
    """

    first: int
    counts: Floats

    @classmethod
    def of(cls, bins: Integers, events: Counted) -> SpectrumCounts:
        """What events are in, by the bin of each, shape (E,)."""
        if not len(bins):
            return cls(0, np.zeros((len(STAGES), len(NUMBERS), 0)))
        first = int(bins.min())
        at = bins - first
        size = int(at.max()) + 1
        found = [
            np.bincount(place, weights=each, minlength=size)
            for place, weights in ((at, events.before), (at[events.kept], events.after))
            for each in weights
        ]
        counts = np.array(found, dtype=np.float64).reshape(len(STAGES), -1, size)
        if first > NOWHERE:
            return cls(first, counts)
        there = np.flatnonzero(counts[0, 0, 1:]) + 1
        nowhere = int(there[0]) if len(there) else size
        return cls(first + nowhere, counts[..., nowhere:])

    @property
    def last(self) -> int:
        """One more than the number of the last bin."""
        return self.first + int(self.counts.shape[-1])

    def between(self, first: int, last: int) -> Floats:
        """Of the bins from one to before another, shape (2, 3, last - first)."""
        found = np.zeros((*self.counts.shape[:2], last - first))
        low, high = max(first, self.first), min(last, self.last)
        if low < high:
            found[..., low - first : high - first] = self.counts[
                ..., low - self.first : high - self.first
            ]
        return found

    def __add__(self, other: SpectrumCounts) -> SpectrumCounts:
        """Of the events of both."""
        ranges = [(each.first, each.last) for each in (self, other) if each.counts.shape[-1]]
        if len(ranges) < 2:
            return self if self.counts.shape[-1] else other
        first, last = min(low for low, _ in ranges), max(high for _, high in ranges)
        return SpectrumCounts(first, self.between(first, last) + other.between(first, last))

    def scaled(self, factor: float) -> SpectrumCounts:
        """With all weights multiplied by a factor."""
        return SpectrumCounts(self.first, self.counts * np.array([1.0, factor, factor**2])[:, None])


def counted(
    spectra: Sequence[Spectrum], values: Mapping[str, Reals], weights: Floats, kept: Flags
) -> dict[str, SpectrumCounts]:
    """Spectra of some events by observable: their values (E,) by name, weights, and who is kept."""
    events = Counted.of(weights, kept)
    return {
        each.observable: SpectrumCounts.of(each.index(values[each.observable]), events)
        for each in spectra
    }


def summed(every: Iterable[Mapping[str, SpectrumCounts]]) -> dict[str, SpectrumCounts]:
    """Spectra of all slices together, added in their order."""
    found: dict[str, SpectrumCounts] = {}
    for spectra in every:
        for name, counts in spectra.items():
            found[name] = found[name] + counts if name in found else counts
    return found


def carried(table: pa.Table, spectra: Mapping[str, SpectrumCounts]) -> pa.Table:
    """An event table that carries the spectra of its slice, if there are any, in its metadata."""
    if not spectra:
        return table
    flat = [each.counts.ravel() for each in spectra.values()]
    ends = np.cumsum([0, *map(len, flat)], dtype=np.int32)
    batch = pa.record_batch(
        [
            pa.array(list(spectra)),
            pa.array([each.first for each in spectra.values()], type=pa.int64()),
            pa.ListArray.from_arrays(ends, np.concatenate(flat)),
        ],
        schema=_LAYOUT,
    )
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, _LAYOUT, options=options) as writer:
        writer.write_batch(batch)
    return table.replace_schema_metadata({_KEY: sink.getvalue().to_pybytes()})


def carried_by(table: pa.Table) -> dict[str, SpectrumCounts]:
    """The spectra that `carried` has put into a table, which may have fewer columns by now."""
    metadata = table.schema.metadata or {}
    if _KEY not in metadata:
        return {}
    content = pa.ipc.open_stream(metadata[_KEY]).read_all()
    rows = zip(content["observable"].to_pylist(), content["first"].to_pylist(), strict=True)
    return {
        name: SpectrumCounts(
            first, content["counts"][at].values.to_numpy().reshape(len(STAGES), len(NUMBERS), -1)
        )
        for at, (name, first) in enumerate(rows)
    }


def shown(spectrum: Spectrum, every: Sequence[SpectrumCounts]) -> tuple[Floats, list[Floats]]:
    """Bins that show the spectra of all processes, and what is in them.

    By default they span what holds 99 % of each process before and after cuts, of at most 50
    bins of equal width; of bins that were given all are shown.

    Returns:
        Edges, shape (bins + 1,), in the unit of the observable; of each process the `NUMBERS` of
        each stage and bin, shape (2, 3, bins).
    """
    if spectrum.axis is not None:
        given = spectrum.axis.edges
        return given, [each.between(0, len(given) - 1) for each in every]
    known = named.observable(spectrum.observable)
    ends = [end for each in every for end in _middle(each)] or [(0, 1)]
    first, last = min(low for low, _ in ends), max(high for _, high in ends)
    together = 1
    while -(-last // together) - first // together > _MOST_SHOWN:
        together *= 2
    first, last = first // together * together, -(-last // together) * together
    numbers = np.arange(first, last + 1, together, dtype=np.float64)
    edges = (numbers - (0.5 if known.whole else 0.0)) * known.grain
    joined = [each.between(first, last) for each in every]
    return edges, [each.reshape(*each.shape[:2], -1, together).sum(axis=-1) for each in joined]


def _middle(counts: SpectrumCounts) -> Iterable[tuple[int, int]]:
    """First bin, and one more than the last, of what holds nearly all of each stage."""
    for events in counts.counts[:, 0]:
        if events.any():
            share = np.cumsum(events) / events.sum()
            low, high = np.searchsorted(share, (_TAIL, 1 - _TAIL))
            yield counts.first + int(low), counts.first + int(high) + 1
