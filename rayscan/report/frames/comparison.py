"""Variants of a scan side by side: a report of each, AUCs over strengths, and ratios of AUCs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pandas as pd

from rayscan.errors import TableError, nearest
from rayscan.report.frames.auc import own, strengths
from rayscan.results.read import Tables
from rayscan.results.variants import VARIANT

_PAIRED = ["label", "architecture", "train_benchmark", "test_benchmark"]


def each_variant(study: Tables, report: Callable[[Tables], pd.DataFrame]) -> pd.DataFrame:
    """A report of each variant, one under the other, with a first column ``variant``."""
    found = []
    for name, tables in by_variant(study):
        rows = report(tables)
        rows.insert(0, VARIANT, name)
        found.append(rows)
    return pd.concat([rows for rows in found if len(rows)] or found[:1], ignore_index=True)


def by_variant(study: Tables) -> Iterator[tuple[str, Tables]]:
    """Name and tables of each variant, as `rayscan.read_tables` gives them."""
    # A scan that still runs has rows of provenance, but of points only when it ends.
    frames = (study.provenance, study.points, study.auc)
    for name in dict.fromkeys(str(n) for frame in frames for n in frame[VARIANT].unique()):
        yield (
            name,
            Tables(
                **{
                    table: frame[frame[VARIANT] == name]
                    .drop(columns=VARIANT)
                    .reset_index(drop=True)
                    for table, frame in vars(study).items()
                }
            ),
        )


def auc_curves(study: Tables) -> pd.DataFrame:
    """AUC over strengths by variant, of each classifier on the benchmark it was trained on.

    Returns:
        ``variant`` and the columns of `rayscan.report.frames.auc.own`: of five repeats or more the
        largest and the smallest AUC are left out; ``auc_mean`` and ``auc_std`` are mean and
        standard deviation of the others.
    """
    return each_variant(study, own)


def auc_ratio(
    study: Tables, above: str, below: str, *, pair: Literal["strength", "order"] = "strength"
) -> pd.DataFrame:
    """AUC of one variant over that of another, paired by benchmark, strength and architecture.

    Equal S/sqrt(B) are paired (2 % are allowed, because S is a whole number), or with ``order`` the
    weakest with the weakest and so on, for variants in which S and B change together.

    Returns:
        What is paired, ``s_over_sqrt_b`` (of the denominator), mean AUC of both (``auc_above``,
        ``auc_below``), ``ratio``, and

        - ``ratio_error``: its standard error: spread over repeats / sqrt(repeats), and the finite
          test set, which the repeats share; both variants taken as independent, which is too large
          where they share test ensembles,
        - ``ratio_std``: the spread of a single training, as the published figures show it; missing
          for a single repeat.

    Raises:
        TableError: there are no results of a variant.
    """
    rows = each_variant(study, own)
    known = list(rows[VARIANT].unique())
    for name in (above, below):
        if name not in known:
            hint = nearest(name, known) or f" (known: {', '.join(known)})"
            raise TableError(path="the study", why=f"no results of variant '{name}'{hint}")
    rows = rows.assign(place=_order(rows) if pair == "order" else same_strength(rows))
    key = [*_PAIRED, "place"]
    wanted = [*key, "auc_mean", "auc_std", "mean_error", "test_s_over_sqrt_b"]
    top, bottom = (
        rows[rows[VARIANT] == name].drop_duplicates(key)[wanted] for name in (above, below)
    )
    both = top.merge(bottom, on=key, suffixes=("_above", "_below"))
    ratio = both["auc_mean_above"] / both["auc_mean_below"]
    found = both[_PAIRED].assign(
        s_over_sqrt_b=both["test_s_over_sqrt_b_below"],
        auc_above=both["auc_mean_above"],
        auc_below=both["auc_mean_below"],
        ratio=ratio,
        ratio_error=ratio * _relative(both, "mean_error"),
        ratio_std=ratio * _relative(both, "auc_std"),
    )
    return found.sort_values([*_PAIRED, "s_over_sqrt_b"], ignore_index=True)


def _relative(both: pd.DataFrame, column: str) -> pd.Series[float]:
    """Relative errors of both, added in quadrature."""
    shares = (both[f"{column}_{side}"] / both[f"auc_mean_{side}"] for side in ("above", "below"))
    return pd.Series(np.sqrt(sum(share**2 for share in shares)))


def _order(rows: pd.DataFrame) -> pd.Series[float]:
    """Position of a test strength among those of its variant and benchmark."""
    return rows.groupby([VARIANT, *_PAIRED])["test_signal"].rank(method="dense")


def same_strength(rows: pd.DataFrame) -> pd.Series[float]:
    """S/sqrt(B) of the test ensembles, equal for strengths that are meant to be equal."""
    known = np.array(strengths(rows))
    found = rows["test_s_over_sqrt_b"]
    if not len(known):
        return found
    nearest_known = np.abs(found.to_numpy()[:, None] - known).argmin(axis=1)
    return pd.Series(np.where(found > 0, known[nearest_known], found), index=rows.index)
