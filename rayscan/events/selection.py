"""The selection: cuts as data, applied to a slice, with the cut flow.

E events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import awkward as ak
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayscan.errors import SelectionEmptyError
from rayscan.events import delphes, table
from rayscan.events import observables as named
from rayscan.events.cuts import Cut
from rayscan.events.delphes import Slice
from rayscan.events.reconstruction import Objects

__all__ = ["Cut", "CutFlow", "Selection", "Step", "add", "require_events", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects count and which events are kept.

    Attributes:
        objects: Which reconstructed objects count.
        cuts: Conditions on observables, all of which must hold, e.g. ``"130 < jet1_pt <= 500"``.
    """

    objects: Objects = field(default_factory=Objects)
    cuts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wrong = []
        for number, text in enumerate(self.cuts):
            try:
                Cut.parse(text)
            except ValueError as error:
                wrong.append(f"cuts[{number}]: {error}")
        if wrong:
            raise ValueError(*wrong)

    @property
    def parsed(self) -> tuple[Cut, ...]:
        """The cuts, in order."""
        return tuple(Cut.parse(text) for text in self.cuts)

    def needs(self, observables: Iterable[str]) -> dict[str, str]:
        """Leaf branches to read for these observables and the cuts, and what needs each."""
        return named.needs(self.names(observables), self.objects)

    def names(self, observables: Iterable[str]) -> tuple[str, ...]:
        """These observables and those the cuts are on, each once."""
        return tuple(dict.fromkeys([*observables, *(cut.observable for cut in self.parsed)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is left after a cut.

    Attributes:
        cut: Canonical text of the cut; the first step is ``"all"``.
        events: Events left.
        sum_weights: Sum of their weights.
        sum_weights_squared: Sum of the squares of their weights.
    """

    cut: str
    events: int
    sum_weights: float
    sum_weights_squared: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFlow:
    """What is left of a process after each cut."""

    process: str
    steps: tuple[Step, ...]


def add(flows: Iterable[CutFlow]) -> CutFlow:
    """The cut flow of a process from those of its slices.

    Raises:
        ValueError: There is none, or they are of different processes or cuts.
    """
    known = list(flows)
    kinds = {(flow.process, tuple(step.cut for step in flow.steps)) for flow in known}
    if len(kinds) != 1:
        raise ValueError(f"cut flows of {len(kinds)} selections, expected one process and its cuts")
    steps = tuple(
        Step(
            cut=same[0].cut,
            events=sum(step.events for step in same),
            sum_weights=sum(step.sum_weights for step in same),
            sum_weights_squared=sum(step.sum_weights_squared for step in same),
        )
        for same in zip(*(flow.steps for flow in known), strict=True)
    )
    return CutFlow(process=known[0].process, steps=steps)


def require_events(flow: CutFlow) -> None:
    """Refuse a selection that leaves nothing of a process.

    Raises:
        SelectionEmptyError: Tells how many events each cut left.
    """
    if flow.steps[-1].events == 0:
        steps = tuple((step.cut, step.events) for step in flow.steps)
        raise SelectionEmptyError(process=flow.process, steps=steps)


def select(
    piece: Slice, *, selection: Selection, observables: Sequence[str]
) -> tuple[pa.Table, CutFlow]:
    """The selected events of one slice and its cut flow: a function of the slice alone.

    Args:
        piece: Which events.
        selection: Which objects and events count.
        observables: Columns of the table.

    Returns:
        The event table (``table.schema(observables)``), rows in the order of the file; the flow.

    Raises:
        InputError: The file cannot be read, or lacks a branch.
    """
    layout = table.schema(observables)
    needs = selection.needs(observables)
    columns = delphes.read(piece, [*needs, delphes.WEIGHT], needed_by=needs)
    weights = _weights(columns[delphes.WEIGHT])
    values = named.compute(selection.names(observables), columns, selection.objects)
    kept = np.ones(len(weights), dtype=np.bool_)
    steps = [_step("all", weights)]
    for cut in selection.parsed:
        kept &= cut.keeps(values[cut.observable])
        steps.append(_step(str(cut), weights[kept]))
    entries = piece.first + np.flatnonzero(kept)
    arrays = [
        pa.repeat(pa.scalar(piece.process), len(entries)),
        pa.repeat(pa.scalar(piece.file), len(entries)),
        pa.array(entries, type=pa.int64()),
        pa.array(weights[kept]),
        *(pa.array(values[name][kept]) for name in observables),
    ]
    flow = CutFlow(process=piece.process, steps=tuple(steps))
    return pa.Table.from_arrays(arrays, schema=layout), flow


def _weights(column: ak.Array) -> npt.NDArray[np.float64]:
    """Weight of each event, shape (E,); NaN where the file has none for it."""
    first = ak.firsts(column, axis=1) if column.ndim > 1 else column
    return np.asarray(ak.to_numpy(ak.fill_none(first, np.nan)), dtype=np.float64)


def _step(cut: str, weights: npt.NDArray[np.float64]) -> Step:
    return Step(
        cut=cut,
        events=len(weights),
        sum_weights=float(weights.sum()),
        sum_weights_squared=float((weights**2).sum()),
    )
