"""Pools filled from the event tables of slices, as parts that are summed: no process is held whole.

E events. A first pass over the cut flows gives what all slices of a process must know of each
other: the factors of its files and the largest weight. The second bins the events.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa

from rayscan.arrays import Integers
from rayscan.ensembles.binning import Binning
from rayscan.errors import SelectionEmptyError, WeightError
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow, Step, add, scaled, with_broken
from rayscan.events.spectra import SpectrumCounts, carried_by, summed
from rayscan.events.split import Pools, maximum_of, split, unweight
from rayscan.events.weights import Weights, spike
from rayscan.keys import digest
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import Counts, ProcessPools, flow_rows
from rayscan.scan.pools.events import EventPool, Features
from rayscan.scan.pools.reading import columns_of, factors_of, flow_of

EVENTS_OF_A_PART = 1_000_000
"""Selected events that one task bins, at most unless a slice has more: a fraction of a second."""

_TABLES_OF_A_PART = 200

_POOLS_VERSION = 1
"""Raised when the same event tables give other event pools than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTable:
    """The event table of a slice: its name in the cache, its file, a factor to all its weights."""

    stem: str
    file: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all events of a process are unweighted, split and binned by.

    Attributes:
        process: Its name.
        binning: Axes of the histograms.
        split: How events are split into pools.
        seed: Root seed of the scan.
        features: Observables to keep for networks of single events; none without them.
        maximum: Largest weight of a selected event.
    """

    process: str
    binning: Binning
    split: Pools
    seed: int
    features: tuple[str, ...]
    maximum: float

    @property
    def numbers(self) -> int:
        """How many numbers `split` has."""
        return len(set().union(*self.split.numbers_of.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some slices of a process, as many as a task takes, whoever the workers are.

    Attributes:
        tables: Their event tables.
        name: What their event pools are called, by all that these depend on.
        made: Event pools of theirs that an earlier run has made.
        events: Their selected events.
    """

    tables: tuple[EventTable, ...]
    name: str
    made: frozenset[str]
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the pools of a process are filled: the rules, its cut flow, and its parts in order."""

    rules: Rules
    flow: CutFlow
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Filled:
    """What some slices of a process give to its pools; of two of them the sum.

    Attributes:
        inside: Their events inside the axis ranges.
        selected: Events kept by unweighting, of each number of `split`.
        counts: Of these, the events per bin, shape (numbers, bins).
        events: Single events of each pool.
        spectra: Of all events, before and after the cuts, by observable.
    """

    inside: Step
    selected: Counts
    counts: Counts
    events: Mapping[str, EventPool] = field(default_factory=dict)
    spectra: Mapping[str, SpectrumCounts] = field(default_factory=dict)

    def __add__(self, other: Filled) -> Filled:
        """Of both together."""
        return Filled(
            inside=self.inside + other.inside,
            selected=self.selected + other.selected,
            counts=self.counts + other.counts,
            events={name: pool + other.events[name] for name, pool in self.events.items()},
            spectra=summed((self.spectra, other.spectra)),
        )


def planned(
    config: ScanConfig,
    process: str,
    slices: Mapping[str, Slice],
    cache: Storage,
    features: Sequence[str],
) -> Plan:
    """How the pools of a process are filled from the event tables of its slices, by their names.

    Raises:
        WeightError: negative weights, or one event outweighs all others.
        StorageError: a cut flow is gone or damaged; the next run makes it anew.
    """
    flows = cache.each(lambda stem: flow_of(cache, stem), list(slices))
    of_file: dict[str, Weights] = {}
    for piece, flow in zip(slices.values(), flows, strict=True):
        of_file[piece.file] = of_file.get(piece.file, Weights()) + flow.weights
    factors = factors_of(config.processes[process], of_file)
    tables = [
        EventTable(stem=stem, file=piece.file, factor=factors[piece.file])
        for stem, piece in slices.items()
    ]
    flows = [scaled(flow, table.factor) for flow, table in zip(flows, tables, strict=True)]
    flow = add(flows)
    if flow.selected.dominated:
        file = tables[int(np.argmax([each.selected.largest for each in flows]))].file
        event = f"selected entry {flow.selected.entry} of {file}"
        raise WeightError(process=process, why=spike(flow.selected, event))
    rules = Rules(
        process=process,
        binning=config.binning,
        split=config.pools,
        seed=config.seed,
        features=tuple(features),
        maximum=maximum_of(flow.selected, process),
    )
    parts = tuple(_parts(rules, tables, [each.selected.events for each in flows], cache))
    shown = with_broken(flow) if config.skip_broken_events else flow
    return Plan(rules=rules, flow=shown, parts=parts)


def _parts(
    rules: Rules, tables: Sequence[EventTable], events: Sequence[int], cache: Storage
) -> Iterator[Part]:
    folder = f"pools/{rules.process}-{digest(rules, _POOLS_VERSION)}"
    made = {f"{folder}/{name}" for name in cache.names(folder)} if rules.features else set()
    first = 0
    for last in range(1, len(tables) + 1):
        full = last - first == _TABLES_OF_A_PART
        if last == len(tables) or full or sum(events[first : last + 1]) > EVENTS_OF_A_PART:
            name = f"{folder}/{digest(tables[first:last])}"
            yield Part(
                tables=tuple(tables[first:last]),
                name=name,
                made=frozenset(each for each in made if each.startswith(name)),
                events=sum(events[first:last]),
            )
            first = last


def fill(part: Part, rules: Rules, cache: Storage) -> Filled:
    """Unweight, split and bin the selected events of some slices.

    Raises:
        StorageError: an event table is gone or damaged; the next run makes it anew.
    """
    names = tuple(dict.fromkeys(("entry", "weight", *rules.binning.observables, *rules.features)))
    read = cache.each(
        lambda stem: columns_of(cache, stem, names), [table.stem for table in part.tables]
    )
    binned = [_binned(*each, rules) for each in zip(part.tables, read, strict=True)]
    size, bins = rules.numbers, rules.binning.bins
    numbers = np.concatenate([each.numbers for each in binned])
    cells = numbers * bins + np.concatenate([each.cells for each in binned])
    return Filled(
        inside=reduce(operator.add, (each.inside for each in binned)),
        selected=np.sum([each.selected for each in binned], axis=0),
        counts=np.bincount(cells, minlength=size * bins).reshape(size, bins),
        events=_event_pools(part, rules, cache, numbers, binned) if rules.features else {},
        spectra=summed(each.spectra for each in binned),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Binned:
    """The events of a slice inside the axis ranges that are kept: numbers of `split`, bins, values.

    Beside them its events inside the axis ranges, those kept of each number, and its spectra.
    """

    inside: Step
    selected: Counts
    numbers: Integers
    cells: Integers
    values: Mapping[str, Features]
    spectra: Mapping[str, SpectrumCounts]


def _binned(table: EventTable, read: pa.Table, rules: Rules) -> _Binned:
    columns = {name: read.column(name).to_numpy() for name in read.column_names}
    weights, who = columns["weight"] * table.factor, (rules.process, table.file, columns["entry"])
    cells = rules.binning.index(columns)
    inside = cells >= 0
    kept = unweight(weights, *who, maximum=rules.maximum, seed=rules.seed)
    numbers = split(*who, rules.split, seed=rules.seed)
    there = inside & kept
    return _Binned(
        inside=Step.of("binning", weights[inside]),
        selected=np.bincount(numbers[kept], minlength=rules.numbers),
        numbers=numbers[there],
        cells=cells[there],
        values={name: columns[name][there] for name in rules.features},
        spectra={name: each.scaled(table.factor) for name, each in carried_by(read).items()},
    )


def _event_pools(
    part: Part, rules: Rules, cache: Storage, numbers: Integers, binned: Sequence[_Binned]
) -> dict[str, EventPool]:
    """The events of each pool, in their order; pools of the same events are one."""
    found: dict[tuple[int, ...], EventPool] = {}
    values = {f: np.concatenate([each.values[f] for each in binned]) for f in rules.features}
    for pool, those in rules.split.numbers_of.items():
        if those not in found:
            name = f"{part.name}-{pool.replace(' ', '-')}.parquet"
            rows = np.isin(numbers, those)
            found[those] = (
                EventPool(cache, (name,), (int(rows.sum()),))
                if name in part.made
                else EventPool.stored(cache, name, {f: each[rows] for f, each in values.items()})
            )
    return {pool: found[those] for pool, those in rules.split.numbers_of.items()}


def pools_of(filled: Filled, plan: Plan, *, role: str, cross_section: float) -> ProcessPools:
    """The pools of a process, from the sum of all its parts.

    Args:
        filled: That sum, in the order of the parts.
        plan: How they were filled.
        role: ``background`` or ``signal``.
        cross_section: Cross-section [pb] before the selection.

    Raises:
        SelectionEmptyError: no event passes the selection or lies inside the axis ranges.
    """
    process, every, first = plan.rules.process, plan.flow.selected, plan.flow.steps[0]
    steps = (*plan.flow.steps, filled.inside)
    if not filled.inside.events:
        raise SelectionEmptyError(process=process, steps=tuple((s.cut, s.events) for s in steps))
    pools = {name: list(those) for name, those in plan.rules.split.numbers_of.items()}
    return ProcessPools(
        process=process,
        role=role,
        cross_section=cross_section * filled.inside.sum_weights / first.sum_weights,
        counts={name: filled.counts[those].sum(axis=0) for name, those in pools.items()},
        events=filled.events,
        selected={name: int(filled.selected[those].sum()) for name, those in pools.items()},
        unweighting=(int(filled.selected.sum()), every.events, every.effective),
        flow=tuple(flow_rows(process, role, cross_section, steps)),
        heaviest=every.largest / every.absolute,
        spectra=filled.spectra,
    )
