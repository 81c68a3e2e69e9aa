"""How much work a scan is, counted from its file alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.limits import METHODS, Method
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost import testing
from rayscan.scan.cost.points import PlannedPoint, planned_points
from rayscan.scan.cost.rates import DrawKind, Rates
from rayscan.scan.steps.examples import features_of


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
        head = head_of(choice)
        if which == "none" or head.test == "classes":
            return 0
        if which == "first":  # on its own benchmark, and there once more on single events
            own = testing.strengths_tested(self.config, choice) * (not head.joint)
            return own + point.reads_events
        events = len(self.config.benchmarks) * point.reads_events
        return point.members * (testing.sets_met(self.config, choice) + events)

    @property
    def selected(self) -> int:
        """Classifiers that limits are set with."""
        return sum(point.selected for point in self.points)

    def limits(self, *, fitted: bool) -> int:
        """Limits by methods that fit models, or by those that score pseudo-experiments."""
        some = [p for p in self.points if p.mixture is None or p.mixture.background > 0]
        scored = sum(point.selected for point in some)
        teams = self.selected // len(self.config.pools.numbers)
        each = [
            method.count(self.config, teams, scored)
            for method in self.methods
            if bool(method.channels(self.config)) == fitted
        ]
        return len(self.config.benchmarks) * sum(each)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The limit methods asked for."""
        return tuple(METHODS[name] for name in self.config.limits.methods)

    @property
    def binned_limits(self) -> int:
        """Limits of fitted models; of classifiers one of all folds together."""
        return self.limits(fitted=True)

    @property
    def score_limits(self) -> int:
        """Limits from scores: only for mixtures with background."""
        return self.limits(fitted=False)

    @property
    def strengths(self) -> tuple[int, ...]:
        """Most strengths at which classifiers score for limits, of each method with such."""
        return tuple(method.strengths for method in self.methods if method.strengths)

    @property
    def score_draws(self) -> int:
        """Histograms drawn for limits from scores, at most."""
        if not self.score_limits:
            return 0
        totals = {p.mixture.background for p in self.points if p.mixture is not None} - {0} or {1}
        drawn = sum(strengths + 1 for strengths in self.strengths)  # and background only
        sets = drawn * len(totals) * len(self.config.benchmarks)
        return sets * self.config.limits.ensembles * len(self.config.pools.numbers)

    def training_draws(self, point: PlannedPoint) -> int:
        """Histograms drawn to train a point and to stop it, at most; a pack shares its draws."""
        if point.reads_events:
            return 0
        sizes = self.config.ensembles
        shared = point.members if point.choice.searches else point.packs
        epochs = point.choice.architecture.draws(point.values)
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
        pools = self.config.pools
        part = share if pools.split == "events" else 1.0 - pools.test
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


def workload(config: ScanConfig, entries: Mapping[str, int] | None = None) -> Workload:
    """What a scan file asks for.

    Args:
        config: The scan.
        entries: Entries of input files by process, as far as they were opened.
    """
    return Workload(config=config, points=planned_points(config), entries=dict(entries or {}))
