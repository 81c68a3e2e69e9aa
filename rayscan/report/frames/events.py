"""AUCs per event of networks of single events, summarised over repeats."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayscan.report.frames.auc import labelled
from rayscan.report.frames.folds import over_folds
from rayscan.results.read import Tables
from rayscan.stats.auc import summary

_KEY = ["label", "train_benchmark", "test_benchmark"]


def event_aucs(tables: Tables) -> pd.DataFrame:
    """AUC of single events, signal against background, of the strongest training (Fig. 5).

    Returns:
        ``label``, ``train_benchmark``, ``test_benchmark``, ``auc_mean`` and ``auc_std`` (the
        published trimmed mean and deviation over repeats; the latter missing for one repeat),
        ``auc_error`` (mean statistical error), ``auc_total_error`` (of the mean: with spread /
        sqrt(repeats)) and ``repeats``; empty without such networks.
    """
    rows = labelled(tables.auc)
    rows = rows[rows["auc_event"].notna() & ~rows["selected"].isin([False])]
    strongest = rows.groupby(_KEY)["train_signal"].transform("max")
    each = rows[rows["train_signal"] == strongest].drop_duplicates([*_KEY, "trial"])
    once = over_folds(each, ["test_benchmark"])
    found = [dict(zip(_KEY, key, strict=True)) | _summary(part) for key, part in once.groupby(_KEY)]
    columns = ["auc_mean", "auc_std", "auc_error", "auc_total_error", "repeats"]
    return pd.DataFrame(found, columns=[*_KEY, *columns])


def _summary(part: pd.DataFrame) -> dict[str, float]:
    found = summary(list(part["auc_event"]))
    error = float(part["auc_event_error"].mean())
    spread = float(part["auc_event"].std()) / np.sqrt(len(part)) if len(part) > 1 else 0.0
    return {
        "auc_mean": found.mean,
        "auc_std": found.std if len(part) > 1 else np.nan,
        "auc_error": error,
        "auc_total_error": float(np.hypot(error, spread)),
        "repeats": len(part),
    }
