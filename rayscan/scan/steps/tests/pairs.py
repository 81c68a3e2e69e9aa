"""Trained classifiers against the test ensembles of one benchmark and strength, and its ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.models.contract import Classifier
from rayscan.models.ratio.separation import HALF_AN_EVENT
from rayscan.results.storage import Storage
from rayscan.scan.config.heads.base import pair_name
from rayscan.scan.config.heads.registry import second_signals
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures, mixture_columns
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.pools.folds import by_fold
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.uncertain import uncertainty_columns
from rayscan.scan.steps.base import Rows
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.ceilings import CeilingOfTest, ceiling_of_test
from rayscan.scan.steps.curves import Curves, kept
from rayscan.scan.steps.scoring import Scores, single_events, stored
from rayscan.scan.steps.shown import Seen, Shown, see, show
from rayscan.scan.steps.tests.base import CrossTests
from rayscan.scan.steps.thresholds import decision_columns, for_thresholds
from rayscan.stats.auc import estimate
from rayscan.stats.placements import placements

DRAW_WARNING = 0.1
LEAKAGE_SIGMA = 4.0
CONFIRMED_SIGMA = 2.0
"""Of those above the ceiling by 4 sigma that leak nothing one in 44 has as much by chance."""


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

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""
        return f"{'-'.join(pair_name(self.benchmark, self.against))}.{self.mixture.name}"

    def meets(self, candidate: Candidate) -> bool:
        """Whether a classifier is of two classes, and has this class 0."""
        return candidate.head.test == "pairs" and candidate.head.null == self.against


def test_sets(config: ScanConfig, mixtures: Mixtures) -> tuple[TestSet, ...]:
    """All test sets of the table `auc`, in a stable order: those against a signal last."""
    return tuple(
        TestSet(benchmark=benchmark, strength=index, mixture=mixture, against=against)
        for against in (None, *second_signals(config))
        for benchmark in config.benchmarks
        if benchmark != against
        for index, mixture in enumerate(mixtures[benchmark])
    )


test_sets.__test__ = False  # type: ignore[attr-defined]


class Pairs(CrossTests):
    """The table `auc`, and the curves of those who keep them."""

    tables = ("roc", "scores", "auc")

    def written(self, config: ScanConfig) -> tuple[str, ...]:
        """Curves only where a scan keeps some."""
        return self.tables if config.crosstest.curves != "none" else ("auc",)

    def sets(self, config: ScanConfig, strengths: Mixtures) -> Sequence[TestSet]:
        """See `test_sets`."""
        return test_sets(config, strengths)

    def rows(
        self,
        test: TestSet,
        candidates: Sequence[Candidate],
        scan: PooledScan,
        storage: Storage,
    ) -> Mapping[str, Rows]:
        """See `cross_test`."""
        found: list[dict[str, Any]] = []
        curves = Curves(trials=kept(scan.config.crosstest.curves, test.benchmark, candidates))
        for fold, those in by_fold(candidates):
            view = scan.at_fold(fold)
            found += cross_test(test, those, scan=view, storage=storage.uri, curves=curves)
        return {"roc": curves.roc, "scores": curves.scores, "auc": found}


def cross_test(
    test: TestSet,
    candidates: Sequence[Candidate],
    *,
    scan: PooledScan,
    storage: str,
    curves: Curves | None = None,
) -> list[dict[str, Any]]:
    """Rows of the table `auc`: every candidate on one test set, beside its ceiling.

    Ensembles are drawn from the test pools; ``curves`` gathers the rows of `roc` and `scores`.
    """
    config, binned = scan.config, scan.binned
    shown = show(test, scan=scan, pool="test")
    # Of a shared pool, what the same classifiers do on events that none of them has seen.
    elsewhere = None
    if binned.mode == "shared_pool":
        elsewhere = show(test, scan=scan, pool="unseen", endless=True)
    limit = ceiling_of_test(elsewhere or shown)
    common = {
        "test_benchmark": test.benchmark,
        "test_against": test.against,
        "strength": config.mixtures.strengths[test.strength],
        **mixture_columns("test", test.mixture),
        **limit.columns,
        "histograms": config.ensembles.test,
        **uncertainty_columns(config),
        **_pool_columns(binned, test, shown.sampler.draw_fraction, config.ensembles.test),
    }
    classifiers = [stored(storage, c.row["classifier"]) for c in candidates]
    seen = see(shown, candidates, classifiers, other=for_thresholds(shown))
    unseen: Sequence[Seen | None] = [None] * len(seen)
    if elsewhere is not None:
        unseen = see(elsewhere, candidates, classifiers)
    events = {
        i: single_events(each.odds, binned=binned, benchmark=test.benchmark)
        for i, each in enumerate(seen)
        if each.odds is not None
    }
    if curves is not None:
        names = ("test_benchmark", "test_against", "strength")
        tested = {name: common[name] for name in names} | mixture_columns("test", test.mixture)
        heads = [trained_columns(candidate) | tested for candidate in candidates]
        # those of single events are equal at every strength
        once = {i: own for i, own in events.items() if candidates[i].strength == test.strength}
        curves.gather(heads, [each.scores for each in seen], once)
    found = [_auc_columns(own, other, limit) for own, other in zip(seen, unseen, strict=True)]
    for candidate, columns in zip(candidates, found, strict=True):
        if candidate.row.get("artefacts"):
            columns["leakage_flag"] = True
    if elsewhere is None:
        _confirm(found, shown, candidates, classifiers)
    return [
        trained_columns(candidate)
        | {"selected": candidate.selected}
        | common
        | columns
        | decision_columns(seen[i].scores, seen[i].threshold)
        | _event_columns(events.get(i))
        for i, (candidate, columns) in enumerate(zip(candidates, found, strict=True))
    ]


def _confirm(
    found: Sequence[dict[str, Any]],
    shown: Shown,
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
) -> None:
    """Keep the flag only of what is better than on other events it has not been trained on.

    The ratio of small pools hangs on a few events, and its correction is of first order: a network
    that takes densities for smooth may be above such a ceiling, and is as good on the validation
    pool. What is known to leak stays flagged, whatever it gains.
    """
    flagged = [i for i, columns in enumerate(found) if columns.get("leakage_flag")]
    if not flagged or not shown.filled("validation"):
        return
    other = show(shown.test, scan=shown.scan, pool="validation", endless=True)
    again = see(other, [candidates[i] for i in flagged], [classifiers[i] for i in flagged])
    for i, each in zip(flagged, again, strict=True):
        gained = _gain(found[i]["auc"], found[i]["auc_total_error"], each)
        sigma, known = gained["leakage_sigma"], candidates[i].row.get("artefacts")
        confirmed = bool(known) or sigma is None or sigma > CONFIRMED_SIGMA
        found[i] |= gained | {"leakage_flag": confirmed}


def _gain(auc: float, total_error: float, other: Seen) -> dict[str, Any]:
    """How much better a classifier is than on events that it has not seen."""
    error = math.hypot(total_error, other.total_error)
    return {
        "auc_unseen": other.found.auc,
        "auc_unseen_total_error": other.total_error,
        "leakage_sigma": (auc - other.found.auc) / error if error > 0 else None,
    }


def _event_columns(scores: tuple[Scores, Scores] | None) -> dict[str, Any]:
    if scores is None:
        return {}
    seen = estimate(placements(*scores))
    return {"auc_event": seen.auc, "auc_event_error": seen.error}


def _auc_columns(own: Seen, other: Seen | None, limit: CeilingOfTest) -> dict[str, Any]:
    """AUC, how far it is above the ceiling, and above that of the same classifier elsewhere.

    A network of events or items sees more than the bins: the ceiling of the histogram is not its
    own.
    """
    found: dict[str, Any] = {
        "auc": own.found.auc,
        "auc_error": own.found.error,
        "auc_total_error": own.total_error,
    }
    sigmas = []
    if own.reads == "histograms":
        if other is None:
            above, error = limit.above(own.placements)
        else:  # the ceiling is one of unseen events: nothing is common to both
            above = own.found.auc - limit.ceiling.auc
            error = math.hypot(own.total_error, limit.ceiling.total_error)
        sigma = above / error if error > 0 else None
        found |= {"auc_over_ceiling_error": error, "auc_over_ceiling_sigma": sigma}
        sigmas.append(sigma)
    else:
        found["ceiling_kind"] = f"{limit.columns['ceiling_kind']}, of the bins alone"
    if other is not None:
        gained = _gain(own.found.auc, own.total_error, other)
        found |= gained
        sigmas.append(gained["leakage_sigma"])
    if sigmas:
        found["leakage_flag"] = any(s is not None and s > LEAKAGE_SIGMA for s in sigmas)
    return found


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
