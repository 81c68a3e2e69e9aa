"""What a scan file says of its points before any event is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rayscan.ensembles.mixture import Mixture
from rayscan.models.knobs import Choice, Integer, Range, Value
from rayscan.scan.config.heads.base import Head
from rayscan.scan.config.heads.registry import groups, head_of, trained
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.search_space import search_ranges, starting_knobs
from rayscan.scan.plan.points import Mixtures, mixtures, points
from rayscan.scan.plan.strengths import trained_as, trains_at_each
from rayscan.scan.steps.examples import features_of


@dataclass(frozen=True, eq=False)
class Kind:
    """An architecture of a scan file: what is the same for all its points."""

    config: ScanConfig
    choice: ArchitectureChoice

    @cached_property
    def head(self) -> Head:
        """Its head."""
        return head_of(self.choice)

    @cached_property
    def values(self) -> Any:
        """Its knobs: what is searched at the middle of its range, epochs at the end."""
        ranges = search_ranges(self.choice)
        knobs = starting_knobs(self.choice) | {name: _middle(r) for name, r in ranges.items()}
        if "epochs" in ranges:
            knobs["epochs"] = _largest(ranges["epochs"])
        return self.choice.architecture.valued(knobs)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """What a classifier looks at."""
        if self.choice.reads_events:
            return (len(features_of(self.config, self.choice.features)),)
        return self.config.binning.shape

    @cached_property
    def members(self) -> int:
        """Trainings of a point, in all folds."""
        each = self.config.search.trials if self.choice.searches else self.config.training.repeats
        return each * len(self.config.pools.numbers)

    def packs(self, size: int) -> int:
        """Tune trials of a point in packs of so many, in all folds; a search packs each batch."""
        folds, batch = len(self.config.pools.numbers), self.config.search.batch
        if not self.choice.searches:
            batch = self.members // folds
        whole, rest = divmod(self.members // folds, batch)
        return folds * (whole * math.ceil(batch / size) + math.ceil(rest / size))

    @property
    def selected(self) -> int:
        """Classifiers of a point that limits are set with: of a search the best of each fold."""
        count = len(self.config.pools.numbers) if self.choice.searches else self.members
        return count * self.head.excludes

    @property
    def compiles(self) -> bool:
        """Whether its training loads TensorFlow and compiles graphs."""
        return self.choice.architecture.engine == "tensorflow"

    def compilations(self, slots: int) -> int:
        """Graphs that all workers compile together, at most."""
        sizes, known = 1, self.choice.architecture.knobs.graphs()
        for knob, allowed in search_ranges(self.choice).items():
            if knob in known and isinstance(allowed, Choice):
                sizes *= len(allowed.options)
            elif knob in known and isinstance(allowed, Integer):
                sizes *= allowed.high - allowed.low + 1
        return self.compiles * min(self.packs(self.config.training.pack), slots * sizes)

    @cached_property
    def strengths_tested(self) -> int:
        """Strengths at which each classifier is tested."""
        everything = self.config.crosstest.strengths == "all"
        each = trains_at_each(self.config, self.choice) and not everything
        return 1 if each else len(self.config.mixtures.strengths)

    @cached_property
    def sets(self) -> int:
        """Test sets that each classifier meets."""
        return self.strengths_tested * self.head.sets(len(self.config.benchmarks))

    @property
    def rows(self) -> int:
        """Rows that each classifier has of them."""
        signals = len(trained(self.config, self.choice)[0])
        return self.strengths_tested * self.head.rows(len(self.config.benchmarks), signals)

    @property
    def hypotheses(self) -> int:
        """Kinds of histograms in each of them."""
        return self.head.hypotheses(len(self.config.benchmarks))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPoint:
    """What a scan file says of a point before any event is read.

    Attributes:
        kind: Its architecture.
        benchmark: Signal process.
        mixture: Events per histogram, the strongest for training at the ``highest`` strength; None
            where they follow from yields.
        strength: Position in the list of strengths.
        chained: Whether it is trained after a stronger point, in the same Tune trials.
    """

    kind: Kind
    benchmark: str
    mixture: Mixture | None
    strength: int
    chained: bool = False

    @property
    def choice(self) -> ArchitectureChoice:
        """Its architecture, as the scan file has it."""
        return self.kind.choice

    @property
    def trials(self) -> int:
        """Tune trials that begin with it."""
        return 0 if self.chained else self.kind.packs(self.kind.config.training.pack)

    def histograms(self, count: int) -> int:
        """Histograms of all classes in a set of so many per class."""
        null, each = self.kind.head.shares(count, tuple(self.benchmark.split("+")))
        return null + sum(n for _, n in each.values())


def known_mixtures(config: ScanConfig) -> Mixtures | None:
    """The mixtures of every benchmark, or None if they follow from yields of events to be read."""
    try:
        return mixtures(config)
    except ValueError:
        return None


def planned_points(config: ScanConfig) -> tuple[PlannedPoint, ...]:
    """Every point of the scan, in the order of the plan."""
    kinds = {choice.key: Kind(config, choice) for choice in config.architectures}
    known = known_mixtures(config)
    if known is not None:
        return tuple(
            PlannedPoint(
                kind=kinds[point.choice.key],
                benchmark=point.benchmark,
                mixture=point.mixture,
                strength=point.strength,
                chained=point.trained == "descending" and bool(point.others),
            )
            for point in points(config, known)
        )
    last = len(config.mixtures.strengths) - 1
    return tuple(
        PlannedPoint(
            kind=kind,
            benchmark="+".join(signals),
            mixture=None,
            strength=index,
            chained=trained_as(config, kind.choice) == "descending" and index < last,
        )
        for signals in groups(config)
        for index in range(last + 1)
        for kind in kinds.values()
        if signals in trained(config, kind.choice)
        and (index == last or trains_at_each(config, kind.choice))
    )


def _middle(allowed: Range) -> Value:
    if isinstance(allowed, Choice):
        return allowed.options[len(allowed.options) // 2]
    ends = allowed.low, allowed.high
    middle = math.sqrt(math.prod(ends)) if allowed.log else sum(ends) / 2
    return round(middle) if isinstance(allowed, Integer) else middle


def _largest(allowed: Range) -> Value:
    return max(allowed.options, key=float) if isinstance(allowed, Choice) else allowed.high
