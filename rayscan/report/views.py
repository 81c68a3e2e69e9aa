"""What the command line shows of results: short tables in the physicist's words."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rayscan.report.frames import composition
from rayscan.report.frames.auc import event_aucs, matrices, own, spread_out, strength_needed
from rayscan.report.frames.comparison import auc_curves, same_strength
from rayscan.report.frames.errors import TOTAL, band, brief, with_error
from rayscan.report.frames.heads import (
    against_signal,
    counting_shares,
    multimodel_ratio,
    one_against_rest,
)
from rayscan.report.frames.limits import limit_summary
from rayscan.report.frames.trials import failures, of_several
from rayscan.report.frames.validation import fold_summary
from rayscan.results.read import Tables

ERRORS = f"{TOTAL}; 0.705(31) is 0.705 ± 0.031"
SIDE_BY_SIDE = f"mean AUC of the best classifier / its ceiling ({ERRORS}), at S/sqrt(B) ="
OWN_STRENGTHS = "the same of variants with strengths of their own"
FOLDS = "AUC of folds of the training set: mean and standard deviation, as published"
_ROW = ["variant", "test_benchmark"]
_FEW = 4


def headline(tables: Tables) -> pd.DataFrame:
    """AUC of each classifier on its own benchmark at every strength, beside the ceiling."""
    rows = own(tables)
    shown = rows.assign(
        auc=brief(rows["auc_mean"], rows["auc_total_error"]),
        ceiling=brief(rows["auc_ceiling"], rows["auc_ceiling_total_error"]),
    )
    shown = shown.assign(strength=_strength(shown))
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
    """
    best, common = _best(study)
    best = best[_shares(best, common)]
    shown = best[best["strength"].isin(spread_out(common, _FEW))]
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
    areas = brief(best["auc_mean"], best["auc_total_error"])
    ceilings = brief(best["auc_ceiling"], best["auc_ceiling_total_error"])
    text = [f"{area}/{ceiling}" for area, ceiling in zip(areas, ceilings, strict=True)]
    first = rows["variant"].iloc[:1]
    common = np.sort(rows.loc[rows["variant"].isin(first), "strength"].unique())
    return best.assign(cell=text).sort_values("place", ignore_index=True), common


def _spread(values: pd.Series[float], errors: pd.Series[float]) -> list[str]:
    return [with_error(*each) for each in zip(values, errors, strict=True)]


def _strength(rows: pd.DataFrame) -> pd.Series[str]:
    """S/sqrt(B) of the test, as text."""
    return rows["test_s_over_sqrt_b"].map("{:.3g}".format)


def sections(tables: Tables) -> dict[str, pd.DataFrame]:
    """Everything `rayscan results` prints, by title."""
    found = {f"AUC on the own benchmark, and its ceiling; {ERRORS}": headline(tables)}
    for label in sorted(tables.auc["label"].dropna().unique()):
        errors = matrices(tables, label, values="auc_total_error")
        for strength, frame in matrices(tables, label).items():
            title = f"AUC of {label} at S/sqrt(B) = {strength:.3g}, train (rows) x test"
            text = {name: brief(frame[name], errors[strength][name]) for name in frame}
            found[title] = pd.DataFrame(text, index=frame.index).reset_index()
    found[f"{FOLDS}; {ERRORS}"] = folds_view(tables)
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
    untrained = rows["train_benchmark"].isna()
    rows = rows[own | untrained | of_several(rows)]
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "method": rows["method"],
            "classifier": rows["label"].where(~untrained, "-"),
            "fb^-1": rows["luminosity"],
            "on mu": _band(rows, "mu"),
            "on sigma [pb]": _band(rows, "cross_section"),
            "on selected events": _band(rows, "signal_events"),
        }
    )


def _band(rows: pd.DataFrame, stem: str) -> list[str]:
    columns = (rows[f"{stem}_expected_{tag}"] for tag in ("m1", "0", "p1"))
    return [band(*each) for each in zip(*columns, strict=True)]


def against_view(tables: Tables) -> pd.DataFrame:
    """For a terminal: AUC against a second signal, and its ceiling."""
    rows = against_signal(tables)
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "against": rows["test_against"],
            "classifier": rows["label"],
            "S/sqrt(B)": _strength(rows),
            "AUC": _spread(rows["auc_mean"], rows["auc_total_error"]),
            "ceiling": _spread(rows["auc_ceiling"], rows["auc_ceiling_total_error"]),
        }
    )


def folds_view(tables: Tables) -> pd.DataFrame:
    """For a terminal: AUC of folds, and of the same classifier on events it has not seen."""
    rows = fold_summary(tables).sort_values(["train_benchmark", "label", "train_signal"])
    return pd.DataFrame(
        {
            "benchmark": rows["train_benchmark"],
            "classifier": rows["label"],
            "S/B": rows["train_s_over_b"].map("{:.3g}".format),
            "S/sqrt(B)": rows["train_s_over_sqrt_b"].map("{:.3g}".format),
            "folds": _spread(rows["auc_mean"], rows["auc_std"]),
            "unseen events": brief(rows["auc_tested"], rows["auc_tested_total_error"]),
            "ceiling": brief(rows["auc_ceiling"], rows["auc_ceiling_total_error"]),
        }
    )


def multimodel_view(tables: Tables) -> pd.DataFrame:
    """For a terminal: AUC of one classifier for all benchmarks over those of single ones."""
    rows = multimodel_ratio(tables).sort_values(["label", "test_benchmark", "test_signal"])
    return pd.DataFrame(
        {
            "benchmark": rows["test_benchmark"],
            "trained on it": np.where(rows["held_out"], "no", "yes"),
            "classifier": rows["label"],
            "S/sqrt(B)": _strength(rows),
            "AUC": _spread(rows["auc_multimodel"], rows["auc_total_error"]),
            "over that of": rows["single_label"],
            "ratio": _spread(rows["ratio"], rows["ratio_std"]),
        }
    )


def classes_view(tables: Tables) -> pd.DataFrame:
    """For a terminal: AUC of each class against the others, a column per strength."""
    rows = one_against_rest(tables)
    shown = rows.assign(auc=_spread(rows["auc_mean"], rows["mean_error"]))
    shown = shown.sort_values("test_s_over_sqrt_b")
    shown = shown.assign(strength=_strength(shown))
    frame = shown.pivot_table(
        index=["label", "process"], columns="strength", values="auc", aggfunc="first", sort=False
    )
    return pd.DataFrame(frame.reset_index()).rename_axis(columns=None)


def counting_views(tables: Tables) -> dict[str, pd.DataFrame]:
    """For a terminal: true against predicted classes at the middle strength, by title."""
    rows = counting_shares(tables)
    found = {}
    for label, group in rows.groupby("label"):
        known = sorted(group["test_s_over_sqrt_b"].dropna().unique())
        if known:
            middle = known[len(known) // 2]
            part = group[group["test_s_over_sqrt_b"] == middle]
            title = f"share of histograms that {label} counts for a class at S/sqrt(B) = "
            frame = part.pivot_table(index="true_process", columns="predicted", values="share")
            found[f"{title}{middle:.3g}, true (rows) x predicted"] = frame.reset_index()
    return found


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
            "AUC per event": brief(rows["auc_mean"], rows["auc_total_error"]),
        }
    )


def _failed(tables: Tables) -> pd.DataFrame:
    rows = failures(tables)
    return rows[[name for name in ("point", "repeat", "status", "error") if name in rows]]
