"""Test ensembles of one pool, and what classifiers make of them: scores, areas and their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rayscan.ensembles.draw import Ensembles
from rayscan.models.contract import HONEST, Classifier, Reads
from rayscan.models.scoring import responses, score_many
from rayscan.scan.config.heads.base import pair_name
from rayscan.scan.pools.binned import PoolName
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate
from rayscan.scan.steps.examples import Histograms, features_of
from rayscan.scan.steps.items import ItemScores, item_scores, of_items
from rayscan.scan.steps.scoring import Scores, event_odds, event_scores, terms_of
from rayscan.scan.steps.total_error import of_events, of_sums, pool_error
from rayscan.stats.auc import AucEstimate, estimate
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
    """

    scores: tuple[Scores, Scores]
    placements: Placements
    found: AucEstimate
    total_error: float
    reads: Reads
    odds: Mapping[str, Scores] | None


def show(test: TestSet, *, scan: PooledScan, pool: PoolName, shard: int = 0) -> Shown:
    """Draw the ensembles of a test from a pool; shards other than the first are more of them.

    Other pools than that of the test may be small: they are drawn from as if they had no end.
    """
    sizes = scan.config.ensembles
    if pool != "test" and sizes.method == "without_replacement":
        endless = replace(scan.config, ensembles=replace(sizes, method="multinomial"))
        scan = PooledScan(endless, scan.binned)
    sampler = scan.ensembles(test.benchmark, test.mixture, pool, test.against)
    purpose = pair_name(test.benchmark, test.against)
    extra = [shard] if shard else []
    rng = scan.stream(pool, *purpose, test.mixture.name, *extra)
    common = test.against is None and any(
        choice.architecture.shares_null for choice in scan.config.architectures
    )
    own = scan.null_stream(pool, test.mixture, *extra) if common else rng
    count = sizes.test
    return Shown(
        test=test,
        scan=scan,
        pool=pool,
        sampler=sampler,
        null=sampler.null(own, count),
        alternative=sampler.alternative(rng, count),
    )


def see(
    shown: Shown, candidates: Sequence[Candidate], classifiers: Sequence[Classifier]
) -> list[Seen]:
    """What each classifier makes of the ensembles, in their order."""
    odds = _event_odds(shown, candidates, classifiers)
    items = _of_items(shown, classifiers)
    scores = _of_histograms(shown, classifiers) | _of_events(shown, odds)
    scores |= {i: (each.null, each.alternative) for i, each in items.items()}
    reading = [i for i, c in enumerate(classifiers) if c.reads == "histograms"]
    weights: dict[int, Scores] = {}
    if reading:
        middle = (shown.sampler.null_mean + shown.sampler.alternative_mean) / 2
        added = responses([classifiers[i] for i in reading], middle)
        weights = dict(zip(reading, added, strict=True))
    seen = []
    for i in range(len(classifiers)):
        placed = placements(*scores[i])
        found = estimate(placed)
        if i in weights:
            by_pools = pool_error(found.auc, weights[i], shown.sampler)
        elif i in items:
            by_pools = of_sums(
                found.auc,
                items[i].added,
                binned=shown.scan.binned,
                benchmark=shown.test.benchmark,
                mixture=shown.test.mixture,
                scores=scores[i],
            )
        else:
            by_pools = of_events(
                found.auc,
                odds[i],
                binned=shown.scan.binned,
                benchmark=shown.test.benchmark,
                mixture=shown.test.mixture,
            )
        seen.append(
            Seen(
                scores=scores[i],
                placements=placed,
                found=found,
                total_error=math.hypot(found.error, by_pools),
                reads=classifiers[i].reads,
                odds=odds.get(i),
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
    shown: Shown, classifiers: Sequence[Classifier]
) -> dict[int, tuple[Scores, Scores]]:
    """Scores of those that read histograms, all together."""
    reading = [i for i, c in enumerate(classifiers) if c.reads == "histograms"]
    if not reading:
        return {}
    asked = [classifiers[i] for i in reading]
    null, alternative = score_many(asked, shown.null), score_many(asked, shown.alternative)
    return {i: (null[k], alternative[k]) for k, i in enumerate(reading)}


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
