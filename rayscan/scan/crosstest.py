"""Trained classifiers against the test ensembles of one benchmark and strength, and its ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.models.architecture import Classifier
from rayscan.models.scoring import score_many
from rayscan.models.separation import HALF_AN_EVENT
from rayscan.scan.binned import BinnedPools
from rayscan.scan.candidates import Candidate, trained_columns
from rayscan.scan.ceilings import CeilingOfTest, ceiling_of_test
from rayscan.scan.config import ScanConfig
from rayscan.scan.curves import Curves
from rayscan.scan.examples import ensembles_of, features_of, pair_name
from rayscan.scan.plan import Mixtures, mixture_columns
from rayscan.scan.scoring import Scores, event_odds, event_scores, single_events, stored, terms_of
from rayscan.scan.uncertain import uncertainty_columns
from rayscan.seeds import stream
from rayscan.stats.auc import estimate
from rayscan.stats.placements import placements

LEAKAGE_SIGMA = 4.0
DRAW_WARNING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """The test ensembles of one benchmark at one strength.

    Attributes:
        benchmark: Signal process in the ensembles.
        strength: Position of the mixture in the list of strengths.
        mixture: Events per histogram.
        against: Signal process in class 0; None for background only.
    """

    benchmark: str
    strength: int
    mixture: Mixture
    against: str | None = None

    __test__ = False  # not a test, whatever pytest thinks of the name
    table: ClassVar[str] = "auc"

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""
        return f"{'-'.join(pair_name(self.benchmark, self.against))}.{self.mixture.name}"

    def meets(self, candidate: Candidate) -> bool:
        """Whether a classifier is of two classes, and has this class 0."""
        return candidate.head != "multiclass" and candidate.against == self.against


def test_sets(config: ScanConfig, mixtures: Mixtures) -> tuple[TestSet, ...]:
    """All test sets of the table `auc`, in a stable order: those against a signal last."""
    second = (choice.against for choice in config.architectures if choice.against is not None)
    return tuple(
        TestSet(benchmark=benchmark, strength=index, mixture=mixture, against=against)
        for against in (None, *dict.fromkeys(second))
        for benchmark in config.benchmarks
        if benchmark != against
        for index, mixture in enumerate(mixtures[benchmark])
    )


test_sets.__test__ = False  # type: ignore[attr-defined]


def cross_test(
    test: TestSet,
    candidates: Sequence[Candidate],
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: str,
    curves: Curves | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table `auc`: every candidate on one test set, beside its ceiling.

    Args:
        test: Which ensembles.
        candidates: The classifiers.
        config: The scan.
        binned: Its pools; ensembles are drawn from the test pools.
        storage: Where the classifiers are.
        curves: Gathers the rows of `roc` and `scores`.
    """
    sampler = ensembles_of(config, binned, test.benchmark, test.mixture, "test", test.against)
    count = config.ensembles.test
    purpose = pair_name(test.benchmark, test.against)
    rng = stream(config.seed, "test", *purpose, test.mixture.name)
    null, alternative = sampler.null(rng, count), sampler.alternative(rng, count)
    limit = ceiling_of_test(
        config,
        binned,
        test.benchmark,
        test.mixture,
        sampler=sampler,
        null=null,
        alternative=alternative,
        against=test.against,
    )
    common = {
        "test_benchmark": test.benchmark,
        "test_against": test.against,
        **mixture_columns("test", test.mixture),
        **limit.columns,
        "histograms": count,
        **uncertainty_columns(config),
        **_pool_columns(binned, test, sampler.draw_fraction, count),
    }
    classifiers = [stored(storage, c.row["classifier"]) for c in candidates]
    odds = _event_odds(candidates, classifiers, test=test, config=config, binned=binned)
    scores = _all_scores(
        classifiers, null, alternative, odds, test=test, config=config, binned=binned
    )
    events = {
        i: single_events(each, binned=binned, benchmark=test.benchmark) for i, each in odds.items()
    }
    if curves is not None:
        names = ("test_benchmark", "test_against")
        tested = {name: common[name] for name in names} | mixture_columns("test", test.mixture)
        heads = [trained_columns(candidate) | tested for candidate in candidates]
        # those of single events are equal at every strength
        once = {i: own for i, own in events.items() if candidates[i].strength == test.strength}
        curves.gather(heads, scores, once)
    return [
        trained_columns(candidate)
        | {"selected": candidate.selected}
        | common
        | _auc_columns(own, limit, binned=classifier.reads == "histograms")
        | _event_columns(events.get(i))
        for i, (candidate, classifier, own) in enumerate(
            zip(candidates, classifiers, scores, strict=True)
        )
    ]


