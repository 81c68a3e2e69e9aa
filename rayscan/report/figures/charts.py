"""A chart: points with errors in panels of one kind, from a tidy frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rayscan.report.figures import style


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Chart:
    """What a figure shows, and how its axes are called.

    Attributes:
        rows: ``panel``, ``series``, ``x``, ``y`` and ``error`` (missing: no bar), a row per point.
        title: What is seen.
        note: What the error bars are.
        x_label: Of all panels.
        y_label: Of all panels.
        reference: Drawn as a line at this height.
        line: Drawn as a black line without markers: the name of a series, such as a ceiling.
    """

    rows: pd.DataFrame
    title: str
    x_label: str = style.STRENGTH
    y_label: str = "AUC"
    note: str = ""
    reference: float | None = None
    line: str = ""


def chart_rows(
    frame: pd.DataFrame,
    *,
    series: str,
    y: str,
    error: str = "",
    panel: str = "test_benchmark",
    x: str = "test_s_over_sqrt_b",
) -> pd.DataFrame:
    """The rows of a chart from columns of a frame, without points that are missing.

    ``series`` may also be the name of the only curve; without ``error`` there are no bars.
    """
    found = pd.DataFrame(
        {
            "panel": frame[panel].astype(str),
            "series": frame[series].astype(str) if series in frame else series,
            "x": frame[x].astype(float),
            "y": frame[y].astype(float),
            "error": frame[error].astype(float) if error else float("nan"),
        }
    )
    return found[found["x"].notna() & found["y"].notna()].reset_index(drop=True)


def draw(chart: Chart) -> Figure | None:
    """The figure of a chart; None if it has no points."""
    rows = chart.rows
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows["panel"]))
    series = [name for name in dict.fromkeys(rows["series"]) if name != chart.line]
    looks = style.styles(series)
    made, panels = style.panels([style.literal(name) for name in names])
    handles: dict[str, Any] = {}
    for name, axes in zip(names, panels, strict=True):
        if chart.reference is not None:
            axes.axhline(chart.reference, color="0.6", lw=0.8, ls=":", zorder=0)
        _points(axes, rows[rows["panel"] == name].sort_values("x"), looks, chart.line, handles)
    _axis(panels[0], rows["x"])
    style.x_label(panels, chart.x_label)
    made.supylabel(chart.y_label)
    style.header(made, chart.title, chart.note)
    known = [style.literal(each) for each in (*series, chart.line)]
    style.legend(made, {each: handles[each] for each in known if each in handles})
    return made


def _points(
    axes: Axes,
    rows: pd.DataFrame,
    looks: dict[str, style.Style],
    line: str,
    handles: dict[str, Any],
) -> None:
    here = set(rows["series"])
    for name in [*([line] if line in here else []), *(each for each in looks if each in here)]:
        part = rows[rows["series"] == name]
        if name == line:
            (handles[style.literal(name)],) = axes.plot(
                part["x"], part["y"], color=style.CEILING, lw=1.0, zorder=1
            )
            continue
        error = part["error"] if part["error"].notna().any() else None
        handles[style.literal(name)] = axes.errorbar(
            part["x"], part["y"], yerr=error, **style.drawn(looks[name])
        )


def _axis(axes: Axes, x: pd.Series[float]) -> None:
    values: Sequence[float] = sorted(x.unique())
    if len(values) > 1 or values[0] > 0:
        style.strength_axis(axes, values)
