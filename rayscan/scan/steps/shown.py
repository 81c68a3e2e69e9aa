"""Test ensembles of one pool, and what classifiers make of them: scores, areas and their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rayscan.ensembles.draw import Ensembles
from rayscan.models.contract import HONEST, Classifier, Reads
from rayscan.models.scoring import Together
from rayscan.scan.config.heads.base import pair_name
from rayscan.scan.pools.binned import PoolName
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate
from rayscan.scan.steps.examples import Histograms, features_of
from rayscan.scan.steps.items import ItemScores, item_scores, of_items
from rayscan.scan.steps.scoring import Scores, event_odds, event_scores, terms_of
from rayscan.scan.steps.total_error import of_events, of_sums, pool_error
from rayscan.stats.auc import AucEstimate, estimate
from rayscan.stats.decisions import threshold_between
from rayscan.stats.placements import Placements, placements

if TYPE_CHECKING:
    from rayscan.scan.steps.tests.pairs import TestSet


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Shown:
    """The ensembles of a test, drawn from one of the pools.

    Histograms of class 0 (``null``) and with signal have shape (N, bins).
    """

    test: TestSet
    scan: PooledScan
    pool: PoolName
    sampler: Ensembles
    null: Histograms
    alternative: Histograms

    def filled(self, pool: PoolName) -> bool:
        """Whether another pool has events of all that the ensembles hold."""
        binned, against = self.scan.binned, self.test.against
        names = [*binned.backgrounds, self.test.benchmark, *([] if against is None else [against])]
        return all(binned.processes[name].counts[pool].any() for name in names)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Seen:
    """What one classifier made of them.

    Attributes:
        scores: Of class 0 and class 1, shape (N,) each.
        placements: Of these scores.
        found: Their AUC, with the error of the finite test set.
        total_error: With the error of the finite pools too.
        reads: What the classifier reads.
        odds: Log-odds of the pool's single events by process, of a network of single events.
        threshold: Between both classes of other ensembles, if there are any.
    """

    scores: tuple[Scores, Scores]
    placements: Placements
    found: AucEstimate
    total_error: float
    reads: Reads
    odds: Mapping[str, Scores] | None
    threshold: float | None = None


def show(
    test: TestSet,
    *,
    scan: PooledScan,
    pool: PoolName,
    shard: int = 0,
    histograms: int | None = None,
    endless: bool = False,
) -> Shown:
    """Draw the ensembles of a test from a pool; shards other than the first are more of them.

    As many of each class as a test has, or another number of ``histograms``. Pools that may be
    small are drawn from as if they were ``endless``.
    """
    sizes = scan.config.ensembles
    if endless and sizes.method == "without_replacement":
        other = replace(scan.config, ensembles=replace(sizes, method="multinomial"))
        scan = PooledScan(other, scan.binned)
    sampler = scan.ensembles(test.benchmark, test.mixture, pool, test.against)
    purpose = pair_name(test.benchmark, test.against)
    extra = [shard] if shard else []
    rng = scan.stream(pool, *purpose, test.mixture.name, *extra)
    common = test.against is None and any(
        choice.architecture.shares_null for choice in scan.config.architectures
    )
    own = scan.null_stream(pool, test.mixture, *extra) if common else rng
    count = histograms or sizes.test
    return Shown(
        test=test,
        scan=scan,
        pool=pool,
        sampler=sampler,
        null=sampler.null(own, count),
        alternative=sampler.alternative(rng, count),
    )


def see(
    shown: Shown,
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
    *,
    other: Shown | None = None,
) -> list[Seen]:
    """What each classifier makes of the ensembles, in their order.

    Those that read histograms get a threshold from ``other`` ensembles, if there are any. A network
    of single events would have to score all events of another pool for one; its scores are log
    likelihood ratios as they are.
    """
    odds, items = _event_odds(shown, candidates, classifiers), _of_items(shown, classifiers)
    scores, weights, thresholds = _of_histograms(shown, classifiers, other)
    scores |= _of_events(shown, odds)
    scores |= {i: (each.null, each.alternative) for i, each in items.items()}

    def by_pools(i: int, auc: float) -> float:
        if i in weights:
            return pool_error(auc, weights[i], shown.sampler)
        binned, test = shown.scan.binned, shown.test
        drawn: Any = {"binned": binned, "benchmark": test.benchmark, "mixture": test.mixture}
        if i in items:
            return of_sums(auc, items[i].added, scores=scores[i], **drawn)
        return of_events(auc, odds[i], **drawn)

    seen = []
    for i, classifier in enumerate(classifiers):
        placed = placements(*scores[i])
        found = estimate(placed)
        seen.append(
            Seen(
                scores=scores[i],
                placements=placed,
                found=found,
                total_error=math.hypot(found.error, by_pools(i, found.auc)),
                reads=classifier.reads,
                odds=odds.get(i),
                threshold=thresholds.get(i),
            )
        )
    return seen


def _event_odds(
    shown: Shown, candidates: Sequence[Candidate], classifiers: Sequence[Classifier]
) -> dict[int, dict[str, Scores]]:
    """Log-odds of the pool's events, of each candidate that reads single events."""
    return {
        i: event_odds(
            classifier,
            binned=shown.scan.binned,
            benchmark=shown.test.benchmark,
            pool=shown.pool,
            features=features_of(shown.scan.config, candidate.features),
        )
        for i, (candidate, classifier) in enumerate(zip(candidates, classifiers, strict=True))
        if classifier.reads == "events"
    }


