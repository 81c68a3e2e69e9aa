"""The published tables of a study beside those of a scan, and beside what is possible.

A study is a file of this folder: a row for each published number. Classifiers are told by their
labels in the scan file, ensembles by their events and S/B.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from rayscan.errors import TableError
from rayscan.report.frames.auc import own
from rayscan.report.frames.comparison import by_variant
from rayscan.report.frames.errors import brief
from rayscan.report.frames.validation import fold_summary
from rayscan.results.names import BASE
from rayscan.results.read import Tables
from rayscan.stats.auc import separation

ABOVE = "!"
"""Mark of a published number above the ceiling by more than the errors of both."""
NOTE = (
    "0.705(31) is 0.705 ± 0.031. Ours: on unseen events, errors with test set, finite pools (of "
    "AUCs) and spread over repeats; in folds, and published: standard deviation over folds. "
    f"{ABOVE}: published above the ceiling by more than both errors. Accuracy, recall and F1 at "
    "score 0; the ceiling of an accuracy is Phi(d'/2)."
)
"""What the printed tables hold."""
_ROUNDED = 0.0005
_SAME = 0.01
_OURS = ["ours", "ours_error", "folds", "folds_std"]
_CEILING = ["ceiling", "ceiling_error"]


def studies() -> tuple[str, ...]:
    """Names of the studies whose tables are known."""
    files = (file.name for file in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in files if name.endswith(".csv")))


def published(study: str) -> pd.DataFrame:
    """What a study found, a row for each number.

    Returns:
        ``table``; ``quantity``, a column of the table `auc`; ``label``; ``events`` of an ensemble,
        S + B; ``seen``: ``axes`` of the histogram, or ``more``; ``s_over_b``; ``value``, ``error``.
    """
    with resources.files(__package__).joinpath(f"{study}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#")


def beside(tables: Tables, study: str) -> pd.DataFrame:
    """The rows of `published` with what a scan found on each of its benchmarks, and the ceiling.

    Returns:
        Also ``benchmark``; ``ours`` and ``ours_error`` on unseen events (mean over repeats; error
        with the finite pools for an AUC); ``folds`` and ``folds_std`` in the published protocol
        (table `validation`: mean and standard deviation over folds); ``ceiling`` and
        ``ceiling_error`` of all labels of the same published table, of an AUC the scan's own, of an
        accuracy Phi(d'/2), that of normal scores with this AUC, missing for others and of what sees
        more than the axes; ``above``: whether the published number is above the ceiling by more
        than the errors of both. What the scan has not is missing.
    """
    known = published(study)
    parts = [
        rows
        for name in known["quantity"].unique()
        for rows in _found(_in_place(tables, name), name)
    ]
    found = pd.concat([rows for rows in parts if len(rows)] or parts[:1], ignore_index=True)
    found = found[found["label"].isin(known["label"])]
    each = [_beside(known, rows).assign(benchmark=b) for b, rows in found.groupby("benchmark")]
    return pd.concat(each or [_beside(known[:0], found).assign(benchmark="")], ignore_index=True)


def _in_place(tables: Tables, quantity: str) -> Tables:
    """Tables in whose rows a quantity stands in the place of the AUC."""
    if quantity == "auc":
        return tables
    frames = dict(vars(tables))
    for name in ("auc", "validation"):
        error = frames[name][f"{quantity}_error"]
        frames[name] = frames[name].assign(auc=frames[name][quantity], auc_error=error)
    frames["auc"] = frames["auc"].assign(auc_total_error=frames["auc"]["auc_error"])
    return Tables(**frames)


def _found(tables: Tables, quantity: str) -> Iterator[pd.DataFrame]:
    """What classifiers have on their own benchmark: on unseen events, and in folds."""
    rows, folds = own(tables), fold_summary(tables)
    yield pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "label": rows["label"],
            "signal": rows["test_signal"],
            "events": rows["test_signal"] + rows["test_background"],
            "ours": rows["auc_mean"],
            "ours_error": rows["auc_total_error"],
        }
    ).assign(quantity=quantity, **_ceiling(rows, quantity))
    yield pd.DataFrame(
        {
            "benchmark": folds["train_benchmark"],
            "label": folds["label"],
            "signal": folds["train_signal"],
            "events": folds["train_signal"] + folds["train_background"],
            "folds": folds["auc_mean"],
            "folds_std": folds["auc_std"],
        }
    ).assign(quantity=quantity, **_ceiling(folds, quantity))


def _ceiling(rows: pd.DataFrame, quantity: str) -> dict[str, NDArray[np.float64]]:
    value, error = (
        np.asarray(rows[name], dtype=np.float64)
        for name in ("auc_ceiling", "auc_ceiling_total_error")
    )
    if quantity == "accuracy":
        value, error = _accuracy(value, error)
    elif quantity != "auc":
        value = error = np.full(len(rows), np.nan)
    return {"ceiling": value, "ceiling_error": error}


def _accuracy(
    area: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Phi(d'/2) with d' = sqrt(2) Phi^-1(AUC), and its error: half its change over two sigma."""
    low, value, high = (
        np.asarray(ndtr(np.asarray(separation(np.clip(a, 0.0, 1.0))) / 2))
        for a in (area - error, area, area + error)
    )
    return value, (high - low) / 2


def _beside(known: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    found = known.assign(**dict.fromkeys((*_OURS, *_CEILING), np.nan))
    for _, row in rows.iterrows():
        same = (found["quantity"] == row["quantity"]) & _same(found, row)
        its = same & (found["label"] == row["label"])
        there = [name for name in _OURS if name in row and not pd.isna(row[name])]
        found.loc[its, there] = [row[name] for name in there]
        of_table = same & found["table"].isin(found.loc[its, "table"]) & (found["seen"] == "axes")
        found.loc[of_table, _CEILING] = [row[name] for name in _CEILING]
    excess = found["value"] - found["ceiling"] - _ROUNDED
    return found.assign(above=excess > np.hypot(found["error"], found["ceiling_error"]))


def _same(found: pd.DataFrame, row: pd.Series[Any]) -> pd.Series[bool]:
    """Whether published ensembles are those of a row: S is a whole number."""
    signal = row["events"] * found["s_over_b"] / (1 + found["s_over_b"])
    near = (signal - row["signal"]).abs() <= np.maximum(0.5, _SAME * signal)
    as_many = (found["events"] / row["events"] - 1).abs() < _SAME
    return pd.Series(near & as_many)


def shown(tables: Tables, name: str) -> dict[str, pd.DataFrame]:
    """The tables of a published study as they are printed, by title.

    Args:
        tables: Those of a scan and its variants (`rayscan.read_study`).
        name: The study.

    Raises:
        TableError: no classifier has a label of the study.
    """
    found = {
        title if variant == BASE else f"{variant}: {title}": frame
        for variant, own_tables in by_variant(tables)
        for title, frame in _shown(beside(own_tables, name))
    }
    if not found:
        wanted = ", ".join(published(name)["label"].unique())
        has = ", ".join(sorted(tables.auc["label"].dropna().unique())) or "none"
        why = f"the scan has no classifier with a label of this study ({wanted}; it has: {has})"
        what = "tested on ensembles of as many events and the same S/B"
        raise TableError(path=name, why=f"{why}, {what}; see docs/{name}.md")
    return found


def _shown(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for (benchmark, table, quantity), part in rows.groupby(
        ["benchmark", "table", "quantity"], sort=False
    ):
        if part[["ours", "folds"]].isna().all(axis=None):
            continue
        first = part.drop_duplicates("s_over_b")
        ratio = first["s_over_b"]
        frame = pd.DataFrame(
            {
                # S / sqrt(B) = r sqrt(B) with B = N / (1 + r)
                "S/sqrt(B)": (ratio * (first["events"] / (1 + ratio)) ** 0.5).map("{:.2f}".format),
                "S/B": ratio.map("{:g}".format),
            }
        )
        if part["ceiling"].notna().any():
            frame["ceiling"] = brief(first["ceiling"], first["ceiling_error"])
        for label, its in part.groupby("label", sort=False):
            if its["ours"].notna().any():
                frame[str(label)] = brief(its["ours"], its["ours_error"])
            if its["folds"].notna().any():
                frame[f"{label} in folds"] = brief(its["folds"], its["folds_std"])
            texts = zip(brief(its["value"], its["error"]), its["above"], strict=True)
            frame[f"{label} paper"] = [f"{text} {ABOVE}" if a else text for text, a in texts]
        name = {"auc": "AUC", "f1": "F1"}.get(str(quantity), quantity)
        yield f"Table {table}: {name} of {benchmark}", frame.reset_index(drop=True)
