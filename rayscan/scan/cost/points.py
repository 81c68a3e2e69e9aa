"""What a scan file says of its points before any event is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rayscan.ensembles.mixture import Mixture
from rayscan.models.knobs import Choice, Integer, Range, Value
from rayscan.scan.config.heads.registry import groups, head_of, trained
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.search_space import search_ranges, starting_knobs
from rayscan.scan.plan.points import Mixtures, Point, mixtures, points
from rayscan.scan.plan.strengths import trained_as, trains_at_each


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPoint:
    """What a scan file says of a point before any event is read.

    Attributes:
        benchmark: Signal process.
        mixture: Events per histogram, the strongest for training at the ``highest`` strength; None
            where they follow from yields.
        strength: Position in the list of strengths.
        choice: The architecture.
        members: Trainings, in all folds.
        packs: Packs it is trained in.
        folds: Folds, 1 without.
        knobs: All hyperparameters; those that are searched at the middle of their range.
        epochs: At most.
        chained: Whether it is trained after a stronger point, in the same Tune trials.
    """

    benchmark: str
    mixture: Mixture | None
    strength: int
    choice: ArchitectureChoice
    members: int
    packs: int
    folds: int
    knobs: Mapping[str, Value]
    epochs: int
    chained: bool = False

    @property
    def trials(self) -> int:
        """Tune trials that begin with it."""
        return 0 if self.chained else self.packs

    @property
    def values(self) -> Any:
        """The knobs, trained for as long as they allow."""
        longest = {"epochs": self.epochs} if "epochs" in self.knobs else {}
        return self.choice.architecture.valued({**self.knobs, **longest})

    @property
    def reads_events(self) -> bool:
        """Whether its classifiers read single events."""
        return self.choice.reads_events

    @property
    def selected(self) -> int:
        """Classifiers that limits are set with: of a search the best of each fold; or none."""
        if not head_of(self.choice).excludes:
            return 0
        return self.folds if self.choice.searches else self.members

    def histograms(self, count: int) -> int:
        """Histograms of all classes in a set of so many per class."""
        null, each = head_of(self.choice).shares(count, tuple(self.benchmark.split("+")))
        return null + sum(n for _, n in each.values())


def known_mixtures(config: ScanConfig) -> Mixtures | None:
    """The mixtures of every benchmark, or None if they follow from yields of events to be read."""
    try:
        return mixtures(config)
    except ValueError:
        return None


def planned_points(config: ScanConfig) -> tuple[PlannedPoint, ...]:
    """Every point of the scan, in the order of the plan."""
    known = known_mixtures(config)
    if known is not None:
        return tuple(
            _planned(config, p.benchmark, p.mixture, p.strength, p.choice, chained=_chained(p))
            for p in points(config, known)
        )
    last = len(config.mixtures.strengths) - 1
    return tuple(
        _planned(
            config,
            "+".join(signals),
            None,
            index,
            choice,
            chained=trained_as(config, choice) == "descending" and index < last,
        )
        for signals in groups(config)
        for index in range(last + 1)
        for choice in config.architectures
        if signals in trained(config, choice) and (index == last or trains_at_each(config, choice))
    )


def _chained(point: Point) -> bool:
    return point.trained == "descending" and bool(point.others)


def _planned(
    config: ScanConfig,
    benchmark: str,
    mixture: Mixture | None,
    strength: int,
    choice: ArchitectureChoice,
    *,
    chained: bool,
) -> PlannedPoint:
    ranges = search_ranges(choice)
    knobs = starting_knobs(choice) | {knob: _middle(each) for knob, each in ranges.items()}
    most = _largest(ranges["epochs"]) if "epochs" in ranges else knobs.get("epochs", 1)
    return PlannedPoint(
        benchmark=benchmark,
        mixture=mixture,
        strength=strength,
        choice=choice,
        members=_members(config, choice),
        packs=packs(config, choice, config.training.pack),
        folds=len(config.pools.numbers),
        knobs=knobs,
        epochs=int(most),
        chained=chained,
    )


def _members(config: ScanConfig, choice: ArchitectureChoice) -> int:
    each = config.search.trials if choice.searches else config.training.repeats
    return each * len(config.pools.numbers)


def packs(config: ScanConfig, choice: ArchitectureChoice, size: int) -> int:
    """Tune trials of a point in packs of so many members, in all folds.

    A search packs each batch by itself.
    """
    folds = len(config.pools.numbers)
    members = _members(config, choice) // folds
    if not choice.searches:
        return folds * math.ceil(members / size)
    whole, rest = divmod(members, config.search.batch)
    return folds * (whole * math.ceil(config.search.batch / size) + math.ceil(rest / size))


def _middle(allowed: Range) -> Value:
    if isinstance(allowed, Choice):
        return allowed.options[len(allowed.options) // 2]
    if allowed.log:
        middle = math.sqrt(allowed.low * allowed.high)
    else:
        middle = (allowed.low + allowed.high) / 2
    return round(middle) if isinstance(allowed, Integer) else middle


def _largest(allowed: Range) -> Value:
    return max(allowed.options, key=float) if isinstance(allowed, Choice) else allowed.high
