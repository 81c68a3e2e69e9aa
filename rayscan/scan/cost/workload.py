"""How much work a scan is, counted from its file alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rayscan.scan.config.heads.registry import second_signals
from rayscan.scan.config.limits import METHODS, Method
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost.points import Kind, PlannedPoint, planned_points
from rayscan.scan.cost.rates import DrawKind, Rates


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
    def kinds(self) -> tuple[Kind, ...]:
        """Its architectures, which share their graphs among points."""
        return tuple({point.choice.key: point.kind for point in self.points}.values())

    @property
    def members(self) -> int:
        """Classifiers to train."""
        return sum(point.kind.members for point in self.points)

    @property
    def packs(self) -> int:
        """Tune trials."""
        return sum(point.trials for point in self.points)

    # ------------------------------------------------------------------ tests

    @property
    def pair_sets(self) -> int:
        """Test sets of two hypotheses: each benchmark, against the background and signals."""
        benchmarks, second = len(self.config.benchmarks), len(second_signals(self.config))
        return (benchmarks + second * (benchmarks - 1)) * len(self.config.mixtures.strengths)

    @property
    def class_sets(self) -> int:
        """Test sets of all hypotheses at one strength, where some head meets them."""
        some = any(kind.head.test == "classes" for kind in self.kinds)
        return some * len(self.config.mixtures.strengths)

    @property
    def test_sets(self) -> int:
        """Test ensembles."""
        return self.pair_sets + self.class_sets

    @property
    def times_tested(self) -> int:
        """How often a classifier of two classes is: of a shared pool also on its unseen part."""
        return 1 if self.config.pools.split == "events" else 2

    @property
    def histograms_tested(self) -> int:
        """Histograms of all test sets, in all folds."""
        of_classes = self.class_sets * (len(self.config.benchmarks) + 1)
        sets = 2 * self.times_tested * self.pair_sets + of_classes
        return sets * len(self.config.pools.numbers) * self.config.ensembles.test

    @property
    def pairs(self) -> int:
        """Classifiers times the test sets they meet."""
        return sum(point.kind.members * point.kind.sets for point in self.points)

    @property
    def test_rows(self) -> int:
        """Rows of tables of tests."""
        return sum(point.kind.members * point.kind.rows for point in self.points)

    @property
    def curves(self) -> int:
        """ROC curves, each with the score distributions of its two classes."""
        return sum(self._curves(point.kind) for point in self.points)

    def _curves(self, kind: Kind) -> int:
        which, of_events = self.config.crosstest.curves, kind.choice.reads_events
        if which == "none" or kind.head.test == "classes":
            return 0
        if which == "first":  # on its own benchmark, and there once more on single events
            return kind.strengths_tested * (not kind.head.joint) + of_events
        return kind.members * (kind.sets + len(self.config.benchmarks) * of_events)

    # ------------------------------------------------------------------ limits

    @property
    def selected(self) -> int:
        """Classifiers that limits are set with."""
        return sum(point.kind.selected for point in self.points)

    @property
    def methods(self) -> tuple[Method, ...]:
        """The limit methods asked for."""
        return tuple(METHODS[name] for name in self.config.limits.methods)

    def limits(self, *, fitted: bool) -> int:
        """Limits by methods that fit models, or by those that score pseudo-experiments."""
        some = [p for p in self.points if p.mixture is None or p.mixture.background > 0]
        scored = sum(point.kind.selected for point in some)
        teams = self.selected // len(self.config.pools.numbers)
        each = [
            method.count(self.config, teams, scored)
            for method in self.methods
            if bool(method.channels(self.config)) == fitted
        ]
        return len(self.config.benchmarks) * sum(each)

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

    # ------------------------------------------------------------------ draws and events

    def training_draws(self, point: PlannedPoint) -> int:
        """Histograms drawn to train a point and to stop it, at most; a pack shares its draws."""
        kind, sizes = point.kind, self.config.ensembles
        if kind.choice.reads_events:
            return 0
        shared = kind.members if kind.choice.searches else kind.packs(self.config.training.pack)
        epochs = kind.choice.architecture.draws(kind.values)
        validation = point.histograms(sizes.validation)
        trained = shared * (epochs * point.histograms(sizes.train) + validation) if epochs else 0
        return trained + validation * kind.members  # the validation AUC that the table shows

    @property
    def draws(self) -> int:
        """Histograms drawn in the whole scan, at most."""
        training = sum(self.training_draws(point) for point in self.points)
        return training + self.histograms_tested + self.score_draws

    def events(self, process: str) -> int | None:
        """Events of a process before the selection, None if not known yet."""
        made = self.config.processes[process].generate
        return made.events if made is not None else self.entries.get(process)

    def pool(self, process: str, share: float) -> int | None:
        """Events of a process in a pool before the selection."""
        events, pools = self.events(process), self.config.pools
        part = share if pools.split == "events" else 1.0 - pools.test
        return None if events is None else round(events * part)

    def pooled(self, point: PlannedPoint, share: float) -> int:
        """Events of all processes of a point in a pool, as far as they are known."""
        names = (*self.config.backgrounds, point.benchmark)
        return sum(self.pool(name, share) or 0 for name in names)

    def examples(self, point: PlannedPoint) -> int:
        """Rows of an epoch."""
        if point.choice.reads_events:
            return self.pooled(point, self.config.pools.train)
        return point.histograms(self.config.ensembles.train)

    def drawing(self, rates: Rates) -> float:
        """CPU seconds of one histogram."""
        bins, pools = self.config.binning.bins, len(self.config.backgrounds)
        return rates.drawing(self._draw_kind(), bins=bins, pools=pools)

    def _draw_kind(self) -> DrawKind:
        """How numbers of events are shared out among pools."""
        method, poisson = self.config.ensembles.method, self.config.mixtures.totals == "poisson"
        if method != "without_replacement":
            return "poisson" if poisson else method
        unequal = poisson or self.config.ensembles.unsure.background > 0
        return "shared_out" if unequal or len(self.config.backgrounds) > 1 else "exact"


def workload(config: ScanConfig, entries: Mapping[str, int] | None = None) -> Workload:
    """What a scan file asks for.

    Args:
        config: The scan.
        entries: Entries of input files by process, as far as they were opened.
    """
    return Workload(config=config, points=planned_points(config), entries=dict(entries or {}))
