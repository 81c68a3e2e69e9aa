"""How much work a scan is, counted from its file alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rayscan.ensembles.mixture import Mixture
from rayscan.models.knobs import middle
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.limits import METHODS
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.search_space import search_ranges, starting_knobs
from rayscan.scan.plan.points import Mixtures, Point, mixtures, planned_in_fold, points
from rayscan.scan.plan.strengths import trains_at_each
from rayscan.scan.steps.examples import features_of


@dataclass(frozen=True, eq=False, kw_only=True)
class Kind:
    """An architecture of a scan file: its points are of other signals or strengths, and cost alike.

    Attributes:
        choice: The architecture.
        points: Its points.
        values: Its knobs; what is searched is at the middle of its range.
        shape: What a classifier looks at.
        examples: Rows of an epoch.
        validation: Histograms of a validation set, all classes together.
        members: Classifiers to train.
        trials: Tune trials; a chain of strengths is trained in those of its first.
        at_once: Those that can train side by side; of a search those of one batch.
        draws: Histograms drawn to train and to stop, at most; a pack shares its draws.
        selected: Classifiers that limits are set with: of a search the best of each fold.
        sets: Test sets that each classifier meets.
    """

    choice: ArchitectureChoice
    points: tuple[Point, ...]
    values: Any
    shape: tuple[int, ...]
    examples: int
    validation: int
    members: int
    trials: int
    at_once: int
    draws: int
    selected: int
    sets: int

    @property
    def compiles(self) -> bool:
        """Whether its training loads TensorFlow and compiles graphs."""
        return self.choice.architecture.engine == "tensorflow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The numbers of a scan.

    Attributes:
        config: The scan.
        kinds: Its architectures with their points.
        known: Whether mixtures are; else they follow from yields, and others stand for them.
        mixtures: Those of every benchmark.
        entries: Entries of input files by process; processes without are not known.
        made: Processes whose files an earlier scan of the study has generated.
        read: Processes whose events it has read with the same selection.
    """

    config: ScanConfig
    kinds: tuple[Kind, ...]
    known: bool
    mixtures: Mixtures
    entries: Mapping[str, int]
    made: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()

    def total(self, number: str) -> int:
        """Sum of a number of all architectures."""
        return sum(getattr(kind, number) for kind in self.kinds)

    @property
    def pairs(self) -> int:
        """Classifiers times the test sets they meet."""
        return sum(kind.members * kind.sets for kind in self.kinds)

    def limits(self, *, fitted: bool) -> int:
        """Limits by methods that fit models, or by those that score pseudo-experiments."""
        selected = self.total("selected")
        teams = selected // len(self.config.pools.numbers)  # of all folds
        return len(self.config.benchmarks) * sum(
            method.count(self.config, teams, selected)
            for method in map(METHODS.__getitem__, self.config.limits.methods)
            if bool(method.channels(self.config)) == fitted
        )

    def scored(self) -> int:
        """Pseudo-experiments that each classifier scores for limits on one benchmark."""
        found = [METHODS[name].strengths for name in self.config.limits.methods]
        hypotheses = sum(1 + strengths for strengths in found if strengths)
        return hypotheses * self.config.limits.ensembles * bool(self.limits(fitted=False))

    def events(self, process: str) -> int | None:
        """Events of a process before the selection, None if not known yet."""
        made = self.config.processes[process].generate
        return made.events if made is not None else self.entries.get(process)

    def pool(self, names: Sequence[str], share: float) -> int | None:
        """Events of processes in a pool before the selection, None if not known yet."""
        found, pools = [self.events(name) for name in names], self.config.pools
        part = share if pools.split == "events" else 1.0 - pools.test
        return None if None in found else round(part * sum(n or 0 for n in found))


def workload(config: ScanConfig, entries: Mapping[str, int] | None = None) -> Workload:
    """What a scan file asks for.

    Args:
        config: The scan.
        entries: Entries of input files by process, as far as they were opened.
    """
    try:
        known, found = True, mixtures(config)
    except ValueError:
        rising = range(1, 1 + len(config.mixtures.strengths))
        some = tuple(Mixture(signal=signal, background=1) for signal in rising)
        known, found = False, dict.fromkeys(config.benchmarks, some)
    of_choice: dict[str, list[Point]] = {}
    for point in points(config, found):
        of_choice.setdefault(point.choice.key, []).append(point)
    load = Workload(
        config=config, kinds=(), known=known, mixtures=found, entries=dict(entries or {})
    )
    kinds = tuple(_kind(load, those[0].choice, tuple(those)) for those in of_choice.values())
    return replace(load, kinds=kinds)


def _kind(load: Workload, choice: ArchitectureChoice, those: tuple[Point, ...]) -> Kind:
    config, head, events = load.config, head_of(choice), choice.reads_events
    knobs = {name: middle(allowed) for name, allowed in search_ranges(choice).items()}
    values = choice.architecture.valued(starting_knobs(choice) | knobs)
    sizes, folds = config.ensembles, len(config.pools.numbers)
    train, validation = map(those[0].histograms, (sizes.train, sizes.validation))
    if events:
        train = load.pool((*config.backgrounds, *those[0].benchmarks), config.pools.train) or 0
    count, pack = planned_in_fold(config, those[0]), config.training.pack
    batch = config.search.batch if choice.searches else count
    first = [point for point in those if not point.chained]
    packs = count // batch * math.ceil(batch / pack) + math.ceil(count % batch / pack)
    members, best = count * folds * len(those), folds * len(those)
    epochs = choice.architecture.draws(values)
    sharing = members if choice.searches else packs * best
    everything = config.crosstest.strengths == "all" or not trains_at_each(config, choice)
    strengths = len(config.mixtures.strengths) if everything else 1
    return Kind(
        choice=choice,
        points=those,
        values=values,
        shape=(len(features_of(config, choice.features)),) if events else config.binning.shape,
        examples=train,
        validation=validation,
        members=members,
        trials=len(first) * folds * packs,
        at_once=len(first) * folds * min(packs, math.ceil(batch / pack)),
        draws=(not events)
        * (validation * members + sharing * bool(epochs) * (epochs * train + validation)),
        selected=head.excludes * (best if choice.searches else members),
        sets=strengths * head.sets(len(config.benchmarks)),
    )
