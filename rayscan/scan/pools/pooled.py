"""A scan bound to its pools: its samplers, its templates and what is uncertain in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rayscan import seeds
from rayscan.ensembles.draw import Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import Nuisances, nuisances, tilted
from rayscan.models.contract import Templates
from rayscan.models.ratio.nuisances import BackgroundNuisances
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools, PoolName, templates_of
from rayscan.scan.pools.folds import view_of
from rayscan.seeds import integer

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PooledScan:
    """A scan and its pools, of all folds or as the network of one fold knows them.

    Wherever ``against`` is given it is a signal of which class 0 holds as many events as class 1 of
    the benchmark; the background of both classes is uncertain, the signals are not.

    Attributes:
        config: The scan.
        binned: Its pools.
    """

    config: ScanConfig
    binned: BinnedPools

    def at_fold(self, fold: int | None) -> PooledScan:
        """As the network of one fold knows it; None: one split, as it is."""
        if fold is None:
            return self
        # Equal streams on pools that are nearly equal would give folds nearly equal fluctuations.
        seed = integer(self.config.seed, "fold", fold)
        return PooledScan(replace(self.config, seed=seed), view_of(self.binned, fold))

    def stream(self, *name: str | int) -> np.random.Generator:
        """A random stream of its own, by name."""
        return seeds.stream(self.config.seed, *name)

    def null_stream(
        self, pool: PoolName, mixture: Mixture, *purpose: str | int
    ) -> np.random.Generator:
        """The stream of a class 0 that all strengths and signals with as many events share."""
        return self.stream(pool, "class 0", mixture.null_total, *purpose)

    @cached_property
    def nuisances(self) -> Nuisances | None:
        """What changes from ensemble to ensemble, None if nothing does.

        The axis is standardised under the background of the training pools, in every pool.
        """
        density = self.binned.background_density("train")
        return nuisances(self.config.ensembles.unsure, self.binned.binning, density)

    def ensembles(
        self, benchmark: str, mixture: Mixture, pool: PoolName, against: str | None = None
    ) -> Ensembles:
        """The sampler of one benchmark and mixture on one pool.

        Raises:
            PoolExhaustedError: a histogram needs more events than the pool has.
        """
        return Ensembles(
            self.binned.background(pool),
            self.binned.signal(benchmark, pool),
            mixture,
            against=None if against is None else self.binned.signal(against, pool),
            method=self.config.ensembles.method,
            nuisances=self.nuisances,
        )

    def templates(self, benchmark: str, mixture: Mixture, against: str | None = None) -> Templates:
        """Bin probabilities of the training pools, with what is uncertain in the ensembles."""
        found = templates_of(self.binned, benchmark, mixture, against=against)
        unsure = self.nuisances
        if unsure is None or mixture.background == 0:
            return found
        poisson = self.config.ensembles.method == "poisson" or mixture.totals == "poisson"
        known = BackgroundNuisances(relative=unsure.relative, tilt=unsure.tilt, poisson=poisson)
        return replace(found, nuisances=known)

    def varied_shapes(self, counts: Floats) -> list[Floats] | None:
        """Counts of one background as they would be one sigma up and down in shape, totals kept.

        Args:
            counts: Pool events per bin, shape (bins,).

        Returns:
            Up and down, shape (bins,) each; None without an uncertain shape.
        """
        if self.nuisances is None or self.nuisances.tilt is None:
            return None
        density, sigmas = counts / counts.sum(), np.array([1.0, -1.0])
        return list(tilted(density, self.nuisances.tilt, sigmas) * counts.sum())
