"""Trained classifiers against the test ensembles of one benchmark and strength, and its ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.models.architecture import Classifier
from rayscan.models.scoring import score_many
from rayscan.scan.binned import BinnedPools
from rayscan.scan.ceilings import CeilingOfTest, ceiling_of_test
from rayscan.scan.config import MAXIMISED, ScanConfig
from rayscan.scan.examples import ensembles_of, features_of
from rayscan.scan.plan import Mixtures, Point, digest, mixture_columns
from rayscan.scan.scoring import Scores, event_scores, stored
from rayscan.scan.uncertain import uncertainty_columns
from rayscan.seeds import stream
from rayscan.stats.auc import delong, delong_difference

LEAKAGE_SIGMA = 4.0
DRAW_WARNING = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """The test ensembles of one benchmark at one strength.

    Attributes:
        benchmark: Signal process in the ensembles.
        strength: Position of the mixture in the list of strengths.
        mixture: Events per histogram.
    """

    benchmark: str
    strength: int
    mixture: Mixture

    __test__ = False  # not a test, whatever pytest thinks of the name

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""
        return f"{self.benchmark}.{self.mixture.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained classifier to test: its row of `trials`, and whether a search selected it."""

    row: Mapping[str, Any]
    selected: bool
    strength: int
    features: tuple[str, ...] = ()


def test_sets(config: ScanConfig, mixtures: Mixtures) -> tuple[TestSet, ...]:
    """All test sets of a scan, in a stable order."""
    return tuple(
        TestSet(benchmark=benchmark, strength=index, mixture=mixture)
        for benchmark in config.benchmarks
        for index, mixture in enumerate(mixtures[benchmark])
    )


test_sets.__test__ = False  # type: ignore[attr-defined]


