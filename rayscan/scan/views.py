"""What the command line shows of results: short tables in the physicist's words."""

from __future__ import annotations

import pandas as pd

from rayscan.scan.report import failures, limit_summary, matrices, own, strength_needed
from rayscan.scan.tables import Tables


def headline(tables: Tables) -> pd.DataFrame:
    """AUC of each classifier on its own benchmark at every strength, beside the ceiling."""
    rows = own(tables)
    text = [
        f"{mean:.3f}" + ("" if pd.isna(std) else f" ± {std:.3f}")
        for mean, std in zip(rows["auc_mean"], rows["auc_std"], strict=True)
    ]
    shown = rows.assign(auc=text, ceiling=rows["auc_ceiling"].map("{:.3f}".format))
    shown = shown.assign(strength=shown["test_s_over_sqrt_b"].map("{:.3g}".format))
    frame = shown.pivot_table(
        index=["test_benchmark", "strength", "ceiling"],
        columns="label",
        values="auc",
        aggfunc="first",
        sort=False,
    ).reset_index()
    names = {"test_benchmark": "benchmark", "strength": "S/sqrt(B)"}
    return pd.DataFrame(frame).rename(columns=names).rename_axis(columns=None)


def sections(tables: Tables) -> dict[str, pd.DataFrame]:
    """Everything `rayscan results` prints, by title."""
    found = {"AUC on the own benchmark, and its ceiling": headline(tables)}
    for label in sorted(tables.auc["label"].dropna().unique()):
        for strength, frame in matrices(tables, label).items():
            title = f"AUC of {label} at S/sqrt(B) = {strength:.3g}, train (rows) x test"
            found[title] = frame.reset_index()
    found["S/sqrt(B) at which the AUC reaches 0.9"] = strength_needed(tables)
    found["95 % CLs limits"] = limit_summary(tables)
    found["trials without a classifier"] = failures(tables)
    return {title: frame for title, frame in found.items() if len(frame)}
