"""The selection: cuts as data, applied to a slice, with the cut flow.

E events.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa

from rayscan.arrays import Floats
from rayscan.errors import WeightBranchError
from rayscan.events import content, flat, formats, table
from rayscan.events.cuts import Cut
from rayscan.events.formats import Slice
from rayscan.events.observables import names as named
from rayscan.events.reconstruction import TAGS, Objects
from rayscan.events.spectra import Spectrum, carried, counted
from rayscan.events.weights import NONE, Weights, branch_of
from rayscan.events.weights import values as weight_values

SOUND = "not broken"
"""The step of a cut flow that leaves out broken events."""


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

    def key(self, observables: Iterable[str]) -> dict[str, Any]:
        """What selected events with these observables depend on, as plain values.

        Cuts on tagged jets are in it only where something is made of these jets and the cuts are
        others than those on jets, which tagged jets once inherited: what gives the events of before
        keeps its key.
        """
        found, used = asdict(self), named.kinds(self.names(observables))
        for kind in TAGS:
            cuts = self.objects.cuts(kind)
            del found["objects"][f"{kind}s"]
            if kind in used and cuts != self.objects.jets:
                found["objects"][f"{kind}s"] = asdict(cuts)
        return found

    def names(self, observables: Iterable[str]) -> tuple[str, ...]:
        """These observables and those the cuts are on, each once."""
        return tuple(dict.fromkeys([*observables, *(cut.observable for cut in self.parsed)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is left after a cut (its canonical text; the first step is ``"all"``)."""

    cut: str
    events: int
    sum_weights: float
    sum_weights_squared: float

    @classmethod
    def of(cls, cut: str, weights: Floats) -> Step:
        """What events of these weights, (E,), are after a cut."""
        return cls(
            cut=cut,
            events=len(weights),
            sum_weights=float(weights.sum()),
            sum_weights_squared=float((weights**2).sum()),
        )

    def __add__(self, other: Step) -> Step:
        """Of both together, after the same cut."""
        return Step(
            cut=self.cut,
            events=self.events + other.events,
            sum_weights=self.sum_weights + other.sum_weights,
            sum_weights_squared=self.sum_weights_squared + other.sum_weights_squared,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CutFlow:
    """What is left of a process after each cut.

    Attributes:
        process: Name of the process.
        steps: The cuts; the first step is all events but the broken ones.
        weights: Weights of all events but the broken ones, before any cut.
        selected: Weights of those that pass all cuts.
        broken: Events left out because a value that was read is not finite or impossible.
        broken_columns: Leaf branch -> events that are broken there.
    """

    process: str
    steps: tuple[Step, ...]
    weights: Weights = field(default_factory=Weights)
    selected: Weights = field(default_factory=Weights)
    broken: int = 0
    broken_columns: Mapping[str, int] = field(default_factory=dict)


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
        reduce(operator.add, same) for same in zip(*(flow.steps for flow in known), strict=True)
    )
    columns = sum((Counter(flow.broken_columns) for flow in known), Counter[str]())
    return CutFlow(
        process=known[0].process,
        steps=steps,
        weights=sum((flow.weights for flow in known), Weights()),
        selected=sum((flow.selected for flow in known), Weights()),
        broken=sum(flow.broken for flow in known),
        broken_columns=dict(columns),
    )


def scaled(flow: CutFlow, factor: float) -> CutFlow:
    """The cut flow with all weights multiplied by a positive factor."""
    steps = tuple(
        replace(
            step,
            sum_weights=step.sum_weights * factor,
            sum_weights_squared=step.sum_weights_squared * factor**2,
        )
        for step in flow.steps
    )
    weights, selected = flow.weights.scaled(factor), flow.selected.scaled(factor)
    return replace(flow, steps=steps, weights=weights, selected=selected)


def with_broken(flow: CutFlow) -> CutFlow:
    """The cut flow with a line for the broken events.

    The first step counts them, and no step weighs them: what they were cannot be known, so a
    cross-section is shared among the others, as if broken events had passed the cuts as often.
    """
    first = replace(flow.steps[0], events=flow.steps[0].events + flow.broken)
    return replace(flow, steps=(first, replace(flow.steps[0], cut=SOUND), *flow.steps[1:]))


def select(
    piece: Slice,
    *,
    selection: Selection,
    observables: Sequence[str],
    spectra: Sequence[Spectrum] = (),
) -> tuple[pa.Table, CutFlow]:
    """The selected events of one slice and its cut flow: a function of the slice alone.

    Returns:
        The event table (``table.cached(observables)``), rows in the order of the file, which
        carries the ``spectra``; the flow. Broken events (`content.broken`, or no finite weight) are
        in none of them, only counted.

    Raises:
        InputError: The file cannot be read, or lacks a branch or all weights.
    """
    layout = table.cached(observables)
    wanted = [*observables, *(each.observable for each in spectra)]
    needs = selection.needs(wanted)
    columns, weights = _weighed(piece, needs)
    entries = np.arange(piece.first, piece.last)
    leaves = flat.leaves(columns)
    bad = content.broken(leaves)
    if not np.isfinite(weights).all():
        bad[piece.weight] = ~np.isfinite(weights)
    if bad:
        sound = ~np.any(list(bad.values()), axis=0)
        columns = {name: column[sound] for name, column in columns.items()}
        entries, weights, leaves = entries[sound], weights[sound], flat.leaves(columns)
    values = named.compute(selection.names(wanted), columns, selection.objects)
    kept = np.ones(len(weights), dtype=np.bool_)
    steps = [Step.of("all", weights)]
    for cut in selection.parsed:
        kept &= cut.keeps(values[cut.observable])
        steps.append(Step.of(str(cut), weights[kept]))
    hashes, bits = content.known(leaves, len(weights))
    numbers: list[Any] = [entries, weights, *(values[name] for name in observables), hashes, bits]
    arrays = [
        *(pa.repeat(text, int(kept.sum())) for text in (piece.process, piece.file)),
        *(pa.array(column[kept]) for column in numbers),
    ]
    flow = CutFlow(
        process=piece.process,
        steps=tuple(steps),
        weights=Weights.of(weights, entries),
        selected=Weights.of(weights[kept], entries[kept]),
        broken=piece.last - piece.first - len(entries),
        broken_columns={name: int(mask.sum()) for name, mask in bad.items()},
    )
    found = pa.Table.from_arrays(arrays, schema=layout)
    return carried(found, counted(spectra, values, weights, kept)), flow


def _weighed(piece: Slice, needs: Mapping[str, str]) -> tuple[dict[str, ak.Array], Floats]:
    """The branches that are needed, and the weight of each event, shape (E,); NaN where missing."""
    events = piece.last - piece.first
    if piece.weight == NONE:
        return formats.read(piece, needs, needed_by=needs), np.ones(events)
    branch, place = branch_of(piece.weight)
    columns = formats.read(piece, [*needs, branch], needed_by=needs)
    weights = columns[branch] if branch in needs else columns.pop(branch)
    if flat.leaf(weights).counts.max() <= place:
        raise WeightBranchError(path=piece.path, branch=piece.weight, others=(branch,))
    return columns, weight_values(weights, piece.weight)
