"""Folds of training sets, the published protocol, beside tests on events unseen."""

from __future__ import annotations

import pandas as pd

from rayscan.report.frames.auc import auc_summary
from rayscan.report.frames.repeats import TRAINED
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables

_OWN = {
    "test_benchmark": "train_benchmark",
    "test_against": "train_against",
    "test_signal": "train_signal",
    "test_background": "train_background",
}
_CEILING = ["auc_ceiling", "auc_ceiling_total_error"]
_TESTED = {"auc_mean": "auc_tested", "auc_total_error": "auc_tested_total_error"}


def fold_summary(tables: Tables) -> pd.DataFrame:
    """AUCs over folds: a row per classifier and training ensembles, of a search the best member.

    Returns:
        What was trained (``label``, ``architecture``, ``train_benchmark``, ...), and

        - ``auc_mean``, ``auc_std``, ``folds``: mean and standard deviation of the AUCs of all folds
          of all divisions (and training sets), and how many there are,
        - ``auc_error``: of the mean; divisions of one set are of the same histograms,
        - ``auc_tested`` with its error: the same classifier, trained on the whole set, on
          pseudo-experiments of the test pool (`auc_summary`); missing where it has not met them,
        - ``auc_ceiling`` with its error: the most that is possible on those,
        - ``over_ceiling_sigma``: the largest of any set, and ``leakage_flag``: whether any has one.
    """
    rows = labelled(tables.validation)
    rows = rows[~rows["selected"].isin([False])]
    rows = rows.assign(leakage_flag=rows["leakage_flag"].isin([True]))
    groups = rows.groupby(TRAINED, dropna=False)
    found = groups.agg(
        auc_mean=("auc", "mean"),
        auc_std=("auc", "std"),
        folds=("auc", "count"),
        **{name: (name, "mean") for name in _CEILING},
        over_ceiling_sigma=("mean_over_ceiling_sigma", "max"),
        leakage_flag=("leakage_flag", "max"),
    )
    found["auc_error"] = _errors(rows)
    tested = auc_summary(tables)
    for test, training in _OWN.items():
        both_none = tested[test].isna() & tested[training].isna()
        tested = tested[(tested[test] == tested[training]) | both_none]
    beside = tested[[*TRAINED, *_TESTED]].rename(columns=_TESTED)
    return found.reset_index().merge(beside, on=TRAINED, how="left")


def _errors(rows: pd.DataFrame) -> pd.Series[float]:
    """Errors of mean AUCs: that of one division of each training set, by what was trained."""
    division = [*TRAINED, "trial", "validation_repeat"]
    squares = rows.assign(square=rows["auc_error"] ** 2).groupby(division, dropna=False)["square"]
    of_division = squares.sum(min_count=1) ** 0.5 / squares.count()
    of_set = of_division.groupby(level=list(range(len(TRAINED) + 1)), dropna=False).mean()
    of_mean = (of_set**2).groupby(level=list(range(len(TRAINED))), dropna=False)
    found: pd.Series[float] = of_mean.sum(min_count=1) ** 0.5 / of_mean.count()
    return found
