"""CPU and wall time of the stages of a scan, from its workload and the rates of a machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rayscan.cores import allowed_cores
from rayscan.events.formats import EVENTS_PER_TASK
from rayscan.models.architectures.base import reading
from rayscan.models.knobs import Choice, Integer
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.search_space import search_ranges
from rayscan.scan.cost import testing
from rayscan.scan.cost.points import PlannedPoint
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.workload import Workload
from rayscan.scan.steps.scoring import AT_ONCE

_PYHF_TESTS = 46  # hypothesis tests of one limit that pyhf itself finds
_DRIVER_OVERLAP = 0.7  # the driver and Ray's own processes start side by side


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: As the run calls it.
        work: CPU seconds that are shared among workers.
        start: CPU seconds of each worker before it works.
        workers: Workers that have something to do.
    """

    name: str
    work: float
    start: float
    workers: int

    @property
    def cpu(self) -> float:
        """CPU seconds of all workers."""
        return self.work + self.start * self.workers

    @property
    def wall(self) -> float:
        """Seconds until it ends."""
        return self.work / self.workers + self.start if self.workers else 0.0


def machine_workers(config: ScanConfig) -> int:
    """Processes at a time: what the scan file says, or a process per core it may use."""
    return config.resources.workers or allowed_cores()


def trial_slots(config: ScanConfig) -> int:
    """Trials at a time, with one GPU if they want any."""
    room = int(machine_workers(config) / config.resources.cpus_per_trial)
    if config.resources.gpus_per_trial > 0:
        room = min(room, int(1 / config.resources.gpus_per_trial))
    return max(1, room)


def stages(load: Workload, rates: Rates) -> tuple[Stage, ...]:
    """The stages of a first run, nothing of an earlier one being there."""
    config = load.config
    crew, slots = machine_workers(config), trial_slots(config)
    files = sum(_files(events) for _, events in _generated(load))
    unread = [load.events(name) or 0 for name in config.processes if name not in load.read]
    known, slices = sum(unread), sum(map(_files, unread))
    some_limits = bool(load.binned_limits or load.score_limits)
    tensorflow = any(map(compiles, load.points))
    training = sum(point_cpu(load, point, rates) for point in load.points)
    training += rates.compilation * sum(compilations(point, slots) for point in _kinds(load))
    at_once = sum(_at_once(config, point) for point in load.points)
    found = [
        ("generate events", _generation(load, rates), min(crew, files)),
        ("read events", known * rates.entry, min(crew, max(slices, 1)) * bool(unread)),
        ("train", training, min(slots, at_once)),
        ("cross-test", _cross_tests(load, rates), min(crew, load.test_sets)),
        ("limits", _limits(load, rates), min(crew, len(config.benchmarks)) * some_limits),
    ]
    return tuple(
        Stage(
            name=name,
            work=work,
            workers=workers,
            start=rates.process + (rates.tensorflow if name == "train" and tensorflow else 0.0),
        )
        for name, work, workers in found
    )


def total_cpu(found: tuple[Stage, ...], rates: Rates) -> float:
    """CPU seconds of a whole run."""
    return rates.driver + sum(stage.cpu for stage in found)


def total_wall(found: tuple[Stage, ...], rates: Rates) -> float:
    """Seconds of a whole run."""
    return _DRIVER_OVERLAP * rates.driver + sum(stage.wall for stage in found)


def point_cpu(load: Workload, point: PlannedPoint, rates: Rates) -> float:
    """CPU seconds of training a point, every member for all its epochs; graphs not included."""
    each = rates.fitting(point, load.input_shape(point), load.examples(point))
    shown = point.histograms(load.config.ensembles.validation)
    each += _tested(load, point, rates, shown, load.config.pools.validation)
    if point.choice.searches and load.config.search.objective == "limit":
        each += rates.limit
    draws = load.training_draws(point) * load.drawing(rates)
    return draws + point.members * each + point.trials * rates.trial


def _kinds(load: Workload) -> Iterator[PlannedPoint]:
    """One point of each architecture: benchmarks and strengths share their graphs."""
    yield from {point.choice.key: point for point in load.points}.values()


def compiles(point: PlannedPoint) -> bool:
    """Whether its training loads TensorFlow and compiles graphs."""
    return point.choice.architecture.engine == "tensorflow"


def compilations(point: PlannedPoint, slots: int) -> int:
    """Graphs that a point makes all workers compile together, at most."""
    if not compiles(point):
        return 0
    sizes = math.prod(_options(point.choice))
    return min(point.packs, slots * sizes)


