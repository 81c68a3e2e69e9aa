"""What a training sees: histograms drawn from the pools, or the pools' events themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.varied import Varied
from rayscan.models.contract import Templates
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.pools.binned import BinnedPools, PoolName
from rayscan.scan.pools.uncertain import nuisances_of, templates_for
from rayscan.seeds import stream

Histograms = npt.NDArray[np.unsignedinteger]
Labels = npt.NDArray[np.int64]
_Number = TypeVar("_Number", bound=np.generic)


def ensembles_of(
    config: ScanConfig,
    binned: BinnedPools,
    benchmark: str,
    mixture: Mixture,
    pool: PoolName,
    against: str | None = None,
) -> Ensembles:
    """The sampler of one benchmark and mixture on one pool.

    ``against`` is a signal of which class 0 holds as many events as class 1 of the benchmark.

    Raises:
        PoolExhaustedError: a histogram needs more events than the pool has.
    """
    return Ensembles(
        binned.background(pool),
        binned.signal(benchmark, pool),
        mixture,
        against=None if against is None else binned.signal(against, pool),
        method=config.ensembles.method,
        nuisances=nuisances_of(config, binned),
    )


@dataclass(slots=True, eq=False)
class DrawnHistograms:
    """Histograms of one benchmark and mixture; a new epoch is a new draw.

    Every set is drawn from a stream named by benchmark, mixture, draw number and epoch, so that
    the same set comes out on any worker. If ``several`` mixtures are given, each histogram is of
    one of them, drawn anew; ``mixture`` is then the one that the templates are of.
    """

    config: ScanConfig
    binned: BinnedPools
    benchmark: str
    mixture: Mixture
    draws: int
    against: str | None = None
    n_classes: int = 2
    several: tuple[Mixture, ...] = ()
    _train: Ensembles | Varied = field(init=False, repr=False)
    _validation: tuple[Histograms, Labels] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self._train = self._sampler("train")

    def _sampler(self, pool: PoolName) -> Ensembles | Varied:
        each = [
            ensembles_of(self.config, self.binned, self.benchmark, mixture, pool, self.against)
            for mixture in self.several or (self.mixture,)
        ]
        return Varied(each) if self.several else each[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis."""
        return self.binned.binning.shape

    @property
    def null_mean(self) -> npt.NDArray[np.float64]:
        """Expected counts of a class-0 histogram, shape (bins,)."""
        return self._train.null_mean

    @property
    def null_variance(self) -> npt.NDArray[np.float64]:
        """Their variances, shape (bins,)."""
        return self._train.null_variance

    @property
    def templates(self) -> Templates:
        """Bin probabilities of the training pools."""
        return templates_for(
            self.config, self.binned, self.benchmark, self.mixture, against=self.against
        )

    def training(self, epoch: int) -> tuple[Histograms, Labels]:
        """Counts (N, bins) and labels (N,) of an epoch, N = 2 x ``ensembles.train``."""
        return self._draw(self._train, self.config.ensembles.train, "train", epoch)

    def validation(self) -> tuple[Histograms, Labels]:
        """Counts and labels from the validation pool, the same at every call."""
        if self._validation is None:
            count = self.config.ensembles.validation
            self._validation = self._draw(self._sampler("validation"), count, "validation", 0)
        return self._validation

    def _draw(
        self, sampler: Ensembles | Varied, count: int, pool: str, epoch: int
    ) -> tuple[Histograms, Labels]:
        name: tuple[str | int, ...] = (
            pool,
            *pair_name(self.benchmark, self.against),
            self.mixture.name,
            self.draws,
            epoch,
        )
        rng = stream(self.config.seed, *name)
        histograms = np.concatenate([sampler.null(rng, count), sampler.alternative(rng, count)])
        return histograms, np.repeat(np.arange(2), count)


@dataclass(frozen=True, slots=True, eq=False)
class PoolEvents:
    """Single events of the pools, for networks of single events."""

    binned: BinnedPools
    benchmark: str
    mixture: Mixture
    features: tuple[str, ...]

    @property
    def S(self) -> int:  # noqa: N802
        """Signal events of one class-1 ensemble."""
        return self.mixture.signal

    @property
    def B(self) -> int:  # noqa: N802
        """Background events of one class-1 ensemble."""
        return self.mixture.background

    def training(self) -> tuple[npt.NDArray[np.float32], Labels]:
        """Features (E, F) and labels (E,) of the training pools, 1 = signal."""
        return self._events("train")

    def validation(self) -> tuple[npt.NDArray[np.float32], Labels]:
        """The same of the validation pools."""
        return self._events("validation")

    def _events(self, pool: PoolName) -> tuple[npt.NDArray[np.float32], Labels]:
        background = background_features(self.binned, self.features, pool)
        signal = feature_matrix(self.binned, self.benchmark, self.features, pool)
        labels = np.repeat(np.arange(2), [len(background), len(signal)])
        return np.concatenate([background, signal]), labels


def pair_name(benchmark: str, against: str | None) -> tuple[str, ...]:
    """What names a pair of hypotheses in random streams and files."""
    return (benchmark,) if against is None else (benchmark, "against", against)


def feature_matrix(
    binned: BinnedPools, process: str, features: tuple[str, ...], pool: PoolName
) -> npt.NDArray[np.float32]:
    """Features of one process, shape (E, F)."""
    columns = binned.processes[process].features[pool]
    return np.stack([columns[name] for name in features], axis=1)


def background_features(
    binned: BinnedPools, features: tuple[str, ...], pool: PoolName
) -> npt.NDArray[np.float32]:
    """Features of the backgrounds, as many events of each as their yields ask for, shape (E, F).

    With several backgrounds the largest possible number of events in proportion to the yields is
    taken, the first of each pool.
    """
    parts = [feature_matrix(binned, name, features, pool) for name in binned.backgrounds]
    return in_proportion(binned, parts)


def in_proportion(
    binned: BinnedPools, parts: Sequence[npt.NDArray[_Number]]
) -> npt.NDArray[_Number]:
    """Rows of all backgrounds, each (E, ...), as many of each as their yields ask for."""
    yields = np.array([binned.processes[name].cross_section for name in binned.backgrounds])
    scale = min(len(part) / share for part, share in zip(parts, yields, strict=True))
    taken = [part[: int(scale * share)] for part, share in zip(parts, yields, strict=True)]
    return np.concatenate(taken)


def features_of(config: ScanConfig, features: tuple[str, ...]) -> tuple[str, ...]:
    """Features of a per-event architecture: its own, or the axes of the histograms."""
    return features or tuple(axis.observable for axis in config.binning.axes)


def examples_of(
    config: ScanConfig, binned: BinnedPools, member: MemberPlan, *, reads: str
) -> DrawnHistograms | PoolEvents:
    """What one member trains on."""
    point = member.point
    if reads == "events":
        features = features_of(config, point.choice.features)
        return PoolEvents(binned, point.benchmark, point.mixture, features)
    return DrawnHistograms(
        config,
        binned,
        point.benchmark,
        point.mixture,
        member.draws,
        point.choice.against,
        several=point.drawn,
    )
