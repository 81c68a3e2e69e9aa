"""Histogram bins (or single events) grouped into the channels of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.binning import merge_map
from rayscan.ensembles.mixture import Mixture
from rayscan.models.architecture import Classifier
from rayscan.scan.binned import BinnedPools, PoolName
from rayscan.scan.examples import background_features, feature_matrix
from rayscan.scan.scoring import response
from rayscan.stats.response import bins_by_response, regroup

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """Pool events of every process in the channels of a fit, each of shape (channels,).

    Attributes:
        counts: By process.
        groups: Channel of each bin of the histogram, shape (bins,); None for single events.
        by_fold: With folds, the `groups` that each one's network makes; else empty.
    """

    counts: Mapping[str, Counts]
    groups: Counts | None = None
    by_fold: tuple[Counts, ...] = ()

    @property
    def size(self) -> int:
        """Number of channels."""
        return len(next(iter(self.counts.values())))


def plain(binned: BinnedPools, benchmark: str, *, pool: PoolName, minimum: int) -> Channels:
    """The histogram's own bins; those with fewer background events than ``minimum`` are one."""
    mapping = merge_map(binned.background_counts(pool), minimum)
    labels, group = np.unique(mapping, return_inverse=True)
    counts = {
        name: np.bincount(group, weights=binned.processes[name].counts[pool], minlength=len(labels))
        for name in (*binned.backgrounds, benchmark)
    }
    return Channels({name: values.astype(np.int64) for name, values in counts.items()}, group)


def by_response(
    classifier: Classifier,
    binned: BinnedPools,
    benchmark: str,
    *,
    mixture: Mixture,
    channels: int,
    pool: PoolName,
    features: tuple[str, ...] = (),
) -> Channels:
    """Channels of about equal background, ordered by what the classifier thinks of them.

    The grouping is made with the training pool, the counts are those of ``pool``.

    Args:
        classifier: Of histograms: bins are ordered by the change of its output when one event is
            added to the expected background histogram. Of single events: events by their score.
        binned: The pools.
        benchmark: Signal process.
        mixture: Gives the number of events of the expected histogram.
        channels: Number of groups.
        pool: Whose events fill the channels.
        features: Observables of a classifier of single events.
    """
    if classifier.reads == "events":
        return _events_by_score(classifier, binned, benchmark, channels, pool, features)
    expected = binned.background_density("train") * mixture.null_total
    groups = bins_by_response(response(classifier, expected), expected, channels)
    return Channels(
        {
            name: regroup(
                binned.processes[name].counts[pool], groups, int(groups.max()) + 1
            ).astype(np.int64)
            for name in (*binned.backgrounds, benchmark)
        },
        groups,
    )


def _events_by_score(
    classifier: Any,
    binned: BinnedPools,
    benchmark: str,
    channels: int,
    pool: PoolName,
    features: tuple[str, ...],
) -> Channels:
    reference = classifier.scores(background_features(binned, features, "train"))
    edges = np.quantile(reference, np.arange(1, channels) / channels)
    counts = {}
    for name in (*binned.backgrounds, benchmark):
        scores = classifier.scores(feature_matrix(binned, name, features, pool))
        place = np.searchsorted(edges, scores, side="right")
        counts[name] = np.bincount(place, minlength=channels)
    return Channels(counts)


def of_all_folds(parts: Sequence[Channels]) -> Channels:
    """The channels of all folds together, each made by its network and filled from its fold.

    Channels are added by their place from the signal's end, the last one: the purest of each fold
    to the purest of the others. Any grouping is a valid fit; this one keeps the order of purity.

    Args:
        parts: Channels of each fold, in the order of the folds.
    """
    size = max(part.size for part in parts)
    counts = {
        name: np.sum([np.pad(p.counts[name], (size - p.size, 0)) for p in parts], axis=0)
        for name in parts[0].counts
    }
    groups = [part.groups + (size - part.size) for part in parts if part.groups is not None]
    return Channels(counts, by_fold=tuple(groups))
