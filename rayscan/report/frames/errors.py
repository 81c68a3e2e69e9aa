"""Errors in views and figures: what they hold, as text, and of tables older than them."""

from __future__ import annotations

import math

import pandas as pd

TOTAL = "errors: test set, finite pools and spread over repeats"
OF_RATIO = "errors of the ratio: test set and pools that both share count once"
"""What the errors in views and figures hold."""


def with_total_errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `auc` without gaps in their total errors: those of the test set stand for them."""
    total = rows["auc_total_error"].fillna(rows["auc_error"])
    ceiling = rows["auc_ceiling_total_error"].fillna(rows["auc_ceiling_error"])
    # a network of single events is not of the ceiling's histograms: nothing is taken as common
    over = rows["auc_over_ceiling_error"].fillna((total**2 + ceiling**2) ** 0.5)
    return rows.assign(
        auc_total_error=total, auc_ceiling_total_error=ceiling, auc_over_ceiling_error=over
    )


def with_error(
    value: float, error: float, form: str = "{:.3f}", of_error: str = " ± {:.3f}"
) -> str:
    """A number with its error, as text; the error is left out where there is none."""
    if math.isnan(value):
        return "-"
    return form.format(value) + ("" if math.isnan(error) else of_error.format(error))


def brief(values: pd.Series[float], errors: pd.Series[float]) -> list[str]:
    """Numbers with the error of their last digits: 0.705(31) is 0.705 ± 0.031."""
    return [
        with_error(value, 1000 * error, of_error="({:.0f})")
        for value, error in zip(values, errors, strict=True)
    ]


def band(low: float | None, middle: float | None, high: float | None, form: str = "{:.3g}") -> str:
    """A median with what is expected within one sigma, as text."""
    if pd.isna(middle):
        return "-"
    ends = ("-" if pd.isna(end) else f"{end:.3g}" for end in (low, high))
    return f"{form.format(middle)} ({', '.join(ends)})"
