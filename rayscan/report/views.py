"""What the command line shows of results: short tables in the physicist's words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayscan.report.frames import composition
from rayscan.report.frames.auc import failures, limit_summary, matrices, own, strength_needed
from rayscan.report.frames.comparison import auc_curves, same_strength
from rayscan.report.frames.errors import TOTAL
from rayscan.report.frames.events import event_aucs
from rayscan.report.frames.heads import (
    against_view,
    classes_view,
    counting_views,
    multimodel_view,
)
from rayscan.results.read import Tables

ERRORS = f"{TOTAL}; 0.705(31) is 0.705 ± 0.031"
SIDE_BY_SIDE = f"mean AUC of the best classifier / its ceiling ({ERRORS}), at S/sqrt(B) ="
OWN_STRENGTHS = "the same of variants with strengths of their own"
_ROW = ["variant", "test_benchmark"]
_FEW = 4


def headline(tables: Tables) -> pd.DataFrame:
    """AUC of each classifier on its own benchmark at every strength, beside the ceiling."""
    rows = own(tables)
    shown = rows.assign(
        auc=_brief(rows["auc_mean"], rows["auc_total_error"]),
        ceiling=_brief(rows["auc_ceiling"], rows["auc_ceiling_total_error"]),
    )
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
    """The best classifier of each variant and benchmark: mean AUC / its ceiling.

    At up to four strengths of the first variant; variants with mostly others are not shown
    (`at_own_strengths`).

    Args:
        study: Tables of `rayscan.read_study`.
    """
    best, common = _best(study)
    best = best[_shares(best, common)]
    few = common[
        np.unique(np.linspace(0, len(common) - 1, min(_FEW, len(common))).round().astype(int))
    ]
    shown = best[best["strength"].isin(few)]
    cells = shown.set_index([*_ROW, "strength"])["cell"].unstack("strength")  # noqa: PD010
    frame = cells.reindex(pd.MultiIndex.from_frame(shown[_ROW].drop_duplicates()))
    named = frame.set_axis([f"{strength:.3g}" for strength in frame.columns], axis=1)
    return named.reset_index().rename(columns={"test_benchmark": "benchmark"})


def at_own_strengths(study: Tables) -> pd.DataFrame:
    """The same for variants with mostly other strengths than the first, a row per strength."""
    best, common = _best(study)
    rest = best[~_shares(best, common)]
    shown = rest[[*_ROW, "strength", "cell"]].assign(strength=rest["strength"].map("{:.3g}".format))
    names = {"test_benchmark": "benchmark", "strength": "S/sqrt(B)", "cell": "AUC/ceiling"}
    return shown.rename(columns=names).reset_index(drop=True)


def _shares(best: pd.DataFrame, common: NDArray[np.float64]) -> pd.Series[bool]:
    """Rows of variants with at least half of their strengths among the common ones."""
    share = best["strength"].isin(common).groupby(best["variant"]).transform("mean")
    return share >= 0.5


def comparisons(study: Tables) -> dict[str, pd.DataFrame]:
    """The variants of a study beside each other, by title; what is empty is left out."""
    own_strengths = at_own_strengths(study)
    found = {SIDE_BY_SIDE: side_by_side(study)}
    return found | ({OWN_STRENGTHS: own_strengths} if len(own_strengths) else {})


def _best(study: Tables) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A row per variant, benchmark and strength, and the strengths of the first variant."""
    rows = auc_curves(study)
    rows = rows[rows["test_s_over_sqrt_b"].notna()]
    rows = rows.assign(strength=same_strength(rows), place=range(len(rows)))
    best = rows.sort_values("auc_mean", ascending=False, kind="stable")
    best = best.drop_duplicates([*_ROW, "strength"])
    areas = _brief(best["auc_mean"], best["auc_total_error"])
    ceilings = _brief(best["auc_ceiling"], best["auc_ceiling_total_error"])
    text = [f"{area}/{ceiling}" for area, ceiling in zip(areas, ceilings, strict=True)]
    first = rows["variant"].iloc[:1]
    common = np.sort(rows.loc[rows["variant"].isin(first), "strength"].unique())
    return best.assign(cell=text).sort_values("place", ignore_index=True), common


def _brief(values: pd.Series[float], errors: pd.Series[float]) -> list[str]:
    """Numbers with the error of their last digits: 0.705(31) is 0.705 ± 0.031."""
    return [
        "-"
        if pd.isna(value)
        else f"{value:.3f}" + ("" if pd.isna(error) else f"({1000 * error:.0f})")
        for value, error in zip(values, errors, strict=True)
    ]


def sections(tables: Tables) -> dict[str, pd.DataFrame]:
    """Everything `rayscan results` prints, by title."""
    found = {f"AUC on the own benchmark, and its ceiling; {ERRORS}": headline(tables)}
    for label in sorted(tables.auc["label"].dropna().unique()):
        errors = matrices(tables, label, values="auc_total_error")
        for strength, frame in matrices(tables, label).items():
            title = f"AUC of {label} at S/sqrt(B) = {strength:.3g}, train (rows) x test"
            text = {name: _brief(frame[name], errors[strength][name]) for name in frame}
            found[title] = pd.DataFrame(text, index=frame.index).reset_index()
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
            "AUC per event": _brief(rows["auc_mean"], rows["auc_total_error"]),
        }
    )


def _failed(tables: Tables) -> pd.DataFrame:
    rows = failures(tables)
    return rows[[name for name in ("point", "repeat", "status", "error") if name in rows]]
