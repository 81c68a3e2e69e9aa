"""Figures of limits: bands on the signal strength, the cost of training on another benchmark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rayscan.report.figures import style
from rayscan.report.figures.auc import heat_maps
from rayscan.report.frames.limits import from_scores, limit_summary
from rayscan.report.frames.trials import of_several
from rayscan.results.read import Tables
from rayscan.results.tables.limits import TAGS

_ROWS = 14
_DECADES = 2.5  # panels share an x axis as long as it spans no more
_NEAR = 8.0  # mu = 1 is shown if it is within this factor of a panel's limits
_MU = ("mu", r"95 % CLs limit on $\mu$")
_SIGNAL = ("signal_events", "95 % CLs limit on signal events")


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of every panel: a method, and the classifier that was used."""

    method: str
    label: str | None  # None: no classifier
    train: str | None  # None: trained on the benchmark that is tested, or on several together

    @property
    def name(self) -> str:
        if self.label is None:
            return style.literal(self.method)
        trained = f" trained on {self.train}" if self.train else ""
        return style.literal(f"{self.label}{trained} ({self.method})")

    def of(self, rows: pd.DataFrame, benchmark: str) -> pd.DataFrame:
        """The limit of this row on one benchmark: none, or one row."""
        here = rows[
            (rows["test_benchmark"] == benchmark)
            & (rows["method"] == self.method)
            & (rows["label"] == (self.label or self.method))
        ]
        if self.label is None:
            return here
        own = here[here["train_benchmark"] == (self.train or benchmark)]
        if self.train is None and own.empty:
            return here[of_several(here)]
        return own


def limits(tables: Tables) -> Iterator[tuple[str, Figure]]:
    """Expected limits with their 1 and 2 sigma bands, a panel per test benchmark.

    A figure per luminosity, and one of those from scores, whose luminosity follows from B. Of
    several training strengths the largest is drawn; of too many training benchmarks only the one
    that is tested.
    """
    rows = limit_summary(tables)
    scored = rows["method"].isin(tables.limits.loc[from_scores(tables.limits), "method"])
    yields = rows[~scored]
    luminosities = yields["luminosity"].drop_duplicates().sort_values()
    for luminosity in luminosities:
        name = "limits" if len(luminosities) == 1 else f"limits_{luminosity:g}fb"
        part = _strongest_training(yields[yields["luminosity"] == luminosity])
        yield name, _band_figure(part)
    scores = _strongest_training(rows[scored])
    if len(scores):
        yield "limits_score", _band_figure(scores, "Expected limits from the classifiers' output")


def _strongest_training(rows: pd.DataFrame) -> pd.DataFrame:
    key = ["label", "train_benchmark", "test_benchmark", "method"]
    ordered = rows.sort_values(["train_signal", "luminosity"], ascending=False, kind="stable")
    return ordered.drop_duplicates(key).sort_index()


def _luminosity(rows: pd.DataFrame) -> str:
    low, high = rows["luminosity"].min(), rows["luminosity"].max()
    if pd.isna(low):
        return ""
    span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
    return f"$L$ = {span} fb$^{{-1}}$"


def _band_figure(rows: pd.DataFrame, title: str = "Expected limits") -> Figure:
    stem, label = _MU if rows["mu_expected_0"].notna().any() else _SIGNAL
    benchmarks = sorted(rows["test_benchmark"].unique())
    listed = _listed(rows)
    columns = [f"{stem}_expected_{tag}" for tag in TAGS]
    same_x = bool(np.log10(np.divide(*_span(rows[columns], stem)[::-1])) < _DECADES)
    titles = [style.literal(benchmark) for benchmark in benchmarks]
    made, panels = style.panels(
        titles, width=3.0, height=0.5 + 0.27 * len(listed), grow=False, same_x=same_x
    )
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        for i, row in enumerate(listed):
            _band(axes, i, row.of(rows, benchmark), stem, own=row.train in {None, benchmark})
        shown = rows if same_x else rows[rows["test_benchmark"] == benchmark]
        _limit_axis(axes, *_span(shown[columns], stem), mark_one=stem == "mu")
        style.categories(axes.yaxis, [row.name for row in listed])
        axes.set_ylim(len(listed) - 0.4, -0.6)
    style.x_label(panels, label)
    style.header(made, title, _luminosity(rows))
    _limit_legend(made, rows, stem, cross=any(row.train for row in listed))
    return made


def _span(values: pd.DataFrame, stem: str) -> tuple[float, float]:
    """The range of some limits; with mu = 1 if that is near."""
    known = values.to_numpy(np.float64)
    known = known[np.isfinite(known) & (known > 0)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.5, 2.0)
    if stem == "mu" and low / _NEAR < 1 < high * _NEAR:
        low, high = min(low, 0.9), max(high, 1.1)
    return low / 1.3, high * 1.3


