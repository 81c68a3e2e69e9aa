"""Histogram bins (or single events) grouped into the channels of a fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.binning import merge_map
from rayscan.ensembles.mixture import Mixture
from rayscan.models.contract import Classifier
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools, PoolName
from rayscan.scan.steps.scoring import event_odds, response
from rayscan.stats.response import Grouping, Simulated, bins_by_response, regroup

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Pool events of every process in the channels of a fit, each of shape (channels,).

    Attributes:
        counts: By process.
        groups: Channel of each bin of the histogram, shape (bins,); None for single events.
        by_fold: With folds, the `groups` that each one's network makes; else empty.
        floored: Whether channels were joined because too few simulated events were in them.
    """

    counts: Mapping[str, Counts]
    groups: Counts | None = None
    by_fold: tuple[Counts, ...] = ()
    floored: bool = False

    @property
    def size(self) -> int:
        """Number of channels."""
        return len(next(iter(self.counts.values())))


def grouping_of(config: ScanConfig) -> Grouping:
    """How channels are cut, as a scan file has it: of each fold, so that it holds for their sum."""
    limits, folds = config.limits, len(config.pools.numbers)
    return Grouping(
        channels=limits.channels,
        spacing=limits.spacing,
        minimum=-(-limits.min_pool_count // folds),
        error=limits.max_mc_error * math.sqrt(folds),
    )


def plain(
    binned: BinnedPools,
    benchmark: str,
    *,
    pool: PoolName,
    minimum: int,
    largest_error: float = math.inf,
) -> Channels:
    """The histogram's own bins; those of too little simulated background are one.

    Bins have at least ``minimum`` background events, of at most ``largest_error``, relative.
    """
    simulated = _simulated(
        binned, {name: binned.processes[name].counts[pool] for name in binned.backgrounds}
    )
    sparse = ~simulated.enough(minimum, largest_error) & ((minimum > 0) | (simulated.counts > 0))
    mapping = merge_map(np.where(sparse, 0, 1), 1)
    labels, group = np.unique(mapping, return_inverse=True)
    filled = {
        name: np.bincount(group, weights=binned.processes[name].counts[pool], minlength=len(labels))
        for name in (*binned.backgrounds, benchmark)
    }
    return Channels(
        {name: values.astype(np.int64) for name, values in filled.items()},
        group,
        floored=bool((sparse & (simulated.counts > 0)).any()),
    )


def by_response(
    classifier: Classifier,
    binned: BinnedPools,
    benchmark: str,
    *,
    mixture: Mixture,
    grouping: Grouping,
    pool: PoolName,
    features: tuple[str, ...] = (),
) -> Channels:
    """Channels ordered by what the classifier thinks of them.

    The order is made with the training pool; the counts are those of ``pool``, of which only the
    background is looked at to cut channels.

    Args:
        classifier: Of histograms: bins are ordered by the change of its output when one event is
            added to the expected background histogram. Of single events: events by their score.
        binned: The pools.
        benchmark: Signal process.
        mixture: Gives the number of events of the expected histogram.
        grouping: How channels are cut.
        pool: Whose events fill the channels.
        features: Observables of a classifier of single events.
    """
    names = (*binned.backgrounds, benchmark)
    if classifier.reads == "events":
        scores = event_odds(
            classifier, binned=binned, benchmark=benchmark, pool=pool, features=features
        )
        return _by_score(binned, scores, grouping)
    expected = binned.background_density("train") * mixture.null_total
    filled = {name: binned.processes[name].counts[pool] for name in names}
    simulated = _simulated(binned, {name: filled[name] for name in binned.backgrounds})
    groups, floored = bins_by_response(response(classifier, expected), simulated, grouping)
    size = int(groups.max()) + 1
    counts = {name: regroup(each, groups, size).astype(np.int64) for name, each in filled.items()}
    return Channels(counts, groups, floored=floored)


def _by_score(
    binned: BinnedPools, scores: Mapping[str, npt.NDArray[np.float64]], grouping: Grouping
) -> Channels:
    """Each score that some background event has is a bin."""
    values = np.unique(np.concatenate([scores[name] for name in binned.backgrounds]))
    found = {
        name: np.bincount(np.searchsorted(values, scores[name]), minlength=len(values))
        for name in binned.backgrounds
    }
    groups, floored = bins_by_response(values, _simulated(binned, found), grouping)
    cuts = values[np.flatnonzero(np.diff(groups)) + 1]
    counts = {
        name: np.bincount(np.searchsorted(cuts, each, side="right"), minlength=len(cuts) + 1)
        for name, each in scores.items()
    }
    return Channels(counts, floored=floored)


def _simulated(binned: BinnedPools, counts: Mapping[str, Counts]) -> Simulated:
    """Background in each bin, weights in pb."""
    found = np.zeros((3, len(next(iter(counts.values())))))
    for name, values in counts.items():
        weight = binned.processes[name].cross_section / max(int(values.sum()), 1)
        found += values * np.array([[1.0], [weight], [weight**2]])
    return Simulated(*found)


def of_all_folds(parts: Sequence[Channels]) -> Channels:
    """The channels of all folds together, each made by its network and filled from its fold.

    Channels are added by their place from the signal's end, the last one: the purest of each fold
    to the purest of the others. Any grouping is a valid fit; this one keeps the order of purity.
    """
    size = max(part.size for part in parts)
    counts = {
        name: np.sum([np.pad(p.counts[name], (size - p.size, 0)) for p in parts], axis=0)
        for name in parts[0].counts
    }
    groups = [part.groups + (size - part.size) for part in parts if part.groups is not None]
    floored = any(part.floored for part in parts)
    return Channels(counts, by_fold=tuple(groups), floored=floored)
