"""How much work a scan is, counted from its file alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rayscan.ensembles.mixture import Mixture
from rayscan.models.hyperparameters import Choice, Integer, Range, Value
from rayscan.scan import testing
from rayscan.scan.config import ArchitectureChoice, ScanConfig
from rayscan.scan.examples import features_of
from rayscan.scan.heads import groups, trained
from rayscan.scan.joint import shares
from rayscan.scan.plan import Mixtures, Point, mixtures, points
from rayscan.scan.rates import NETWORKS, DrawKind, Rates
from rayscan.scan.search_space import search_ranges, starting_knobs
from rayscan.scan.strengths import trained_as, trains_at_each

SCORE_STRENGTHS = 10
"""Most strengths at which method `score` tests (score_exclusion.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPoint:
    """What a scan file says of a point before any event is read.

    Attributes:
        benchmark: Signal process.
        mixture: Events per histogram, the strongest for training at the ``highest`` strength; None
            where they follow from yields.
        strength: Position in the list of strengths.
        choice: The architecture.
        members: Trainings.
        packs: Packs it is trained in.
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
    knobs: Mapping[str, Value]
    epochs: int
    chained: bool = False

    @property
    def trials(self) -> int:
        """Tune trials that begin with it."""
        return 0 if self.chained else self.packs

    @property
    def reads_events(self) -> bool:
        """Whether its classifiers read single events."""
        return self.choice.name.startswith("event_")

    @property
    def selected(self) -> int:
        """Classifiers that limits are set with: of a search the best; of some heads none."""
        if self.choice.head == "multiclass" or self.choice.against is not None:
            return 0
        return 1 if self.choice.searches else self.members

    def histograms(self, count: int) -> int:
        """Histograms of all classes in a set of so many per class."""
        if not self.choice.is_joint:
            return 2 * count
        benchmarks = self.benchmark.count("+") + 1
        null, each = shares(self.choice.head, count, benchmarks)
        return null + benchmarks * each


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
        knobs=knobs,
        epochs=int(most),
        chained=chained,
    )


def _members(config: ScanConfig, choice: ArchitectureChoice) -> int:
    return config.search.trials if choice.searches else config.training.repeats


def packs(config: ScanConfig, choice: ArchitectureChoice, size: int) -> int:
    """Tune trials of a point in packs of so many members; a search packs each batch by itself."""
    members = _members(config, choice)
    if not choice.searches:
        return math.ceil(members / size)
    whole, rest = divmod(members, config.search.batch)
    return whole * math.ceil(config.search.batch / size) + math.ceil(rest / size)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The numbers of a scan.

    Attributes:
        config: The scan.
        points: Its points.
        entries: Entries of input files by process; processes without are not known.
        made: Processes whose files an earlier scan of the study has generated.
        read: Processes whose events it has read with the same selection.
    """

    config: ScanConfig
    points: tuple[PlannedPoint, ...]
    entries: Mapping[str, int]
    made: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()

    @property
    def members(self) -> int:
        """Classifiers to train."""
        return sum(point.members for point in self.points)

    @property
    def packs(self) -> int:
        """Tune trials."""
        return sum(point.trials for point in self.points)

    @property
    def test_sets(self) -> int:
        """Test ensembles: two hypotheses, or all for several classes, at a strength."""
        return testing.pair_sets(self.config) + testing.class_sets(self.config)

    @property
    def pairs(self) -> int:
        """Classifiers times the test sets they meet."""
        return sum(p.members * testing.sets_met(self.config, p.choice) for p in self.points)

    @property
    def test_rows(self) -> int:
        """Rows of the tables `auc` and `multiclass`."""
        return sum(p.members * testing.rows_written(self.config, p.choice) for p in self.points)

    @property
    def curves(self) -> int:
        """ROC curves, each with the score distributions of its two classes."""
        return sum(self._curves(point) for point in self.points)

    def _curves(self, point: PlannedPoint) -> int:
        which, choice = self.config.crosstest.curves, point.choice
        if which == "none" or choice.head == "multiclass":
            return 0
        if which == "first":  # on its own benchmark, and there once more on single events
            own = testing.strengths_tested(self.config, choice) * (not choice.is_joint)
            return own + point.reads_events
        events = len(self.config.benchmarks) * point.reads_events
        return point.members * (testing.sets_met(self.config, choice) + events)

    @property
    def selected(self) -> int:
        """Classifiers that limits are set with."""
        return sum(point.selected for point in self.points)

    @property
    def binned_limits(self) -> int:
        """Limits of methods ``template`` and ``response``."""
        limits = self.config.limits
        each = ("template" in limits.methods) + ("response" in limits.methods) * self.selected
        return len(self.config.benchmarks) * len(limits.luminosity) * each

    @property
    def score_limits(self) -> int:
        """Limits of method ``score``: only for mixtures with background."""
        if "score" not in self.config.limits.methods:
            return 0
        some = [p for p in self.points if p.mixture is None or p.mixture.background > 0]
        return len(self.config.benchmarks) * sum(point.selected for point in some)

    @property
    def score_draws(self) -> int:
        """Histograms drawn for limits of method ``score``, at most."""
        if not self.score_limits:
            return 0
        totals = {p.mixture.background for p in self.points if p.mixture is not None} - {0} or {1}
        sets = (SCORE_STRENGTHS + 1) * len(totals) * len(self.config.benchmarks)
        return sets * self.config.limits.ensembles

    def training_draws(self, point: PlannedPoint) -> int:
        """Histograms drawn to train a point and to stop it, at most; a pack shares its draws."""
        if point.reads_events:
            return 0
        sizes = self.config.ensembles
        shared = point.members if point.choice.searches else point.packs
        epochs = _draws(point)
        validation = point.histograms(sizes.validation)
        own = validation * point.members  # the validation AUC that the table shows
        if epochs == 0:
            return own
        return own + shared * (epochs * point.histograms(sizes.train) + validation)

    @property
    def draws(self) -> int:
        """Histograms drawn in the whole scan, at most."""
        training = sum(self.training_draws(point) for point in self.points)
        return training + testing.histograms_tested(self.config) + self.score_draws

    def events(self, process: str) -> int | None:
        """Events of a process before the selection, None if not known yet."""
        made = self.config.processes[process].generate
        return made.events if made is not None else self.entries.get(process)

    def pool(self, process: str, share: float) -> int | None:
        """Events of a process in a pool before the selection."""
        events = self.events(process)
        part = share if self.config.pools.split == "events" else 1.0
        return None if events is None else round(events * part)

    def training_events(self, point: PlannedPoint) -> int:
        """Single events of an epoch of a network of events, before the selection."""
        names = (*self.config.backgrounds, point.benchmark)
        return sum(self.pool(name, self.config.pools.train) or 0 for name in names)

    def examples(self, point: PlannedPoint) -> int:
        """Rows of an epoch."""
        if point.reads_events:
            return self.training_events(point)
        return point.histograms(self.config.ensembles.train)

    def input_shape(self, point: PlannedPoint) -> tuple[int, ...]:
        """What a classifier of a point looks at."""
        if point.reads_events:
            return (len(features_of(self.config, point.choice.features)),)
        return self.config.binning.shape

    @property
    def draw_kind(self) -> DrawKind:
        """How numbers of events are shared out among pools."""
        method, poisson = self.config.ensembles.method, self.config.mixtures.totals == "poisson"
        if method != "without_replacement":
            return "poisson" if poisson else method
        unequal = poisson or self.config.ensembles.unsure.background > 0
        return "shared_out" if unequal or len(self.config.backgrounds) > 1 else "exact"

    def drawing(self, rates: Rates) -> float:
        """CPU seconds of one histogram."""
        bins, pools = self.config.binning.bins, len(self.config.backgrounds)
        return rates.drawing(self.draw_kind, bins=bins, pools=pools)


def _draws(point: PlannedPoint) -> int:
    """Epochs' worth of histograms that a member draws to train."""
    if point.choice.name == "likelihood_ratio":
        return 0
    if point.choice.name not in NETWORKS:
        return int(point.knobs["draws"])
    return 1 if point.knobs["refresh"] == "never" else point.epochs


def workload(config: ScanConfig, entries: Mapping[str, int] | None = None) -> Workload:
    """What a scan file asks for.

    Args:
        config: The scan.
        entries: Entries of input files by process, as far as they were opened.
    """
    return Workload(config=config, points=planned_points(config), entries=dict(entries or {}))