def candidates_for(
    config: ScanConfig, test: TestSet, candidates: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """The classifiers that meet a test set: those of its own strength, or all."""
    everything = config.training.one_for_all or config.crosstest.strengths == "all"
    return tuple(c for c in candidates if everything or c.strength == test.strength)


def candidates_of(
    points: Sequence[Point], rows: Sequence[Mapping[str, Any]]
) -> tuple[Candidate, ...]:
    """Every stored classifier, with the best of each search marked.

    Args:
        points: The plan.
        rows: Rows of `trials`; members that left no classifier are passed over.
    """
    by_name = {point.name: point for point in points}
    found = [row for row in rows if row.get("classifier") and row["point"] in by_name]
    best = {name: best_of([r for r in found if r["point"] == name]) for name in by_name}
    return tuple(
        Candidate(
            row=row,
            selected=by_name[row["point"]].mode == "fixed" or row["trial"] == best[row["point"]],
            strength=by_name[row["point"]].strength,
            features=by_name[row["point"]].choice.features,
        )
        for row in found
    )


def best_of(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Key of the member of one point with the best objective, or None."""
    scored = [r for r in rows if r.get("objective_value") is not None]
    if not scored:
        return None
    sign = -1.0 if MAXIMISED[scored[0]["objective"]] else 1.0
    return str(min(scored, key=lambda r: (sign * r["objective_value"], r["repeat"]))["trial"])


def part_key(test: TestSet, candidates: Sequence[Candidate]) -> str:
    """Name of the ledger part of a test set: changes when other classifiers are tested."""
    return f"{test.name}.{digest(sorted((c.row['trial'], c.selected) for c in candidates))}"


def cross_test(
    test: TestSet,
    candidates: Sequence[Candidate],
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: str,
) -> list[dict[str, Any]]:
    """Rows of the table `auc`: every candidate on one test set, beside its ceiling.

    Args:
        test: Which ensembles.
        candidates: The classifiers.
        config: The scan.
        binned: Its pools; ensembles are drawn from the test pools.
        storage: Where the classifiers are.
    """
    sampler = ensembles_of(config, binned, test.benchmark, test.mixture, "test")
    count = config.ensembles.test
    rng = stream(config.seed, "test", test.benchmark, test.mixture.name)
    null, alternative = sampler.null(rng, count), sampler.alternative(rng, count)
    limit = ceiling_of_test(
        config,
        binned,
        test.benchmark,
        test.mixture,
        sampler=sampler,
        null=null,
        alternative=alternative,
    )
    common = {
        "test_benchmark": test.benchmark,
        **mixture_columns("test", test.mixture),
        **limit.columns,
        "histograms": count,
        **uncertainty_columns(config),
        **_pool_columns(binned, test, sampler.draw_fraction, count),
    }
    classifiers = [stored(storage, c.row["classifier"]) for c in candidates]
    scores = _all_scores(
        candidates, classifiers, null, alternative, test=test, config=config, binned=binned
    )
    return [
        trained_columns(candidate)
        | {"selected": candidate.selected}
        | common
        | _auc_columns(own, limit, binned=classifier.reads == "histograms")
        for candidate, classifier, own in zip(candidates, classifiers, scores, strict=True)
    ]


def _all_scores(
    candidates: Sequence[Candidate],
    classifiers: Sequence[Classifier],
    null: Any,
    alternative: Any,
    *,
    test: TestSet,
    config: ScanConfig,
    binned: BinnedPools,
) -> list[tuple[Scores, Scores]]:
    """Scores of every candidate; those that read histograms are scored together."""
    reading = [i for i, c in enumerate(classifiers) if c.reads == "histograms"]
    histogram_classifiers = [classifiers[i] for i in reading]
    of_null = score_many(histogram_classifiers, null) if reading else ()
    of_alternative = score_many(histogram_classifiers, alternative) if reading else ()
    found = {i: (of_null[k], of_alternative[k]) for k, i in enumerate(reading)}
    for i, classifier in enumerate(classifiers):
        if i not in found:
            found[i] = event_scores(
                classifier,
                config=config,
                binned=binned,
                benchmark=test.benchmark,
                mixture=test.mixture,
                pool="test",
                histograms=config.ensembles.test,
                purpose=("test", test.benchmark, test.mixture.name),
                features=features_of(config, candidates[i].features),
            )
    return [found[i] for i in range(len(classifiers))]


def _auc_columns(
    own: tuple[Scores, Scores], limit: CeilingOfTest, *, binned: bool
) -> dict[str, Any]:
    """AUC, and how far it is above the ceiling: test set shared, pools as uncertain as they are.

    A network of single events sees more than the bins: the ceiling of the histogram is not its own.
    """
    estimate = delong(*own)
    if not binned:
        return {"auc": estimate.auc, "auc_error": estimate.error}
    paired = delong_difference(own, limit.scores)
    error = math.hypot(paired.error, limit.ceiling.pool_error)
    sigma = (estimate.auc - limit.ceiling.auc) / error if error > 0 else None
    return {
        "auc": estimate.auc,
        "auc_error": estimate.error,
        "auc_over_ceiling_sigma": sigma,
        "leakage_flag": sigma is not None and sigma > LEAKAGE_SIGMA,
    }


def trained_columns(candidate: Candidate) -> dict[str, Any]:
    """The columns that say which classifier a row is about."""
    names = ("trial", "point", "train_benchmark", "architecture", "label", "repeat")
    mixture = ("signal", "background", "s_over_b", "s_over_sqrt_b")
    columns = {name: candidate.row[name] for name in names}
    columns["train_strength"] = candidate.row.get("train_strength")  # older tables lack it
    return columns | {f"train_{name}": candidate.row[f"train_{name}"] for name in mixture}


def _pool_columns(
    binned: BinnedPools, test: TestSet, draw_fraction: float, histograms: int
) -> dict[str, Any]:
    background = binned.background_counts("test")
    signal = binned.signal(test.benchmark, "test").counts
    empty = binned.background_counts("train") == 0
    drawn = histograms * (test.mixture.null_total + test.mixture.background)
    return {
        "pool_mode": binned.mode,
        "background_pool": int(background.sum()),
        "signal_pool": int(signal.sum()),
        "draw_fraction": draw_fraction,
        "draw_warning": bool(draw_fraction > DRAW_WARNING),
        "reuse_factor": drawn / int(background.sum()),
        "signal_in_empty_cells": float(np.sum(signal[empty]) / signal.sum()),
    }
