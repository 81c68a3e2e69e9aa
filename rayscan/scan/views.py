"""What the command line shows of results: short tables in the physicist's words."""

from __future__ import annotations

import pandas as pd

from rayscan.scan import composition
from rayscan.scan.comparison import auc_curves, same_strength
from rayscan.scan.event_auc import event_aucs
from rayscan.scan.head_report import (
    against_view,
    classes_view,
    counting_views,
    multimodel_view,
)
from rayscan.scan.report import failures, limit_summary, matrices, own, strength_needed
from rayscan.scan.tables import Tables

SIDE_BY_SIDE = "mean AUC of the best classifier / its ceiling, at S/sqrt(B) ="


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


def side_by_side(study: Tables) -> pd.DataFrame:
    """The best classifier of each variant and benchmark at each strength: mean AUC / its ceiling.

    Args:
        study: Tables of `rayscan.read_study`.
    """
    rows = auc_curves(study)
    rows = rows[rows["test_s_over_sqrt_b"].notna()].assign(strength=same_strength(rows))
    key = ["variant", "test_benchmark", "strength"]
    best = rows.sort_values("auc_mean", ascending=False, kind="stable").drop_duplicates(key)
    text = [
        f"{mean:.3f} / {_rounded(ceiling)}"
        for mean, ceiling in zip(best["auc_mean"], best["auc_ceiling"], strict=True)
    ]
    cells = best.assign(cell=text).set_index(key)["cell"].unstack("strength")  # noqa: PD010
    frame = cells.reindex(pd.MultiIndex.from_frame(rows[key[:2]].drop_duplicates()))
    shown = frame.set_axis([f"{strength:.3g}" for strength in frame.columns], axis=1)
    return shown.reset_index().rename(columns={"test_benchmark": "benchmark"})


def _rounded(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"


def sections(tables: Tables) -> dict[str, pd.DataFrame]:
    """Everything `rayscan results` prints, by title."""
    found = {"AUC on the own benchmark, and its ceiling": headline(tables)}
    for label in sorted(tables.auc["label"].dropna().unique()):
        for strength, frame in matrices(tables, label).items():
            title = f"AUC of {label} at S/sqrt(B) = {strength:.3g}, train (rows) x test"
            found[title] = frame.reset_index()
    found["AUC against a second signal on the same background"] = against_view(tables)
    found["AUC of one classifier for several benchmarks, over single ones"] = multimodel_view(
        tables
    )
    found["AUC of each class against the others"] = classes_view(tables)
    found |= counting_views(tables)
    found["S/sqrt(B) at which the AUC reaches 0.9"] = _needed(tables)
    found["95 % CLs limits, trained on the benchmark itself: median (-1, +1 sigma)"] = limits(
        tables
    )
    found["background composition: sigma x efficiency over that of the main process"] = (
        composition.shown(tables)
    )
    found["AUC of single events"] = _single_events(tables)
    found["trials without a classifier"] = _failed(tables)
    return {title: frame for title, frame in found.items() if len(frame)}


def limits(tables: Tables) -> pd.DataFrame:
    """Expected limits of each classifier on its own benchmark, and of the histogram itself.

    A classifier of several models is everybody's own.
    """
    rows = limit_summary(tables)
    own = rows["train_benchmark"] == rows["test_benchmark"]
    rows = rows[own | (rows["method"] == "template") | (rows["head"] == "multimodel")]
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "method": rows["method"],
            "classifier": rows["label"].where(rows["method"] != "template", "-"),
            "fb^-1": rows["luminosity"],
            "on mu": _band(rows, "mu"),
            "on sigma [pb]": _band(rows, "cross_section"),
            "on selected events": _band(rows, "signal_events"),
        }
    )


def _band(rows: pd.DataFrame, stem: str) -> list[str]:
    columns = (f"{stem}_expected_{tag}" for tag in ("0", "m1", "p1"))
    return [
        "-" if pd.isna(middle) else f"{middle:.3g} ({_short(low)}, {_short(high)})"
        for middle, low, high in zip(*(rows[name] for name in columns), strict=True)
    ]


def _short(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3g}"


def _needed(tables: Tables) -> pd.DataFrame:
    rows = strength_needed(tables)
    names = {
        "label": "classifier",
        "s_over_sqrt_b": "S/sqrt(B)",
        "ceiling_s_over_sqrt_b": "of the ceiling",
        "over_ceiling": "ratio",
    }
    return rows[["benchmark", *names]].rename(columns=names)


def _single_events(tables: Tables) -> pd.DataFrame:
    """AUC per event of networks of single events on their own benchmark; empty without such."""
    rows = event_aucs(tables)
    rows = rows[rows["train_benchmark"] == rows["test_benchmark"]]
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "classifier": rows["label"],
            "AUC per event": [
                f"{mean:.3f}" + ("" if pd.isna(std) else f" ± {std:.3f}")
                for mean, std in zip(rows["auc_mean"], rows["auc_std"], strict=True)
            ],
        }
    )


def _failed(tables: Tables) -> pd.DataFrame:
    rows = failures(tables)
    return rows[[name for name in ("point", "repeat", "status", "error") if name in rows]]