def _event_odds(
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
    *,
    test: TestSet,
    config: ScanConfig,
    binned: BinnedPools,
) -> dict[int, dict[str, Scores]]:
    """Log-odds of the test pools' events, of each candidate that reads single events."""
    return {
        i: event_odds(
            classifier,
            binned=binned,
            benchmark=test.benchmark,
            pool="test",
            features=features_of(config, candidate.features),
        )
        for i, (candidate, classifier) in enumerate(zip(candidates, classifiers, strict=True))
        if classifier.reads == "events"
    }


def _event_columns(scores: tuple[Scores, Scores] | None) -> dict[str, Any]:
    if scores is None:
        return {}
    seen = estimate(placements(*scores))
    return {"auc_event": seen.auc, "auc_event_error": seen.error}


def _all_scores(
    classifiers: Sequence[Classifier],
    null: Any,
    alternative: Any,
    odds: Mapping[int, Mapping[str, Scores]],
    *,
    test: TestSet,
    config: ScanConfig,
    binned: BinnedPools,
) -> list[tuple[Scores, Scores]]:
    """Scores of every candidate: together those that read histograms, and those of events."""
    reading = [i for i, c in enumerate(classifiers) if c.reads == "histograms"]
    histogram_classifiers = [classifiers[i] for i in reading]
    of_null = score_many(histogram_classifiers, null) if reading else ()
    of_alternative = score_many(histogram_classifiers, alternative) if reading else ()
    found = {i: (of_null[k], of_alternative[k]) for k, i in enumerate(reading)}
    together = event_scores(
        [terms_of(each, test.mixture) for each in odds.values()],
        config=config,
        binned=binned,
        benchmark=test.benchmark,
        mixture=test.mixture,
        histograms=config.ensembles.test,
        purpose=("test", test.benchmark, test.mixture.name),
    )
    found |= dict(zip(odds, together, strict=True))
    return [found[i] for i in range(len(classifiers))]


def _auc_columns(
    own: tuple[Scores, Scores], limit: CeilingOfTest, *, binned: bool
) -> dict[str, Any]:
    """AUC, and how far it is above the ceiling.

    A network of single events sees more than the bins: the ceiling of the histogram is not its own.
    """
    placed = placements(*own)
    seen = estimate(placed)
    if not binned:
        return {"auc": seen.auc, "auc_error": seen.error}
    sigma = limit.above(placed)
    return {
        "auc": seen.auc,
        "auc_error": seen.error,
        "auc_over_ceiling_sigma": sigma,
        "leakage_flag": sigma is not None and sigma > LEAKAGE_SIGMA,
    }


def _pool_columns(
    binned: BinnedPools, test: TestSet, draw_fraction: float, histograms: int
) -> dict[str, Any]:
    background = binned.background_counts("test")
    signal = binned.signal(test.benchmark, "test").counts
    empty = binned.weighted_counts("train") < HALF_AN_EVENT
    drawn = histograms * (test.mixture.null_total + test.mixture.background)
    return {
        "pool_mode": binned.mode,
        "background_pool": int(background.sum()),
        "background_pool_effective": binned.background_size("test"),
        "signal_pool": int(signal.sum()),
        "draw_fraction": draw_fraction,
        "draw_warning": bool(draw_fraction > DRAW_WARNING),
        "reuse_factor": drawn / binned.background_size("test"),
        "signal_in_empty_cells": float(np.sum(signal[empty]) / signal.sum()),
    }
