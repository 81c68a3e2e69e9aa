"""CPU and wall time of the stages of a scan: what each starts with, and what each unit takes.

Constants are CPU seconds on one core of the reference machine: two cores of an AMD EPYC virtual
machine of 2025, numpy 2.4, TensorFlow 2.21 without oneDNN, OMP_NUM_THREADS=1. Whole runs are beside
their forecast in ``python -m pytest tests/benchmarks/test_forecast.py -m slow``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import process_time
from timeit import repeat

from rayscan.ensembles.draw import drawing
from rayscan.events.formats import EVENTS_PER_TASK
from rayscan.generator.generate import Generate
from rayscan.models.architectures.base import Work, reading
from rayscan.scan.config.limits import METHODS
from rayscan.scan.cost.workload import Kind, Workload
from rayscan.scan.steps.tests.classes import class_tests
from rayscan.scan.steps.tests.pairs import test_sets
from rayscan.seeds import stream

# What is left of whole runs after all below: the driver and Ray's own processes; a worker in a
# stage, and its import of TensorFlow; a Tune trial (hand-out, storing, ledger), a compiled graph;
# a frozen network of pictures.
_DRIVER, _WORKER, _TENSORFLOW, _TRIAL, _GRAPH, _BACKBONE = 7.0, 2.0, 4.5, 0.25, 1.3, 2.0
_ENTRY = 5e-6  # an entry read, selected and put into pools: 4.1-5.3 us of Delphes files
# An event drawn for a pseudo-experiment at event level, and summed over by one classifier.
_EVENT, _SUM = 15e-9, 4e-9
# A test set; a histogram and bin whose ceiling is integrated over nuisances.
_SET, _MARGINAL = 0.04, 9e-7
# A limit of a fitted model; one that pyhf finds, and the square of its channels; what pyhf takes
# more where it has no fit of ours to start from.
_LIMIT, _PYHF, _PYHF_CHANNELS, _PYHF_ALONE = 5e-3, 0.3, 3e-4, 46
_CALIBRATION = 0.043  # a million Poisson numbers: `speed`


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run."""

    name: str
    units: str  # how much there is to do
    work: float  # CPU seconds that are shared among workers
    start: float  # CPU seconds of each worker before it works
    workers: int  # that have something to do

    @property
    def cpu(self) -> float:
        """CPU seconds of all workers."""
        return self.work + self.start * self.workers

    @property
    def wall(self) -> float:
        """Seconds until it ends."""
        return self.work / self.workers + self.start if self.workers else 0.0


def stages(load: Workload) -> tuple[Stage, ...]:
    """The stages of a first run, nothing of an earlier one being there."""
    parts = (_generating, _reading, _training, _cross_tests, _limits)
    return Stage("start", "driver and Ray", 0.0, _DRIVER, 1), *(part(load) for part in parts)


def speed() -> float:
    """CPU seconds of this machine in one of the reference machine: of a few draws, the least."""
    random = stream(0, "calibration")
    spent = repeat(lambda: random.poisson(10.0, 1_000_000), timer=process_time, repeat=5, number=1)
    return min(spent) / _CALIBRATION


def generated(load: Workload) -> list[Generate]:
    """What is to be generated of each process that has not been yet."""
    processes = load.config.processes.items()
    return [p.generate for name, p in processes if p.generate and name not in load.made]


def _stage(
    load: Workload, name: str, units: str, work: float, tasks: int, start: float = 0.0
) -> Stage:
    workers = min(load.config.resources.workers_here, tasks)
    return Stage(name, units, work, _WORKER + start, workers)


def _generating(load: Workload) -> Stage:
    made = [(recipe, math.ceil(recipe.events / EVENTS_PER_TASK)) for recipe in generated(load)]
    work = sum(recipe.seconds(files) for recipe, files in made)
    units = f"{sum(recipe.events for recipe, _ in made):,} events"
    return _stage(load, "generate events", units, work, sum(files for _, files in made))


def _reading(load: Workload) -> Stage:
    found = [load.events(name) or 0 for name in load.config.processes if name not in load.read]
    tasks = sum(math.ceil(events / EVENTS_PER_TASK) for events in found)
    return _stage(load, "read events", f"{sum(found):,} events", sum(found) * _ENTRY, tasks)


def _training(load: Workload) -> Stage:
    asked = load.config.resources
    slots = asked.slots(asked.workers_here, 1)
    work = sum(training(load, kind) + _GRAPH * kind.graphs(slots) for kind in load.kinds)
    start = _WORKER + _TENSORFLOW * any(kind.compiles for kind in load.kinds)
    start += _BACKBONE * len(_seen(load))
    units = f"{load.total('members'):,} classifiers in {load.total('trials'):,} Tune trials"
    return Stage("train", units, work, start, min(slots, load.total("at_once")))


