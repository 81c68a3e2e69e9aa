"""CPU and wall time of the stages of a scan, from its workload and the rates of a machine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rayscan.cores import allowed_cores
from rayscan.events.formats import EVENTS_PER_TASK
from rayscan.generator.generate import Generate
from rayscan.models.architectures.base import reading
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost.points import PlannedPoint
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.workload import Workload
from rayscan.scan.steps.scoring import AT_ONCE

_PYHF_TESTS = 46  # hypothesis tests of one limit that pyhf itself finds
_DRIVER_OVERLAP = 0.7  # the driver and Ray's own processes start side by side


@dataclass(frozen=True, slots=True)
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
    made = [(recipe, _files(recipe.events)) for recipe in generated(load)]
    making = rates.declared * sum(recipe.seconds(files) for recipe, files in made)
    unread = [load.events(name) or 0 for name in config.processes if name not in load.read]
    slices = sum(map(_files, unread))
    training = sum(point_cpu(load, point, rates) for point in load.points)
    training += rates.compilation * sum(kind.compilations(slots) for kind in load.kinds)
    at_once = sum(_at_once(point) for point in load.points)
    excluding = len(config.benchmarks) * bool(load.binned_limits or load.score_limits)
    engine = rates.tensorflow * any(kind.compiles for kind in load.kinds)
    start = rates.process
    return (
        Stage("generate events", making, start, min(crew, sum(files for _, files in made))),
        Stage(
            "read events", sum(unread) * rates.entry, start, min(crew, max(slices, bool(unread)))
        ),
        Stage("train", training, start + engine, min(slots, at_once)),
        Stage("cross-test", _cross_tests(load, rates), start, min(crew, load.test_sets)),
        Stage("limits", _limits(load, rates), start, min(crew, excluding)),
    )


def total_cpu(found: tuple[Stage, ...], rates: Rates) -> float:
    """CPU seconds of a whole run."""
    return rates.driver + sum(stage.cpu for stage in found)


def total_wall(found: tuple[Stage, ...], rates: Rates) -> float:
    """Seconds of a whole run."""
    return _DRIVER_OVERLAP * rates.driver + sum(stage.wall for stage in found)


def generated(load: Workload) -> Iterator[Generate]:
    """What is to be generated for each process that has not been yet."""
    for name, process in load.config.processes.items():
        if process.generate is not None and name not in load.made:
            yield process.generate


def _files(events: int) -> int:
    return math.ceil(events / EVENTS_PER_TASK)


def point_cpu(load: Workload, point: PlannedPoint, rates: Rates) -> float:
    """CPU seconds of training a point, every member for all its epochs; graphs not included."""
    kind, config = point.kind, load.config
    each = rates.fitting(kind.choice, kind.values, kind.shape, load.examples(point))
    shown = point.histograms(config.ensembles.validation)
    each += _tested(load, point, rates, shown, config.pools.validation)
    if kind.choice.searches and config.search.objective == "limit":
        each += rates.limit
    draws = load.training_draws(point) * load.drawing(rates)
    return draws + kind.members * each + point.trials * rates.trial


def _at_once(point: PlannedPoint) -> int:
    """Packs of a point that can train side by side: those of one batch of a search, or all."""
    config = point.kind.config
    if not point.choice.searches:
        return point.trials
    batch = math.ceil(config.search.batch / config.training.pack)
    return min(point.trials, batch * len(config.pools.numbers))


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
    each = rates.scored(point.choice, point.kind.values, point.kind.shape)
    if not point.choice.reads_events:
        return count * each
    drawn = 0
    if (mixture := point.mixture) is not None:
        drawn = count // 2 * (mixture.null_total + mixture.signal + mixture.background)
    summed = rates.ensemble_sum + rates.ensemble_event / max(min(together, AT_ONCE), 1)
    return load.pooled(point, share) * each + drawn * summed


def _cross_tests(load: Workload, rates: Rates) -> float:
    config, bins = load.config, load.config.binning.bins
    ceiling = rates.declared * reading(bins) + bool(config.ensembles.unsure) * bins * rates.marginal
    drawn = load.histograms_tested * (load.drawing(rates) + ceiling)
    together = sum(p.kind.members for p in load.points if p.choice.reads_events)
    cost = load.pair_sets * len(config.pools.numbers) * rates.ceiling + drawn
    for point in load.points:
        kind = point.kind
        shown = kind.hypotheses * config.ensembles.test
        if kind.head.test == "pairs":  # with each bin's own score, for the error of pools
            shown = (shown + bins * (not kind.choice.reads_events)) * load.times_tested
        one = _tested(load, point, rates, shown, config.pools.test, together)
        cost += kind.members * kind.sets * one
    return cost


def _limits(load: Workload, rates: Rates) -> float:
    config, fitted = load.config, load.binned_limits
    # The smallest models are judged.
    channels = min(filter(None, (each.channels(config) for each in load.methods)), default=0)
    by_pyhf = rates.referee + rates.referee_channel * channels**2
    cost = fitted * rates.limit + min(config.limits.referee, fitted) * by_pyhf
    if config.ensembles.unsure.shape is not None:
        cost = fitted * _PYHF_TESTS * by_pyhf
    if not load.score_limits:
        return cost
    some, count = load.strengths, 2 * config.limits.ensembles
    together = sum(p.kind.selected for p in load.points if p.choice.reads_events)
    for point in load.points:
        if point.mixture is None or point.mixture.background:
            one = _tested(load, point, rates, count, config.pools.test, together)
            # Histograms: the null once and every strength; events: both classes at each strength.
            halves = 2 * sum(some) if point.choice.reads_events else sum(some) + len(some)
            cost += len(config.benchmarks) * point.kind.selected * one * halves / 2
    return cost + load.score_draws * load.drawing(rates)
