"""The published tables of a study beside those of a scan, and beside what is possible.

A study is a file of this folder: a row for each published number. Classifiers are told by their
labels in the scan file, strengths by S/B.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from rayscan.errors import TableError
from rayscan.report.frames.auc import own
from rayscan.report.frames.comparison import by_variant
from rayscan.report.frames.errors import brief
from rayscan.results.names import BASE
from rayscan.results.read import Tables
from rayscan.stats.auc import separation

ABOVE = "!"
"""Mark of a published number above the ceiling by more than the errors of both."""
NOTE = (
    "0.705(31) is 0.705 ± 0.031: ours with test set, finite pools (of AUCs) and spread over "
    f"repeats, the others as published. {ABOVE}: above the ceiling by more than both errors. "
    "Accuracy, recall and F1 at score 0; the ceiling of an accuracy is Phi(d'/2)."
)
"""What the printed tables hold."""
_ROUNDED = 0.0005
_SAME = 0.02
_STRENGTH = ["s_over_sqrt_b", "s_over_b"]


def studies() -> tuple[str, ...]:
    """Names of the studies whose tables are known."""
    files = (file.name for file in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".csv") for name in files if name.endswith(".csv")))


def published(study: str) -> pd.DataFrame:
    """What a study found: ``table``, ``quantity``, ``label``, strengths, ``value`` and ``error``.

    A quantity is a column of the table `auc`.
    """
    with resources.files(__package__).joinpath(f"{study}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#")


def beside(tables: Tables, study: str) -> pd.DataFrame:
    """The rows of `published` with what a scan found on each of its benchmarks, and the ceiling.

    Returns:
        Also ``benchmark``; ``ours`` and ``ours_error`` (mean over repeats; error with the finite
        pools for an AUC); ``ceiling`` and ``ceiling_error`` of all labels of the same published
        table, of an AUC the scan's own, of an accuracy Phi(d'/2), that of normal scores with this
        AUC, missing for others; ``above``: whether the published number is above the ceiling by
        more than the errors of both. What the scan has not is missing.
    """
    known = published(study)
    found = pd.concat([_ours(tables, name) for name in known["quantity"].unique()])
    found = found[found["label"].isin(known["label"])]
    each = [_beside(known, rows).assign(benchmark=b) for b, rows in found.groupby("benchmark")]
    return pd.concat(each or [_beside(known[:0], found).assign(benchmark="")], ignore_index=True)


def _ours(tables: Tables, quantity: str) -> pd.DataFrame:
    """A column of `auc` in the way of AUCs (`own`), of classifiers on their own benchmark."""
    table = tables.auc
    if quantity != "auc":
        error = table[f"{quantity}_error"]
        table = table.assign(auc=table[quantity], auc_error=error, auc_total_error=error)
    rows = own(Tables(**{**vars(tables), "auc": table}))
    ceiling, of_ceiling = (
        np.asarray(rows[name], dtype=np.float64)
        for name in ("auc_ceiling", "auc_ceiling_total_error")
    )
    if quantity == "accuracy":
        ceiling, of_ceiling = _accuracy(ceiling, of_ceiling)
    elif quantity != "auc":
        ceiling = of_ceiling = np.full(len(rows), np.nan)
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "quantity": quantity,
            "label": rows["label"],
            "strength": rows["test_s_over_b"],
            "ours": rows["auc_mean"],
            "ours_error": rows["auc_total_error"],
            "ceiling": ceiling,
            "ceiling_error": of_ceiling,
        }
    )


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
    found = known.assign(ours=np.nan, ours_error=np.nan, ceiling=np.nan, ceiling_error=np.nan)
    for _, row in rows.iterrows():
        same = (found["quantity"] == row["quantity"]) & (
            (found["s_over_b"] / row["strength"] - 1).abs() < _SAME
        )
        its = same & (found["label"] == row["label"])
        found.loc[its, ["ours", "ours_error"]] = row["ours"], row["ours_error"]
        of_table = same & found["table"].isin(found.loc[its, "table"])
        found.loc[of_table, ["ceiling", "ceiling_error"]] = row["ceiling"], row["ceiling_error"]
    excess = found["value"] - found["ceiling"] - _ROUNDED
    return found.assign(above=excess > np.hypot(found["error"], found["ceiling_error"]))


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
        why = f"no classifier of the scan has a label of this study ({wanted}; the scan has: {has})"
        raise TableError(path=name, why=f"{why}; give its architectures these labels")
    return found


def _shown(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for (benchmark, table, quantity), part in rows.groupby(
        ["benchmark", "table", "quantity"], sort=False
    ):
        if part["ours"].isna().all():
            continue
        first = part.drop_duplicates(_STRENGTH)
        frame = pd.DataFrame(
            {
                "S/sqrt(B)": first["s_over_sqrt_b"].map("{:.2f}".format),
                "S/B": first["s_over_b"].map("{:g}".format),
            }
        )
        if part["ceiling"].notna().any():
            frame["ceiling"] = brief(first["ceiling"], first["ceiling_error"])
        for label, its in part.groupby("label", sort=False):
            marks = its["above"].map({True: f" {ABOVE}", False: ""})
            frame[str(label)] = brief(its["ours"], its["ours_error"])
            frame[f"{label} published"] = np.add(brief(its["value"], its["error"]), marks)
        name = {"auc": "AUC", "f1": "F1"}.get(str(quantity), quantity)
        yield f"Table {table}: {name} of {benchmark}", frame.reset_index(drop=True)
