"""What a scan does not know of its background: in ensembles, templates, fits and tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rayscan.arrays import Floats
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import Nuisances, nuisances, tilted
from rayscan.models.contract import Templates
from rayscan.models.ratio.nuisances import BackgroundNuisances
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools, PoolName, templates_of


def nuisances_of(config: ScanConfig, binned: BinnedPools) -> Nuisances | None:
    """What changes from ensemble to ensemble, None if nothing does.

    The axis is standardised under the background of the training pools, in every pool.
    """
    density = binned.background_density("train")
    return nuisances(config.ensembles.unsure, binned.binning, density)


def templates_for(
    config: ScanConfig,
    binned: BinnedPools,
    benchmark: str,
    mixture: Mixture,
    *,
    pool: PoolName = "train",
    against: str | None = None,
) -> Templates:
    """Bin probabilities of one pool for a mixture, with what is uncertain in its ensembles.

    ``against`` is a signal of which class 0 holds as many events as class 1 of the benchmark; the
    background of both classes is uncertain, the signals are not.
    """
    found = templates_of(binned, benchmark, mixture, pool=pool, against=against)
    unsure = nuisances_of(config, binned)
    if unsure is None or mixture.background == 0:
        return found
    poisson = config.ensembles.method == "poisson" or mixture.totals == "poisson"
    known = BackgroundNuisances(relative=unsure.relative, tilt=unsure.tilt, poisson=poisson)
    return replace(found, nuisances=known)


def background_uncertainty(config: ScanConfig) -> float:
    """Relative uncertainty of a background's yield in fits: that of the ensembles, if larger."""
    return max(config.limits.background_uncertainty, config.ensembles.unsure.background)


def varied_shapes(config: ScanConfig, binned: BinnedPools, counts: Floats) -> list[Floats] | None:
    """Counts of one background as they would be one sigma up and down in shape, totals kept.

    Returns:
        Up and down, shape (bins,) each; None without an uncertain shape.
    """
    unsure = nuisances_of(config, binned)
    if unsure is None or unsure.tilt is None:
        return None
    density = counts / counts.sum()
    return list(tilted(density, unsure.tilt, np.array([1.0, -1.0])) * counts.sum())


def uncertainty_columns(config: ScanConfig) -> dict[str, Any]:
    """What the tables say of the uncertainties inside ensembles; 0 or missing without."""
    found = config.ensembles.unsure
    return {
        "background_uncertainty": found.background,
        "shape_uncertainty": found.shape.slope if found.shape else 0.0,
        "shape_observable": found.shape.observable if found.shape else None,
    }
