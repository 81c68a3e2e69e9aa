"""What a training sees: histograms or items drawn from the pools, or the pools' own events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.varied import Varied
from rayscan.models.contract import Templates
from rayscan.models.event_blocks import EventBlocks, together
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.plan.points import Point
from rayscan.scan.pools.binned import BinnedPools, PoolName
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.items import PoolItems

Histograms = npt.NDArray[np.unsignedinteger]
Labels = npt.NDArray[np.integer]
Samplers = Mapping[str, Ensembles | Varied]


@dataclass(slots=True, eq=False)
class DrawnHistograms:
    """Labelled histograms of the classes of a head; a new epoch is a new draw.

    Every set is drawn from a stream named by head, mixture, draw number and epoch, so that the same
    set comes out on any worker. Where strengths are drawn each histogram is of one of the mixtures
    of the point, drawn anew.

    Attributes:
        scan: The scan and its pools.
        point: What is trained: its head has classes, which hold signals.
        draws: Names the stream.
    """

    scan: PooledScan
    point: Point
    draws: int
    _train: Samplers = field(init=False, repr=False)
    _validation: tuple[Histograms, Labels] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self._train = self._samplers("train")

    def _samplers(self, pool: PoolName) -> Samplers:
        drawn, against = self.point.drawn, self.point.head.null
        found: dict[str, Ensembles | Varied] = {}
        for name in self.point.benchmarks:
            each = [
                self.scan.ensembles(name, mixture, pool, against)
                for mixture in drawn or (self.point.mixture,)
            ]
            found[name] = Varied(each) if drawn else each[0]
        return found

    @property
    def n_classes(self) -> int:
        """Classes to tell apart."""
        return len(self.point.head.classes(self.point.benchmarks))

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis."""
        return self.scan.binned.binning.shape

    @property
    def null_mean(self) -> npt.NDArray[np.float64]:
        """Expected counts of a class-0 histogram, shape (bins,)."""
        return self._train[self.point.benchmarks[0]].null_mean

    @property
    def null_variance(self) -> npt.NDArray[np.float64]:
        """Their variances, shape (bins,)."""
        return self._train[self.point.benchmarks[0]].null_variance

    @property
    def templates(self) -> Templates | None:
        """Bin probabilities of the training pools, where it is one signal that is trained on."""
        name, head, mixture = self.point.benchmark, self.point.head, self.point.mixture
        if head.joint:
            return None
        return self.scan.templates(name, mixture, head.null)

    def training(self, epoch: int) -> tuple[Histograms, Labels]:
        """Counts (N, bins) and labels (N,) of an epoch; see `Head.shares` for N."""
        return self._draw("train", self._train, self.scan.config.ensembles.train, self.draws, epoch)

    def validation(self) -> tuple[Histograms, Labels]:
        """Counts and labels from the validation pool, the same at every call."""
        if self._validation is None:
            self._validation = self.fresh(self.draws, 0)
        return self._validation

    def fresh(self, *purpose: str | int) -> tuple[Histograms, Labels]:
        """Counts and labels from the validation pool, of a stream of their own."""
        samplers, count = self._samplers("validation"), self.scan.config.ensembles.validation
        return self._draw("validation", samplers, count, *purpose)

    def _draw(
        self, pool: PoolName, samplers: Samplers, count: int, *purpose: str | int
    ) -> tuple[Histograms, Labels]:
        head, signals = self.point.head, self.point.benchmarks
        name = head.stream(pool, signals, self.point.mixture.name, *purpose)
        rng = self.scan.stream(*name)
        null, shares = head.shares(count, signals)
        common = self.point.choice.architecture.shares_null and head.null is None
        own = self.scan.null_stream(pool, self.point.mixture, *purpose)
        parts = [(0, samplers[signals[0]].null(own if common else rng, null))]
        parts += [(k, samplers[name].alternative(rng, n)) for name, (k, n) in shares.items()]
        labels = np.repeat([k for k, _ in parts], [len(part) for _, part in parts])
        return np.concatenate([part for _, part in parts]), labels


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

    def blocks(self, pool: Literal["train", "validation"]) -> tuple[EventBlocks, ...]:
        """Events of each process in a pool: backgrounds first, as many as their yields ask for.

        With several backgrounds the largest possible number of events in proportion to the yields
        is taken, the first of each pool.
        """
        names = (*self.binned.backgrounds, self.benchmark)
        pools = [self.binned.processes[name].events[pool] for name in names]
        sizes = (*in_proportion(self.binned, list(map(len, pools[:-1]))), len(pools[-1]))
        labels = (*(0 for _ in self.binned.backgrounds), 1)
        return tuple(map(self._first, pools, sizes, labels))

    def _first(self, events: EventPool, count: int, label: int) -> EventBlocks:
        ends = np.minimum(np.cumsum(events.sizes), count)
        sizes = np.trim_zeros(np.diff(ends, prepend=0), "b")
        return EventBlocks(
            label=label,
            sizes=tuple(sizes.tolist()),
            read=lambda k: events.block(k, self.features)[: sizes[k]],
        )

    def training(self) -> tuple[npt.NDArray[np.float32], Labels]:
        """Features (E, F) and labels (E,) of the training pools, 1 = signal."""
        return together(self.blocks("train"))

    def validation(self) -> tuple[npt.NDArray[np.float32], Labels]:
        """The same of the validation pools."""
        return together(self.blocks("validation"))


def in_proportion(binned: BinnedPools, sizes: Sequence[int]) -> tuple[int, ...]:
    """Events of each background, of so many, that are in proportion to the yields."""
    yields = [binned.processes[name].cross_section for name in binned.backgrounds]
    scale = min(size / share for size, share in zip(sizes, yields, strict=True))
    return tuple(int(scale * share) for share in yields)


def features_of(config: ScanConfig, features: tuple[str, ...]) -> tuple[str, ...]:
    """Features of an architecture of events or items: its own, or the axes of the histograms."""
    return features or tuple(axis.observable for axis in config.binning.axes)


def event_features(config: ScanConfig) -> tuple[str, ...]:
    """Observables that networks of events or items of this scan see, none without such networks."""
    names = [
        feature
        for choice in config.architectures
        if choice.sees_features
        for feature in features_of(config, choice.features)
    ]
    return tuple(dict.fromkeys(names))


def examples_of(
    scan: PooledScan, member: MemberPlan, *, reads: str
) -> DrawnHistograms | PoolEvents | PoolItems:
    """What one member trains on."""
    point = member.point
    features = features_of(scan.config, point.choice.features)
    if reads == "events":
        return PoolEvents(scan.binned, point.benchmark, point.mixture, features)
    if reads == "items":
        return PoolItems(scan, point, member.draws, features)
    return DrawnHistograms(scan, point, member.draws)
