"""Folds of frozen training sets: the published protocol, beside the ceiling of unseen events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.models.folds import FILE, LeftOut
from rayscan.results.storage import Storage
from rayscan.scan.config.folds import folds_of
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures
from rayscan.scan.pools.binned import PoolName
from rayscan.scan.pools.folds import by_fold
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.base import Rows
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.ceilings import CeilingOfTest, ceiling_of_test
from rayscan.scan.steps.curves import POINTS, WITHIN
from rayscan.scan.steps.scoring import Scores
from rayscan.scan.steps.shown import show
from rayscan.scan.steps.tests.base import CrossTests
from rayscan.scan.steps.tests.pairs import LEAKAGE_SIGMA, TestSet, test_sets
from rayscan.scan.steps.thresholds import decision_columns
from rayscan.stats.auc import delong, thin_roc

_FEWEST = 2  # of a class, for an error


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldSet(TestSet):
    """The training sets of one benchmark and strength.

    Attributes:
        labels: Architectures that are validated on folds.
    """

    labels: tuple[str, ...]

    def meets(self, candidate: Candidate) -> bool:
        """Whether a classifier was trained on it, and on folds of it."""
        own = candidate.row["train_benchmark"] == self.benchmark
        folded = own and candidate.strength == self.strength and candidate.choice.key in self.labels
        return folded and TestSet.meets(self, candidate)


class Folds(CrossTests):
    """The table `validation`, from the scores that trainings have left."""

    tables = ("validation",)

    def sets(self, config: ScanConfig, strengths: Mixtures) -> Sequence[FoldSet]:
        """One for each test set that something is validated for."""
        labels = tuple(each.key for each in config.architectures if folds_of(config, each))
        return tuple(
            FoldSet(
                benchmark=test.benchmark,
                strength=test.strength,
                mixture=test.mixture,
                against=test.against,
                labels=labels,
            )
            for test in (test_sets(config, strengths) if labels else ())
        )

    def rows(
        self,
        test: FoldSet,
        candidates: Sequence[Candidate],
        scan: PooledScan,
        storage: Storage,
    ) -> Mapping[str, Rows]:
        """Every fold of every candidate; the ceiling is that of the table `auc`."""
        found: list[dict[str, Any]] = []
        pool: PoolName = "unseen" if scan.binned.mode == "shared_pool" else "test"
        for fold, those in by_fold(candidates):
            limit = ceiling_of_test(show(test, scan=scan.at_fold(fold), pool=pool))
            for candidate in those:
                left_out = LeftOut.stored(storage.whole(f"{candidate.row['classifier']}/{FILE}"))
                found += fold_rows(candidate, left_out, limit)
        return {"validation": found}


def fold_rows(
    candidate: Candidate, left_out: LeftOut, limit: CeilingOfTest
) -> list[dict[str, Any]]:
    """Rows of the table `validation`: each part of each division of a training set."""
    rows = [
        {
            "validation_repeat": repeat,
            "validation_fold": part,
            "trained_on": len(left_out.labels) - len(zero) - len(one),
            "histograms": len(zero) + len(one),
            **scored(zero, one),
            **_curve(zero, one),
        }
        for repeat, part, zero, one in left_out.parts()
    ]
    common = {
        **trained_columns(candidate),
        "selected": candidate.selected,
        **{name: limit.columns[name] for name in _CEILING},
        **_over(rows, limit),
        "pool_mode": "shared_pool",
    }
    return [common | row for row in rows]


_CEILING = ("auc_ceiling", "auc_ceiling_error", "auc_ceiling_total_error", "ceiling_kind")


def scored(zero: Scores, one: Scores) -> dict[str, Any]:
    """What the scores of one fold are worth, of class 0 and class 1, as columns."""
    if min(len(zero), len(one)) < _FEWEST:
        return {"auc": None, "auc_error": None}
    found = delong(zero, one)
    return {"auc": found.auc, "auc_error": found.error, **decision_columns((zero, one), None)}


def _curve(zero: Scores, one: Scores) -> dict[str, Any]:
    """The ROC curve of one fold, where it has an area."""
    if min(len(zero), len(one)) < _FEWEST:
        return {}
    found = thin_roc(zero, one, points=POINTS, within=WITHIN)
    rates = found.false_positive_rate, found.true_positive_rate
    names = "false_positive_rate", "true_positive_rate"
    return {name: rate.tolist() for name, rate in zip(names, rates, strict=True)}


def mean_area(left_out: LeftOut) -> float | None:
    """Mean AUC of all folds; None where none has one."""
    areas = [scored(zero, one)["auc"] for _, _, zero, one in left_out.parts()]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else None


def _over(rows: Sequence[Mapping[str, Any]], limit: CeilingOfTest) -> dict[str, Any]:
    """How far the mean of all folds is above the ceiling.

    Divisions are of the same histograms: their mean is as uncertain as that of one.
    """
    known = [row for row in rows if row["auc"] is not None]
    if not known:
        return {}
    mean = float(np.mean([row["auc"] for row in known]))
    own = float(np.mean(list(_errors(known))))
    error = math.hypot(own, limit.ceiling.total_error)
    sigma = (mean - limit.ceiling.auc) / error if error > 0 else None
    flag = sigma is not None and sigma > LEAKAGE_SIGMA
    return {"mean_over_ceiling_sigma": sigma, "leakage_flag": flag}


def _errors(rows: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """Error of the mean AUC of the folds of each division."""
    for repeat in sorted({row["validation_repeat"] for row in rows}):
        own = [row["auc_error"] for row in rows if row["validation_repeat"] == repeat]
        yield math.sqrt(sum(error**2 for error in own)) / len(own)