def training(load: Workload, kind: Kind) -> float:
    """CPU seconds of training an architecture, every member for all epochs, without its graphs."""
    work = kind.choice.architecture.work(kind.values, kind.shape, kind.examples)
    each = work.training + _scored(load, kind, kind.validation, load.config.pools.validation)
    each += _LIMIT * (kind.choice.searches and load.config.search.objective == "limit")
    shared = work.shared
    if kind.folds is not None:
        asked = {"folds": kind.folds.folds, "repeats": kind.folds.repeats}
        folds = kind.choice.architecture.fold_work(kind.values, kind.shape, kind.examples, **asked)
        each, shared = each + folds.training, shared + folds.shared
    fits = kind.members * (each - shared) + kind.trials * shared
    return kind.draws * _drawn(load) + fits + kind.trials * _TRIAL


def _drawn(load: Workload) -> float:
    """A histogram drawn, the mean of both classes [s]."""
    config, pools = load.config, len(load.config.backgrounds)
    unequal = config.mixtures.totals == "poisson" or config.ensembles.unsure.background > 0
    return drawing(config.ensembles.method, pools, config.binning.bins, unequal=unequal)


def _scored(load: Workload, kind: Kind, count: float, share: float, together: int = 1) -> float:
    """So many pseudo-experiments, all classes together, scored by one classifier [s].

    Scores of a network of single events are sums over events, which are drawn for ``together``
    classifiers at once.
    """
    row = _work(kind).row
    if not kind.choice.reads_events:
        return count * row
    sizes = [p.mixture.null_total + p.mixture.signal + p.mixture.background for p in kind.points]
    events = count * sum(sizes) / len(sizes) / 2 * load.known
    pooled = load.pool((*load.config.backgrounds, *kind.points[0].benchmarks), share) or 0
    return pooled * row + events * (_SUM + _EVENT / max(together, 1))


def _cross_tests(load: Workload) -> Stage:
    config, bins, folds = load.config, load.config.binning.bins, len(load.config.pools.numbers)
    pairs, classes = test_sets(config, load.mixtures), class_tests(config, load.mixtures)
    twice = 1 + (config.pools.split == "histograms")  # also on the unseen part of a shared pool
    hypotheses = 2 * twice * len(pairs) + (1 + len(config.benchmarks)) * len(classes)
    unsure = _MARGINAL * bins * bool(config.ensembles.unsure)
    work = folds * config.ensembles.test * hypotheses * (_drawn(load) + reading(bins) + unsure)
    work += folds * _SET * (len(pairs) + len(classes))
    # Ceilings of training sets of which folds are left out.
    sets = {(p.benchmark, p.strength) for kind in load.kinds if kind.folds for p in kind.points}
    own = 2 * config.ensembles.test * (_drawn(load) + reading(bins) + unsure)
    work += folds * len(sets) * (own + _SET)
    for kind in load.kinds:
        head, each = kind.points[0].head, _work(kind)
        shown = twice * head.hypotheses(len(config.benchmarks)) * config.ensembles.test
        one = _scored(load, kind, shown, config.pools.test, load.total("members", of_events=True))
        if head.test == "pairs" and not kind.choice.sees_features:
            # each bin's own score, for the error of pools
            one += twice * (bins * each.row if each.responses is None else each.responses)
        work += kind.pairs * (one - shown * each.features)
    work += folds * twice * config.ensembles.test * _remembered(load, len(pairs))
    units = f"{load.total('pairs'):,} pairs in {len(pairs) + len(classes):,} test sets"
    start = (_TENSORFLOW + (_BACKBONE + _GRAPH) * len(seen)) if (seen := _seen(load)) else 0.0
    return _stage(load, "cross-test", units, work, len(pairs) + len(classes), start)


def _remembered(load: Workload, sets: int) -> float:
    """Features of a histogram of each class of all test sets [s], for all that see the same.

    Class 0 is the same in all sets; each worker makes its features once.
    """
    return sum(_seen(load).values()) * (sets + min(load.config.resources.workers_here, sets))


def _seen(load: Workload) -> dict[str, float]:
    """What is seen by a frozen network, and CPU seconds of the features of a histogram."""
    return {each.sees: each.features for each in map(_work, load.kinds) if each.sees}


def _work(kind: Kind) -> Work:
    return kind.choice.architecture.work(kind.values, kind.shape, 1)


def _limits(load: Workload) -> Stage:
    config, fitted, number = load.config, load.limits(fitted=True), load.scored()
    asked, benchmarks = config.limits, len(config.benchmarks)
    # The smallest models are judged.
    channels = filter(None, (METHODS[name].channels(config) for name in asked.methods))
    pyhf = _PYHF + _PYHF_CHANNELS * min(channels, default=0) ** 2
    work = fitted * _LIMIT + min(asked.referee, fitted) * pyhf
    if config.ensembles.unsure.shape is not None:
        work = fitted * _PYHF_ALONE * pyhf
    work += benchmarks * len(config.pools.numbers) * number * _drawn(load)
    for kind in load.kinds if number else ():
        own = number * (1 + kind.choice.reads_events)  # of events the null at each strength
        one = _scored(load, kind, own, config.pools.test, load.total("selected", of_events=True))
        work += benchmarks * kind.selected * one
    count = fitted + load.limits(fitted=False)
    units = f"{count:,} by {', '.join(asked.methods) or 'no method'}"
    return _stage(load, "limits", units, work, benchmarks * bool(count))
