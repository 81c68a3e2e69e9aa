"""How uncertain an AUC is: the finite test set, and the finite pools it is drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import ndtri

from rayscan.arrays import Floats
from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.steps.scoring import terms_of


def pool_error(auc: float, weights: Floats, sampler: Ensembles) -> float:
    """Standard deviation of an AUC over other test pools of the same sizes.

    That of Phi(dmu / sqrt(V0 + V1)) by linear propagation from the densities of the pools, each of
    several backgrounds by itself (`Ensembles.separation`).

    Args:
        auc: The AUC; one of 0 or 1 has none.
        weights: What one event in each bin adds to the score, shape (bins,): the weights of the
            linear statistic that a classifier is around what it is shown.
        sampler: Draws the test ensembles.
    """
    if not 0.0 < auc < 1.0:
        return 0.0
    slope = math.exp(-(float(ndtri(auc)) ** 2) / 2) / math.sqrt(2 * math.pi)
    return slope * sampler.separation(weights).distance_error


def of_events(
    auc: float, odds: Mapping[str, Floats], *, binned: BinnedPools, benchmark: str, mixture: Mixture
) -> float:
    """The same of a sum over single events: every event of the pools is a bin of its own."""
    terms = terms_of(odds, mixture)
    names = (*binned.backgrounds, benchmark)
    owner = np.repeat(np.arange(len(names)), [len(terms[name]) for name in names])
    pools = [Pool(name, owner == k) for k, name in enumerate(names)]
    shares = tuple(binned.processes[name].cross_section for name in binned.backgrounds)
    sampler = Ensembles(
        Background(tuple(pools[:-1]), shares), pools[-1], mixture, method="multinomial"
    )
    return pool_error(auc, np.concatenate([terms[name] for name in names]), sampler)
