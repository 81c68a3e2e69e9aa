"""Histograms of several benchmarks at once, for heads that are trained on all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.varied import Varied
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.pools.binned import BinnedPools, PoolName
from rayscan.scan.steps.examples import (
    DrawnHistograms,
    Histograms,
    Labels,
    PoolEvents,
    ensembles_of,
    examples_of,
)
from rayscan.seeds import stream


def shares(head: str, count: int, benchmarks: int) -> tuple[int, int]:
    """Histograms of background only, and of each benchmark, for so many histograms per class.

    ``multimodel``: class 1 is all benchmarks in equal numbers (rounded up), class 0 as many in all.
    ``multiclass``: every benchmark is a class of its own.

    >>> shares("multimodel", 100, 7), shares("multiclass", 100, 7)
    ((105, 15), (100, 100))
    """
    if head == "multiclass":
        return count, count
    each = -(-count // benchmarks)
    return each * benchmarks, each


@dataclass(slots=True, eq=False)
class JointHistograms:
    """Labelled histograms of a head of several benchmarks; a new epoch is a new draw.

    Classes are of equal size (arXiv:2105.12018 trains on 70k histograms of signals and 10k of
    background, and does not say how it balances them).

    Attributes:
        config: The scan.
        binned: Its pools.
        benchmarks: Signals it is trained on; class k of ``multiclass`` is the k-th, from 1.
        mixture: Events per histogram.
        head: ``multimodel`` or ``multiclass``.
        draws: Names the stream.
        several: Where given, each histogram is of one of these mixtures, drawn anew.
    """

    config: ScanConfig
    binned: BinnedPools
    benchmarks: tuple[str, ...]
    mixture: Mixture
    head: str
    draws: int
    several: tuple[Mixture, ...] = ()
    templates: None = None
    _train: tuple[Ensembles | Varied, ...] = field(init=False, repr=False)
    _validation: tuple[Histograms, Labels] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self._train = self._samplers("train")

    def _samplers(self, pool: PoolName) -> tuple[Ensembles | Varied, ...]:
        mixtures = self.several or (self.mixture,)
        found: list[Ensembles | Varied] = []
        for name in self.benchmarks:
            each = [ensembles_of(self.config, self.binned, name, m, pool) for m in mixtures]
            found.append(Varied(each) if self.several else each[0])
        return tuple(found)

    @property
    def n_classes(self) -> int:
        """Classes to tell apart."""
        return len(self.benchmarks) + 1 if self.head == "multiclass" else 2

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins along each axis."""
        return self.binned.binning.shape

    @property
    def null_mean(self) -> npt.NDArray[np.float64]:
        """Expected counts of a background-only histogram, shape (bins,)."""
        return self._train[0].null_mean

    @property
    def null_variance(self) -> npt.NDArray[np.float64]:
        """Their variances, shape (bins,)."""
        return self._train[0].null_variance

    def training(self, epoch: int) -> tuple[Histograms, Labels]:
        """Counts (N, bins) and labels (N,) of an epoch; see `shares` for N."""
        return self._draw(self._train, self.config.ensembles.train, "train", self.draws, epoch)

    def validation(self) -> tuple[Histograms, Labels]:
        """Counts and labels from the validation pool, the same at every call."""
        if self._validation is None:
            self._validation = self.fresh("validation", self.draws)
        return self._validation

    def fresh(self, *purpose: str | int) -> tuple[Histograms, Labels]:
        """Counts and labels from the validation pool, of a stream of their own."""
        count = self.config.ensembles.validation
        return self._draw(self._samplers("validation"), count, *purpose)

    def _draw(
        self, samplers: Sequence[Ensembles | Varied], count: int, *purpose: str | int
    ) -> tuple[Histograms, Labels]:
        rng = stream(self.config.seed, self.head, *self.benchmarks, self.mixture.name, *purpose)
        null, each = shares(self.head, count, len(samplers))
        parts = [samplers[0].null(rng, null)]
        parts += [sampler.alternative(rng, each) for sampler in samplers]
        labels = np.minimum(np.arange(len(parts)), self.n_classes - 1)
        return np.concatenate(parts), np.repeat(labels, [len(part) for part in parts])


def training_examples(
    config: ScanConfig, binned: BinnedPools, member: MemberPlan, *, reads: str
) -> JointHistograms | DrawnHistograms | PoolEvents:
    """What one member trains on, whatever its head."""
    point = member.point
    if not point.choice.is_joint:
        return examples_of(config, binned, member, reads=reads)
    return JointHistograms(
        config,
        binned,
        point.benchmarks,
        point.mixture,
        point.choice.head,
        member.draws,
        several=point.drawn,
    )
