"""What the result tables say of heads: signals told from signals, many models, many classes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from rayscan.report.frames.auc import matched
from rayscan.report.frames.repeats import BENCHMARK, over_repeats, selected
from rayscan.report.frames.trials import of_several
from rayscan.results.read import Tables

_TEST = ["test_signal", "test_background", "test_s_over_b", "test_s_over_sqrt_b"]
_SAME_TEST = ["architecture", "test_benchmark", "test_signal", "test_background"]


def multimodel_ratio(tables: Tables) -> pd.DataFrame:
    """AUC of multimodel classifiers over that of the classifiers of single benchmarks.

    Figs. 14 and 15 of arXiv:2105.12018: for every benchmark, held-out ones included, against the
    binary classifier of the same architecture that was trained on that benchmark.

    Returns:
        A row per multimodel and single classifier, benchmark and test strength: ``label``,
        ``single_label``, ``architecture``, ``train_benchmark`` (names joined by ``+``),
        ``test_benchmark``, ``held_out`` (not among them), ``test_signal``, ..., ``auc_multimodel``,
        ``auc_single``, ``ratio``, ``ratio_std`` (from the spreads over repeats, missing for single
        repeats), ``repeats`` and ``auc_total_error`` of the multimodel classifier, ``auc_ceiling``.
    """
    rows = matched(tables)
    background = rows["test_against"].isna()
    many = rows[background & of_several(rows)]
    single = rows[background & (rows["train_benchmark"] == rows["test_benchmark"])]
    single = single[[*_SAME_TEST, "label", "auc_mean", "auc_std"]]
    found = many.merge(single, on=_SAME_TEST, suffixes=("", "_single"))
    ratio = found["auc_mean"] / found["auc_mean_single"]
    spread = np.hypot(
        found["auc_std"] / found["auc_mean"], found["auc_std_single"] / found["auc_mean_single"]
    )
    held_out = [
        test not in train.split("+")
        for train, test in zip(found["train_benchmark"], found["test_benchmark"], strict=True)
    ]
    found = found.assign(held_out=held_out, ratio=ratio, ratio_std=ratio * spread)
    names = {
        "label_single": "single_label",
        "auc_mean": "auc_multimodel",
        "auc_mean_single": "auc_single",
    }
    columns = [
        *("label", "single_label", "architecture", "train_benchmark", "test_benchmark"),
        *("held_out", *_TEST, "auc_multimodel", "auc_single", "ratio", "ratio_std", "repeats"),
        *("auc_total_error", "auc_ceiling"),
    ]
    return found.rename(columns=names)[columns].reset_index(drop=True)


def against_signal(tables: Tables) -> pd.DataFrame:
    """AUCs of signals against a second signal, both on background, beside their ceiling.

    Fig. 13 of arXiv:2105.12018: classifiers tested on what they were trained for.

    Returns:
        The rows of `auc_summary` with ``test_against``, one training each.
    """
    rows = matched(tables)
    own = rows["train_benchmark"] == rows["test_benchmark"]
    order = ["label", "test_against", "test_benchmark", "test_signal"]
    return rows[own & rows["test_against"].notna()].sort_values(order, ignore_index=True)


def one_against_rest(tables: Tables, *, own_strength: bool = True) -> pd.DataFrame:
    """AUC of each class of multiclass classifiers against all other classes, over repeats.

    Fig. 16 of arXiv:2105.12018; not to be compared with AUCs against background alone.

    Returns:
        A row per classifier, class (``process``) and test strength: ``auc_mean`` and ``auc_std``
        (trimmed as published; the latter missing for a single repeat), ``repeats``, ``auc_error``,
        ``mean_error`` (test set and spread / sqrt(repeats)), and ``auc_likelihood_ratio``, that of
        the training templates' likelihoods.
    """
    rows = _selected(tables, own_strength=own_strength)
    rows = rows[rows["auc"].notna()].rename(columns={"predicted": "process"})
    groups = rows.assign(mean_error=rows["auc_error"]).groupby(
        [*BENCHMARK, "process", "train_signal", *_TEST], dropna=False
    )
    means = ["auc_error", "auc_likelihood_ratio", "mean_error"]
    return over_repeats(groups, "auc", means, ["mean_error"])


def counting_shares(tables: Tables, *, own_strength: bool = True) -> pd.DataFrame:
    """What histograms of each process count for, in multiclass classifiers.

    Figs. 17 and 18 of arXiv:2105.12018: a histogram counts for its likeliest class if the
    probability is above 2 / n_classes, and is undecided otherwise.

    Returns:
        A row per classifier, test strength, ``true_process`` (``true_is_class``: trained on) and
        ``predicted`` class or 'undecided': ``share`` of the histograms, its spread ``share_std``
        and ``mean_probability``, means over the repeats.
    """
    rows = _selected(tables, own_strength=own_strength)
    keys = [*BENCHMARK, "train_signal", *_TEST, "true_process", "true_is_class", "predicted"]
    groups = rows.groupby(keys, dropna=False)
    found = groups[["share", "mean_probability"]].mean()
    found.insert(1, "share_std", groups["share"].std())
    return found.reset_index()


def _selected(tables: Tables, *, own_strength: bool) -> pd.DataFrame:
    rows = selected(tables.multiclass, [*_TEST, "true_process", "predicted"])
    if not own_strength:
        return rows
    same = rows["train_signal"] == rows["test_signal"]
    return rows[same & (rows["train_background"] == rows["test_background"])]
