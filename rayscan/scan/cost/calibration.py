"""The rates of this machine: real draws, one epoch of each architecture, one scored batch."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import DivergedError
from rayscan.models.contract import Classifier, Member, Templates
from rayscan.models.scoring import Grouped, score_many
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost.points import PlannedPoint, known_mixtures
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.workload import Workload, workload
from rayscan.scan.steps.examples import Histograms, Labels
from rayscan.seeds import stream
from rayscan.stats.auc import delong

_SECONDS = 1.0  # about as long as one timing may take on the reference machine
_DRAWN = 2_000
_POOL = 100_000
_TOTAL = 2_000  # events of a histogram where the scan file does not say
_SEPARATION = 2.0
_FEWEST = 128
_TESTED = 4  # classifiers scored together
_WORKER = {"OMP_NUM_THREADS": "1", "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""As trials run; read when TensorFlow is loaded."""

Factors: TypeAlias = tuple[float, float]


def calibrated(config: ScanConfig) -> Rates:
    """Rates of this machine, timed on toy pools with the binning and the architectures of a scan.

    Draws, one epoch of training and one scored batch are timed; everything else costs what it does
    on the reference machine, times the ratio that was found for the draws. TensorFlow is loaded
    only if an architecture needs it.

    Args:
        config: The scan.
    """
    for key, value in _WORKER.items():
        os.environ.setdefault(key, value)
    with threadpool_limits(limits=1):  # numpy has read OMP_NUM_THREADS long ago
        return _timed(config)


def _timed(config: ScanConfig) -> Rates:
    load, rates = workload(config), Rates()
    sampler = _sampler(config)
    rng = stream(config.seed, "calibration")
    seconds = _least(lambda: _histograms(sampler, rng, _DRAWN)) / (2 * _DRAWN)
    speed = seconds / load.drawing(rates)
    rates = _scaled(rates, speed)
    found = {
        name: _factors(load, point, sampler, rates)
        for name, point in {p.choice.name: p for p in load.points}.items()
        if rates.fitting(point.choice, point.kind.values, point.kind.shape, 1)
    }
    training = {name: factor for name, (factor, _) in found.items()}
    scoring = {name: factor for name, (_, factor) in found.items()}
    return replace(rates, training=training, scoring=scoring)


def _scaled(rates: Rates, speed: float) -> Rates:
    """Every cost times a factor; what the architectures cost is timed on its own."""
    changed: dict[str, Any] = {
        name: value * speed
        if isinstance(value, float)
        else {k: v * speed for k, v in value.items()}
        for name, value in asdict(rates).items()
    }
    return replace(rates, **changed)


def _least(work: Callable[[], object], times: int = 3) -> float:
    """Least CPU time [s] of a few runs: others on the machine only ever add to it."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return max(min(found), 1e-9)


# ----------------------------------------------------------------- toy pools


def _sampler(config: ScanConfig) -> Ensembles:
    """Ensembles on the scan's binning: a falling background, a signal that falls more slowly.

    There is as much signal as gives an ideal classifier an AUC of 0.92: linear fits take longer the
    more the classes overlap.
    """
    known = known_mixtures(config) or {}
    mixtures = [mixture for each in known.values() for mixture in each]
    total = max((mixture.null_total for mixture in mixtures), default=_TOTAL)
    place = np.linspace(0.0, 1.0, config.binning.bins)
    falling, flatter = _density(np.exp(-5.0 * place)), _density(np.exp(-4.0 * place))
    k = np.sqrt(np.sum((flatter - falling) ** 2 / falling))
    signal = min(int(np.ceil(_SEPARATION * np.sqrt(total) / max(k, _SEPARATION / total))), total)
    mixture = Mixture(signal=signal, background=total, totals=config.mixtures.totals)
    size = max(_POOL, 10 * mixture.null_total)
    background = tuple(Pool(name, _counts(falling, size)) for name in config.backgrounds)
    return Ensembles(
        Background(background, (1.0,) * len(background)),
        Pool("signal", _counts(flatter, size)),
        mixture,
        method=config.ensembles.method,
    )


def _density(shape: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(shape / shape.sum())


def _counts(density: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    return np.asarray(np.ceil(size * density), dtype=np.int64)


def _histograms(sampler: Ensembles, rng: np.random.Generator, count: int) -> Histograms:
    """As many of each class, the null first."""
    return np.concatenate([sampler.null(rng, count), sampler.alternative(rng, count)])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Toys:
    """Examples that were drawn before the clock starts, histograms or events.

    Each epoch has the same in another order: what is remembered of a set is not timed.
    """

    x: npt.NDArray[Any]
    labels: Labels
    shape: tuple[int, ...] = ()
    null_mean: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    null_variance: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    features: tuple[str, ...] = ()
    n_classes: int = 2
    templates: Templates | None = None
    S: int = 100
    B: int = 2000

    orders: np.random.Generator = field(default_factory=lambda: stream(0, "order"))

    def training(self, epoch: int = 0) -> tuple[npt.NDArray[Any], Labels]:  # noqa: ARG002
        order = self.orders.permutation(len(self.x))
        return self.x[order], self.labels[order]

    def validation(self) -> tuple[npt.NDArray[Any], Labels]:
        return self.x[::8], self.labels[::8]


# ------------------------------------------------------------- architectures


def _factors(load: Workload, point: PlannedPoint, sampler: Ensembles, rates: Rates) -> Factors:
    """Measured over expected cost of one epoch, and of one scored batch, of an architecture."""
    choice, shape = point.choice, point.kind.shape
    knobs = asdict(point.kind.values)
    knobs |= {"epochs": 1} if "epochs" in knobs else {}
    values = choice.architecture.valued(knobs)
    count = load.examples(point) or _POOL
    while count > _FEWEST and rates.fitting(choice, values, shape, count) > _SECONDS:
        count //= 2
    examples = _toys(point, sampler, count // 2)
    member = Member(examples=examples, hyperparameters=knobs)
    train = choice.architecture.train
    trained = train([member])[0]  # compiles, and imports what it needs
    seconds = _least(lambda: train([member]), times=2)
    training = seconds / rates.fitting(choice, values, shape, len(examples.x))
    if isinstance(trained, DivergedError):
        return training, 1.0
    # What one of a group sees is seen for all of it: features of one classifier are what they cost.
    times = 1 if isinstance(trained.classifier, Grouped) else _TESTED
    seconds = _least(lambda: _test([trained.classifier] * times, *examples.training()))
    return training, seconds / (times * len(examples.x) * rates.scored(choice, values, shape))


def _toys(point: PlannedPoint, sampler: Ensembles, count: int) -> _Toys:
    """As many examples of each class."""
    rng = stream(point.kind.config.seed, "calibration", point.choice.name)
    labels = np.repeat(np.arange(2), count)
    if not point.choice.reads_events:
        return _Toys(
            x=_histograms(sampler, rng, count),
            labels=labels,
            shape=point.kind.shape,
            null_mean=sampler.null_mean,
            null_variance=sampler.null_variance,
        )
    x = rng.normal(size=(2 * count, *point.kind.shape)) + 0.3 * labels[:, None]
    names = tuple(map(str, range(x.shape[1])))
    return _Toys(x=x.astype(np.float32), labels=labels, features=names)


def _test(classifiers: list[Classifier], x: npt.NDArray[np.number], labels: Labels) -> None:
    """What a cross-test does with classifiers of one kind."""
    for scores in score_many(classifiers, x):
        delong(scores[labels == 0], scores[labels == 1])