def _limit_axis(axes: Axes, low: float, high: float, *, mark_one: bool) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    style.log_ticks(axes.xaxis, float(np.log10(high / low)))
    if not mark_one:
        return
    if low < 1 < high:
        axes.axvline(1.0, color="0.35", lw=1.0, ls="--", zorder=0.5)
        return
    left = high > 1
    arrow = r"$\leftarrow\ \mu = 1$" if left else r"$\mu = 1\ \rightarrow$"
    axes.set_title(arrow, loc="right", pad=4, color="0.35")


def _listed(rows: pd.DataFrame) -> list[_Row]:
    used = rows[rows["train_benchmark"].notna()]
    alone = rows.loc[rows["train_benchmark"].isna(), "method"].drop_duplicates()
    names = ["method", "label", "train_benchmark"]
    known = used[names].drop_duplicates().sort_values(names)
    if len(known) > _ROWS or known["train_benchmark"].nunique() < 2:
        known = known.assign(train_benchmark=None).drop_duplicates()
    return [_Row(each, None, None) for each in alone] + [
        _Row(*each) for each in known.itertuples(index=False)
    ]


def _band(axes: Axes, at: int, found: pd.DataFrame, stem: str, *, own: bool) -> None:
    if found.empty:
        return
    limit = found.iloc[0]
    if not limit["limits"] or pd.isna(limit[f"{stem}_expected_0"]):
        transform = axes.get_yaxis_transform()
        axes.text(0.03, at, "no limit", transform=transform, va="center", size="small")
        return
    for low, high, colour in (("m2", "p2", style.TWO_SIGMA), ("m1", "p1", style.ONE_SIGMA)):
        left, right = limit[f"{stem}_expected_{low}"], limit[f"{stem}_expected_{high}"]
        if pd.notna(left) and pd.notna(right):
            axes.barh(at, right - left, left=left, height=0.64, color=colour, lw=0)
    face = "black" if own else "white"
    (median,) = axes.plot(limit[f"{stem}_expected_0"], at, "o", color="black", mfc=face, ms=4.5)
    median.set_gid("median")
    if stem == "mu" and pd.notna(limit["mu_observed"]):
        axes.plot(limit["mu_observed"], at, "x", color="black", ms=6, mew=1.5)


def _limit_legend(made: Figure, rows: pd.DataFrame, stem: str, *, cross: bool) -> None:
    point: dict[str, Any] = {"color": "black", "marker": "o", "ls": "none", "ms": 4.5}
    entries: dict[str, Any] = {
        "median, own training" if cross else "median": Line2D([], [], **point)
    }
    if cross:
        entries["median, trained on another"] = Line2D([], [], mfc="white", **point)
    for name, tags, colour in (
        ("68 % expected", ("m1", "p1"), style.ONE_SIGMA),
        ("95 % expected", ("m2", "p2"), style.TWO_SIGMA),
    ):
        if rows[[f"{stem}_expected_{tag}" for tag in tags]].notna().all(axis=1).any():
            entries[name] = Patch(color=colour, lw=0)
    if stem == "mu":
        entries[r"$\mu$ = 1"] = Line2D([], [], color="0.35", lw=1.0, ls="--")
        if rows["mu_observed"].notna().any():
            entries["observed"] = Line2D([], [], color="black", marker="x", ls="none")
    style.legend(made, entries)


def limit_matrix(tables: Tables, architecture: str) -> Figure | None:
    """What training on another benchmark costs: the median limit over that of the own training.

    A panel per method, at the largest luminosity; None with fewer than two benchmarks.
    """
    rows = limit_summary(tables)
    rows = rows[rows["label"] == architecture]
    found = {str(method): _cost(part) for method, part in rows.groupby("method")}
    found = {m: cost for m, cost in found.items() if max(cost.shape) > 1}
    if not found:
        return None
    worst = max(float(np.nanmax(each.to_numpy())) for each in found.values())
    title = f"{architecture}: what training on another benchmark costs"
    high, colours = max(worst, 1.5), "cividis_r"
    return heat_maps(
        found, title=title, label="limit / own limit", low=1.0, high=high, colours=colours
    )


def _cost(rows: pd.DataFrame) -> pd.DataFrame:
    largest = rows["luminosity"].isna() | (rows["luminosity"] == rows["luminosity"].max())
    rows = _strongest_training(rows[largest])
    stem, _ = _MU if rows["mu_expected_0"].notna().any() else _SIGNAL
    medians = rows.pivot_table(
        index="train_benchmark", columns="test_benchmark", values=f"{stem}_expected_0"
    )
    shared = [b for b in medians.columns if b in medians.index]
    own = pd.Series({b: medians.loc[b, b] for b in shared}, dtype=float)
    return medians[shared] / own