def _of_histograms(
    shown: Shown, classifiers: Sequence[Classifier], other: Shown | None
) -> tuple[dict[int, tuple[Scores, Scores]], dict[int, Scores], dict[int, float]]:
    """Scores, what one event more changes, and thresholds of those that read histograms."""
    reading = [i for i, c in enumerate(classifiers) if c.reads == "histograms"]
    if not reading:
        return {}, {}, {}
    together = Together([classifiers[i] for i in reading])
    both = together.scores(shown.null), together.scores(shown.alternative)
    scores = dict(zip(reading, zip(*both, strict=True), strict=True))
    middle = (shown.sampler.null_mean + shown.sampler.alternative_mean) / 2
    weights = dict(zip(reading, together.responses(middle), strict=True))
    if other is None:
        return scores, weights, {}
    elsewhere = together.scores(np.concatenate([other.null, other.alternative]))
    parts = (np.split(each, [len(other.null)]) for each in elsewhere)
    thresholds = (threshold_between(*own) for own in parts)
    return scores, weights, dict(zip(reading, thresholds, strict=True))


def _of_items(shown: Shown, classifiers: Sequence[Classifier]) -> dict[int, ItemScores]:
    """What those that read items make of these; only items of the test pool have artefacts."""
    test, reading = shown.test, of_items(classifiers)
    asked = [
        (each, each.arrangement if shown.pool == "test" else HONEST) for each in reading.values()
    ]
    found = item_scores(
        asked,
        scan=shown.scan,
        benchmark=test.benchmark,
        mixture=test.mixture,
        pool=shown.pool,
        count=shown.scan.config.ensembles.test,
        purpose=(shown.pool, test.benchmark, test.mixture.name),
    )
    return dict(zip(reading, found, strict=True))


def _of_events(
    shown: Shown, odds: Mapping[int, Mapping[str, Scores]]
) -> dict[int, tuple[Scores, Scores]]:
    """Scores of those that read single events, of ensembles drawn once for all."""
    test = shown.test
    together = event_scores(
        [terms_of(each, test.mixture) for each in odds.values()],
        scan=shown.scan,
        benchmark=test.benchmark,
        mixture=test.mixture,
        histograms=shown.scan.config.ensembles.test,
        purpose=(shown.pool, test.benchmark, test.mixture.name),
    )
    return dict(zip(odds, together, strict=True))
