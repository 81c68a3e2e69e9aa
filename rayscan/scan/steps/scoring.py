"""Scores of whole pseudo-experiments and of single bins, for every kind of classifier."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.draw import EventEnsembles
from rayscan.ensembles.mixture import Mixture
from rayscan.models.architectures.registry import load
from rayscan.models.contract import Classifier
from rayscan.models.event_blocks import ahead, cut
from rayscan.models.networks.event_network import log_terms
from rayscan.models.scoring import Grouped
from rayscan.results import folders
from rayscan.results.storage import Storage
from rayscan.scan.pools.binned import BinnedPools, PoolName
from rayscan.scan.pools.events import EventPool
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.examples import in_proportion

Scores = npt.NDArray[np.float64]

AT_ONCE = 16
"""Classifiers whose numbers of all events are held in memory together."""
_ROWS = 2**16
"""Events scored at a time."""


@lru_cache(maxsize=512)
def stored(uri: str, folder: str) -> Classifier:
    """A classifier of the storage, loaded once in a process."""
    with tempfile.TemporaryDirectory(prefix="rayscan-") as local:
        return load(folders.get(Storage(uri), folder, Path(local)))


def event_odds(
    classifier: Classifier,
    *,
    binned: BinnedPools,
    benchmark: str,
    pool: PoolName,
    features: tuple[str, ...],
) -> dict[str, Scores]:
    """Log-odds of the single events of the backgrounds and one benchmark, by process."""
    return {
        name: scores_of(classifier, binned.processes[name].events[pool], features)
        for name in (*binned.backgrounds, benchmark)
    }


def scores_of(classifier: Classifier, events: EventPool, features: tuple[str, ...]) -> Scores:
    """Log-odds of all events of a pool, (E,); of their features only a few blocks are in memory.

    Rows are cut anew, so that the scores do not depend on the parts the pool is stored in.
    """
    found, first = np.empty(len(events)), 0
    for rows in cut(ahead(events.blocks(features)), len(events), _ROWS):
        found[first : first + len(rows)] = classifier.scores(rows)
        first += len(rows)
    return found


def single_events(
    odds: Mapping[str, Scores], *, binned: BinnedPools, benchmark: str
) -> tuple[Scores, Scores]:
    """Scores of single events, background and signal; several backgrounds in proportion."""
    parts = [odds[name] for name in binned.backgrounds]
    sizes = in_proportion(binned, list(map(len, parts)))
    taken = [part[:size] for part, size in zip(parts, sizes, strict=True)]
    return np.concatenate(taken), odds[benchmark]


def terms_of(odds: Mapping[str, Scores], assumed: Mixture) -> dict[str, Scores]:
    """What each event adds to the score of an ensemble, for the S and B assumed, by process.

    log[(B + S r)/(B + S)], r = f/(1 - f) (arXiv:2105.12018 sec. 6.1, arXiv:2101.07263). Scores of
    ensembles of different strengths can be compared only if they assume the same.

    Args:
        odds: The `event_odds` of a classifier.
        assumed: Its S and B.
    """
    return {
        name: log_terms(each, S=assumed.signal, B=assumed.background) for name, each in odds.items()
    }


def event_scores(
    terms: Sequence[Mapping[str, Scores]],
    *,
    scan: PooledScan,
    benchmark: str,
    mixture: Mixture,
    histograms: int,
    purpose: Sequence[str | int],
) -> list[tuple[Scores, Scores]]:
    """Per-ensemble scores of networks of single events, background only and with signal.

    The score of an ensemble is the sum of `terms_of` its events. All classifiers see the same
    ensembles, which are drawn only once.

    Args:
        terms: The `terms_of` each classifier.
        scan: The scan and its pools.
        benchmark: Signal process.
        mixture: Events of an ensemble.
        histograms: Ensembles of each class.
        purpose: Names the random stream.

    Returns:
        Scores of each classifier, shapes (histograms,): background only, and with signal.
    """
    found: list[tuple[Scores, Scores]] = []
    config, binned = scan.config, scan.binned
    shares = [binned.processes[name].cross_section for name in binned.backgrounds]
    for first in range(0, len(terms), AT_ONCE):
        several = terms[first : first + AT_ONCE]
        stacked = {name: np.stack([each[name] for each in several]) for name in several[0]}
        sampler = EventEnsembles(
            background=[
                (stacked[name], share)
                for name, share in zip(binned.backgrounds, shares, strict=True)
            ],
            signal=stacked[benchmark],
            mixture=mixture,
            method=config.ensembles.method,
            relative=config.ensembles.unsure.background,
        )
        rng = scan.stream(*purpose, "events")
        null, alternative = sampler.null(rng, histograms), sampler.alternative(rng, histograms)
        found += zip(null, alternative, strict=True)
    return found


def response(classifier: Classifier, background: npt.NDArray[np.float64]) -> Scores:
    """Change of the score when one event is added to the expected background histogram.

    Args:
        classifier: A classifier of histograms.
        background: Expected background counts, shape (bins,).

    Returns:
        Response of each bin, shape (bins,).
    """
    if isinstance(classifier, Grouped):  # a level of its pictures may be more than one event
        return classifier.response(background)
    added = np.vstack([background, background + np.eye(len(background))])
    scores: Scores = classifier.scores(added)
    return np.asarray(scores[1:] - scores[0])
