"""A train x test matrix of one classifier at one strength: means over repeats, of nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd

from rayscan.errors import TableError, nearest
from rayscan.results.names import NO_TRIAL

Value = Literal["auc", "limit"]


def matrix(
    rows: pd.DataFrame, *, value: Value, chosen: Mapping[str, Any], strength: float | None
) -> pd.DataFrame:
    """Train benchmarks as rows, test benchmarks as columns (`rayscan.results.read.Tables.matrix`).

    ``chosen`` is what was chosen of each column, by the name it is asked for with; None: nothing.

    Raises:
        TableError: What was asked for is not there, or more than one thing is.
    """
    rows = rows.assign(
        architecture=rows["label"].where(rows["label"].notna(), rows["architecture"])
    )
    if value == "auc":
        rows = rows[~rows["selected"].isin([False]) & rows["auc"].notna()]
        wanted = {"against": None, **chosen, "strength": strength}
        columns = {"against": "test_against", "background": "test_background"}
    else:
        rows = rows[rows["trial"] != NO_TRIAL]
        wanted = {"strength": strength, **chosen}
        columns = {"strength": "trained_at"}
    for name, asked in wanted.items():
        rows = _only(rows, name, columns.get(name, name), asked)
    if value == "auc" and chosen.get("trained_at") is None:
        rows = _trained_here(rows, strength)
    return _means(rows, "auc" if value == "auc" else "mu_expected_0")


def _only(rows: pd.DataFrame, name: str, column: str, asked: Any) -> pd.DataFrame:
    """The rows with what was asked for, or with the only thing there is."""
    if column == "test_against" and asked is None:
        return rows[rows[column].isna()]
    known = sorted(rows[column].dropna().unique().tolist()) if column in rows else []
    if not known and asked is None and name != "strength":
        return rows  # an older table, or no study: there is nothing to choose from
    if not known:
        why = f"no rows with '{column}': the scan has not got so far, or is of an older version"
        raise TableError(path="matrix", why=why)
    choices = ", ".join(f"{each:g}" if isinstance(each, float) else str(each) for each in known)
    if asked is None:
        if len(known) > 1:
            why = f"{name}= is needed, a mean over several would mix them: one of {choices}"
            raise TableError(path="matrix", why=why)
        return rows
    if asked not in known:
        hint = nearest(asked, known) if isinstance(asked, str) else ""
        why = f"{name}={asked!r} is not there{hint}; there is {choices}"
        raise TableError(path="matrix", why=why)
    found: pd.DataFrame = rows[rows[column] == asked]
    return found


def _trained_here(rows: pd.DataFrame, strength: float | None) -> pd.DataFrame:
    """Of trainings at several strengths those at the strength of the test."""
    known = rows["trained_at"].dropna().unique()
    if len(known) < 2 or strength not in known:
        return _only(rows, "trained_at", "trained_at", None) if len(known) else rows
    return rows[rows["trained_at"] == strength]


def _means(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    cells = rows.groupby(["train_benchmark", "test_benchmark"])
    several = cells["point"].nunique()
    if (several > 1).any():
        first = next(points for _, points in cells["point"] if len(set(points)) > 1)
        why = f"a cell holds several trainings ({', '.join(sorted(set(first)))}): take one label"
        raise TableError(path="matrix", why=why)
    found: pd.DataFrame = cells[column].mean().unstack("test_benchmark")  # noqa: PD010
    return found