def _options(choice: ArchitectureChoice) -> Iterator[int]:
    for knob, allowed in search_ranges(choice).items():
        if knob not in choice.architecture.knobs.graphs():
            continue
        if isinstance(allowed, Choice):
            yield len(allowed.options)
        elif isinstance(allowed, Integer):
            yield allowed.high - allowed.low + 1


def _at_once(config: ScanConfig, point: PlannedPoint) -> int:
    """Packs of a point that can train side by side: those of one batch of a search, or all."""
    if not point.choice.searches:
        return point.trials
    batch = math.ceil(config.search.batch / config.training.pack)
    return min(point.packs, batch * point.folds)


def _generated(load: Workload) -> Iterator[tuple[str, int]]:
    """Source, level and events of each process that is to be generated."""
    for name, process in load.config.processes.items():
        made = process.generate
        if made is not None and name not in load.made:
            yield f"{made.source}_{made.level}", made.events


def _generation(load: Workload, rates: Rates) -> float:
    return sum(
        _files(events) * rates.generated_file[kind] + events * rates.generated_event[kind]
        for kind, events in _generated(load)
    )


def _files(events: int) -> int:
    return math.ceil(events / EVENTS_PER_TASK)


def _tested(
    load: Workload,
    point: PlannedPoint,
    rates: Rates,
    count: int,
    share: float,
    together: int = 1,
) -> float:
    """Scores of ``count`` pseudo-experiments, all classes together, by one classifier of a point.

    Those of a network of single events are sums over events, which are drawn for ``together``
    classifiers at once.
    """
    each = rates.scored(point, load.input_shape(point))
    if not point.reads_events:
        return count * each
    names = (*load.config.backgrounds, point.benchmark)
    events = sum(load.pool(name, share) or 0 for name in names)
    drawn = 0
    if point.mixture is not None:
        mixture = point.mixture
        drawn = count // 2 * (mixture.null_total + mixture.signal + mixture.background)
    return events * each + drawn * (rates.ensemble_sum + rates.ensemble_event / together)


def _of_events(load: Workload, number: Callable[[PlannedPoint], int]) -> int:
    """How many classifiers of single events are scored together."""
    return max(min(sum(number(p) for p in load.points if p.reads_events), AT_ONCE), 1)


def _shown(load: Workload, point: PlannedPoint, count: int) -> int:
    """Rows that a classifier scores in a test set: with each bin's own, for the error of pools."""
    hypotheses = testing.hypotheses(load.config, point.choice)
    if head_of(point.choice).test == "classes":
        return hypotheses * count
    bins = 0 if point.reads_events else load.config.binning.bins
    return (hypotheses * count + bins) * testing.times_tested(load.config)


def _cross_tests(load: Workload, rates: Rates) -> float:
    count, share = load.config.ensembles.test, load.config.pools.test
    ratio = rates.architecture * reading(load.config.binning.bins)
    if load.config.ensembles.unsure:
        ratio += load.config.binning.bins * rates.marginal
    drawn = testing.histograms_tested(load.config) * (load.drawing(rates) + ratio)
    together = _of_events(load, lambda point: point.members)
    pairs = sum(
        point.members
        * testing.sets_met(load.config, point.choice)
        * _tested(load, point, rates, shown, share, together)
        for point in load.points
        for shown in [_shown(load, point, count)]
    )
    ceilings = testing.pair_sets(load.config) * len(load.config.pools.numbers)
    return ceilings * rates.ceiling + drawn + pairs


def _limits(load: Workload, rates: Rates) -> float:
    config = load.config
    judged = min(config.limits.referee, load.binned_limits)
    # The smallest models are judged.
    channels = min(filter(None, (each.channels(config) for each in load.methods)), default=0)
    by_pyhf = rates.referee + rates.referee_channel * channels**2
    cost = load.binned_limits * rates.limit + judged * by_pyhf
    if config.ensembles.unsure.shape is not None:
        cost = load.binned_limits * _PYHF_TESTS * by_pyhf
    if load.score_limits:
        cost += load.score_draws * load.drawing(rates)
        together = _of_events(load, lambda point: point.selected)
        each = sum(_score_limit(load, point, rates, together) for point in load.points)
        cost += len(config.benchmarks) * each
    return cost


def _score_limit(load: Workload, point: PlannedPoint, rates: Rates, together: int) -> float:
    """Scores for the limits on one benchmark by all selected classifiers of a point."""
    count, share = load.config.limits.ensembles, load.config.pools.test
    if point.mixture is not None and not point.mixture.background:
        return 0.0
    one = _tested(load, point, rates, 2 * count, share, together)
    # Histograms: the null once and every strength; events: both classes at every strength.
    some = load.strengths
    times = sum(some) if point.reads_events else (sum(some) + len(some)) / 2
    return point.selected * times * one
