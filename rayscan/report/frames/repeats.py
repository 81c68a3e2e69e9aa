"""Rows of result tables over folds, which become one row a repeat, and over repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from rayscan.report.frames.trials import labelled
from rayscan.results.tables.base import DECISIONS
from rayscan.stats.auc import summary

BENCHMARK = ["label", "architecture", "train_benchmark"]
TRAINED = [
    *BENCHMARK,
    "head",
    "train_against",
    "train_signal",
    "train_background",
    "train_s_over_b",
    "train_s_over_sqrt_b",
]
_ERRORS = (
    *("auc_error", "auc_total_error", "auc_event_error", "auc_likelihood_ratio_error"),
    *(f"{name}{at}_error" for name in DECISIONS for at in ("", "_validated")),
)


def selected(frame: pd.DataFrame, test: Sequence[str]) -> pd.DataFrame:
    """Labelled rows of `auc` or `multiclass` of selected classifiers, folds as one row."""
    rows = labelled(frame)
    return over_folds(rows[~rows["selected"].isin([False])], test)


def over_repeats(
    groups: Any, area: str, means: Sequence[str], totals: Sequence[str]
) -> pd.DataFrame:
    """A row per group of repeats.

    Args:
        groups: Rows grouped by all but repeats.
        area: Column of AUCs.
        means: Columns whose mean is taken.
        totals: Those of them that are errors of a mean AUC: with spread / sqrt(repeats) of it.

    Returns:
        ``auc_mean`` and ``auc_std``, the published trimmed mean and standard deviation
        (`rayscan.stats.auc.summary`; the latter missing for a single repeat), ``repeats``, means.
    """
    found: pd.DataFrame = groups[list(means)].mean()
    sizes = groups.size()
    each = [summary(list(areas)) for _, areas in groups[area]]
    spread = groups[area].sem().fillna(0.0)
    for name in totals:
        found[name] = np.hypot(found[name], spread)
    std = pd.Series([one.std for one in each], index=found.index, dtype=float).where(sizes > 1)
    found.insert(0, "auc_mean", [one.mean for one in each])
    found.insert(1, "auc_std", std)
    found.insert(2, "repeats", sizes)
    return found.reset_index()


def over_folds(rows: pd.DataFrame, test: Sequence[str]) -> pd.DataFrame:
    """Rows of `auc` or `multiclass` with the folds of each repeat as one row.

    An AUC over folds is the mean of those of the folds, each over its own test ensembles: scores of
    different networks have no common scale, and are not ranked together. The ensembles of the folds
    are independent, drawn from events that no two of them share, so that the error of the mean
    falls with the root of their number. All other numbers are means, the errors of ceilings and of
    what is over them among them: their templates come from training pools that overlap.

    Returns:
        As many rows as there are repeats; the rows themselves without folds.
    """
    if "fold" not in rows or rows["fold"].isna().all():
        return rows
    whose = ["point", *test]
    ordered = rows.sort_values("repeat", kind="stable")
    place = ordered.groupby([*whose, "fold"], dropna=False).cumcount()
    key = [ordered[name] for name in whose] + [place.rename("_place")]
    errors = [name for name in _ERRORS if name in rows]
    means = [
        name
        for name in map(str, rows)
        if pd.api.types.is_float_dtype(rows[name])
        and name not in {*whose, *errors, "fold"}
        and not name.startswith(("train_", "test_"))
    ]
    others = [name for name in rows if name not in {*whose, *means, *errors}]
    found = ordered.groupby(key, dropna=False, sort=False)[others].first()
    groups = ordered[[*means, *errors]].astype(float).groupby(key, dropna=False, sort=False)
    found[means] = groups[means].mean()
    squares = ordered[errors].astype(float) ** 2
    of_sum = np.sqrt(squares.groupby(key, dropna=False, sort=False).sum(min_count=1))
    found[errors] = of_sum / groups[errors].count().replace(0, 1)
    return found.reset_index().drop(columns="_place").assign(fold=None)[list(rows.columns)]
