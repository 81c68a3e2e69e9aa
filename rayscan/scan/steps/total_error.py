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
    """The same of a sum over single events."""
    return of_sums(
        auc, terms_of(odds, mixture), binned=binned, benchmark=benchmark, mixture=mixture
    )


def of_sums(
    auc: float,
    added: Mapping[str, Floats],
    *,
    binned: BinnedPools,
    benchmark: str,
    mixture: Mixture,
    scores: tuple[Floats, Floats] | None = None,
) -> float:
    """The same of a score to which events add: every event of the pools is a bin of its own.

    Args:
        auc: The AUC; one of 0 or 1 has none.
        added: What each event adds, by process.
        binned: The pools.
        benchmark: Signal process.
        mixture: Events of an ensemble.
        scores: Those of both classes where the sum is their mean to first order only, as of a
            network that knows events by their place: they spread more than sums do, and the
            fluctuations of the pools count for less.
    """
    names = (*binned.backgrounds, benchmark)
    owner = np.repeat(np.arange(len(names)), [len(added[name]) for name in names])
    pools = [Pool(name, owner == k) for k, name in enumerate(names)]
    shares = tuple(binned.processes[name].cross_section for name in binned.backgrounds)
    sampler = Ensembles(
        Background(tuple(pools[:-1]), shares), pools[-1], mixture, method="multinomial"
    )
    weights = np.concatenate([added[name] for name in names])
    found = pool_error(auc, weights, sampler)
    if scores is None or found == 0.0:
        return found
    sums = sampler.separation(weights)
    seen = sum(float(each.var()) for each in scores)
    return found * math.sqrt((sums.null_variance + sums.alternative_variance) / seen)
