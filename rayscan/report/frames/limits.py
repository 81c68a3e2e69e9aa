"""Limits summarised over repeats, and which of them are of classifiers, or from scores."""

from __future__ import annotations

import pandas as pd

from rayscan.report.frames.repeats import TRAINED
from rayscan.report.frames.trials import labelled
from rayscan.results.names import ENSEMBLES, NO_TRIAL
from rayscan.results.read import Tables
from rayscan.results.tables.limits import TAGS

_BANDS = [
    f"{stem}_expected_{tag}" for stem in ("mu", "cross_section", "signal_events") for tag in TAGS
]


def of_classifiers(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of `limits` are of a classifier, not of the events alone."""
    return rows["trial"] != NO_TRIAL


def from_scores(rows: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of `limits` follow from scores of pseudo-experiments, and not from a fit."""
    return rows["solver"] == ENSEMBLES


def limit_summary(tables: Tables) -> pd.DataFrame:
    """95 % CLs limits, a row per classifier, training, test benchmark, method and luminosity.

    With folds every network has a limit of method ``score``: they count as repeats.

    Returns:
        What was trained and tested, ``method``, ``luminosity`` [fb^-1], then ``limits`` (repeats
        that have one), ``without_limit`` (repeats that have none), the median over the repeats of
        every expected quantile of mu, cross-section [pb] and signal events, and ``mu_std``, the
        spread over repeats of the median limit. Limits of no classifier have their method for
        ``label`` and ``architecture``, and nothing trained.
    """
    rows = labelled(tables.limits)
    trained = of_classifiers(rows)
    for column in ("label", "architecture"):
        rows[column] = rows[column].where(trained, rows["method"])
    for column in set(TRAINED) - {"label", "architecture"}:
        rows[column] = rows[column].where(trained)
    rows["has_limit"] = rows["status"].isin(["ok", "partial"])
    columns = [*_BANDS, "mu_observed", "background_events"]
    rows[columns] = rows[columns].where(rows["has_limit"])
    groups = rows.groupby([*TRAINED, "test_benchmark", "method", "luminosity"], dropna=False)
    found = groups[columns].median()
    found.insert(0, "limits", groups["has_limit"].sum())
    found.insert(1, "without_limit", groups.size() - found["limits"])
    found.insert(2, "mu_std", groups["mu_expected_0"].std())
    return found.reset_index()
