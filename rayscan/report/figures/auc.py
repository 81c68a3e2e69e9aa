"""Figures of AUCs: against signal strength, over the ceiling, train x test matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rayscan.report.figures import style
from rayscan.report.figures.charts import Chart, chart_rows, draw
from rayscan.report.frames.auc import between, curves, matrices, own
from rayscan.report.frames.errors import OF_RATIO, TOTAL
from rayscan.results.read import Tables

_MATRICES = 4


def auc_vs_strength(tables: Tables) -> Figure | None:
    """AUC against S/sqrt(B), a panel per benchmark; None if there is nothing to draw.

    Error bars are total errors. The ceiling is drawn as sampled (dashes) and as closed form (line
    with the band of the finite pools).
    """
    rows = own(tables)
    found = _named(rows)
    if not found:
        return None
    benchmarks = sorted({benchmark for _, benchmark, _ in found})
    looks = style.styles(sorted({name for name, _, _ in found}))
    made, panels = style.panels([style.literal(name) for name in benchmarks])
    style.strength_axis(panels[0], [x for x in rows["test_s_over_sqrt_b"] if x > 0])
    handles: dict[str, Any] = {}
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        axes.axhline(0.5, color="0.6", lw=0.8, ls=":", zorder=0)
        _ceiling(axes, rows[rows["test_benchmark"] == benchmark], handles)
        for name, _, part in (each for each in found if each[1] == benchmark):
            handles[style.literal(name)] = _curve(axes, part, looks[name])
    panels[0].set_ylim(min(0.45, float(rows["auc_mean"].min()) - 0.03), 1.03)
    style.x_label(panels, style.STRENGTH)
    made.supylabel("AUC")
    style.header(made, "AUC against signal strength", TOTAL)
    style.legend(made, handles)
    return made


def auc_over_ceiling(tables: Tables) -> Figure | None:
    """AUC over its ceiling against S/sqrt(B), with the error of the ratio."""
    rows = own(tables)
    found = [part.assign(name=name) for name, _, part in _named(rows[rows["auc_ceiling"].notna()])]
    if not found:
        return None
    chart = Chart(
        rows=chart_rows(
            pd.concat(found), series="name", y="auc_over_ceiling", error="auc_over_ceiling_error"
        ),
        title="How much of the possible is reached",
        note=OF_RATIO,
        y_label="AUC / ceiling",
        reference=1.0,
    )
    return draw(chart)


def _named(rows: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Name, benchmark and points of each curve."""
    return [
        (label if background is None else f"{label}, B = {background:,}", benchmark, part)
        for label, benchmark, background, part in curves(rows)
    ]


def _curve(axes: Axes, part: pd.DataFrame, look: style.Style) -> Any:
    """Points, and between them what d' ~ S/sqrt(B) expects: straight lines would cut the corner."""
    x = part["test_s_over_sqrt_b"]
    fine = _fine(axes, x)
    fine = fine[fine >= x.min()]
    (line,) = axes.plot(fine, between(fine, x, part["auc_mean"]), color=look.colour, ls=look.dashes)
    alone = style.Style(look.colour, look.marker, "none")
    error = part["auc_total_error"]
    return line, axes.errorbar(x, part["auc_mean"], yerr=error, **style.drawn(alone))


def _by_strength(rows: pd.DataFrame) -> pd.DataFrame:
    """The ceiling of one benchmark: mean over the classifiers tested on the same ensembles."""
    columns = ["auc_ceiling", "auc_ceiling_total_error"]
    columns += ["auc_closed_form", "auc_closed_form_error"]
    known = rows[rows["auc_ceiling"].notna() | rows["auc_closed_form"].notna()]
    return known.groupby("test_s_over_sqrt_b")[columns].mean().reset_index()


def _ceiling(axes: Axes, rows: pd.DataFrame, handles: dict[str, Any]) -> None:
    ceiling = _by_strength(rows)
    exact = ceiling[ceiling["auc_closed_form"].notna()]
    if len(exact):
        handles["ceiling, closed form"] = _closed_form(axes, exact)
    sampled = ceiling[ceiling["auc_ceiling"].notna()]
    if len(sampled):
        handles["ceiling, sampled"] = axes.errorbar(
            sampled["test_s_over_sqrt_b"],
            sampled["auc_ceiling"],
            yerr=sampled["auc_ceiling_total_error"],
            color=style.CEILING,
            marker="_",
            markersize=9,
            markeredgewidth=1.4,
            ls="none" if len(exact) else "-",
            elinewidth=0.8,
            zorder=1.5,
        )


def _closed_form(axes: Axes, exact: pd.DataFrame) -> Any:
    x, area = exact["test_s_over_sqrt_b"], exact["auc_closed_form"]
    error = exact["auc_closed_form_error"].fillna(0.0)
    fine = _fine(axes, x)
    below, above = (between(fine, x, (area + sign * error).clip(0.0, 1.0)) for sign in (-1, 1))
    band = axes.fill_between(fine, below, above, color="0.85", lw=0, zorder=-1)
    (line,) = axes.plot(fine, between(fine, x, area), color=style.CEILING, lw=1.0, zorder=1)
    return band, line


def _fine(axes: Axes, x: pd.Series[float]) -> NDArray[np.float64]:
    """S/sqrt(B) close enough for a smooth curve, from the left edge to the last point."""
    low, high = max(axes.get_xlim()[0], 0.0), float(x.max())
    return (
        np.geomspace(low, high, 200) if axes.get_xscale() == "log" else np.linspace(low, high, 200)
    )


def auc_matrix(tables: Tables, architecture: str) -> Figure | None:
    """Train x test heat maps of one architecture; None with fewer than two benchmarks.

    Of more than four test strengths those are drawn whose own AUC is nearest to 0.75, where
    benchmarks differ most.
    """
    found = matrices(tables, architecture)
    errors = matrices(tables, architecture, values="auc_total_error")
    found = {x: each for x, each in found.items() if max(each.shape) > 1}
    if not found:
        return None
    rows = own(tables)
    chosen = sorted(sorted(found, key=lambda x: abs(_typical(rows, x) - 0.75))[:_MATRICES])
    shown = {f"{style.STRENGTH} = {x:.3g}": found[x] for x in chosen}
    title = f"{architecture}: trained on one benchmark, tested on another"
    return heat_maps(shown, [errors[x] for x in chosen], title=title, label="AUC", note=TOTAL)


def _typical(rows: pd.DataFrame, strength: float) -> float:
    near = (rows["test_s_over_sqrt_b"] / strength - 1).abs() < 0.02
    return float(rows.loc[near, "auc_mean"].mean())


def heat_maps(
    matrices: Mapping[str, pd.DataFrame],
    errors: Sequence[pd.DataFrame] = (),
    *,
    title: str,
    label: str,
    note: str = "",
    low: float = 0.5,
    high: float = 1.0,
    colours: str = "cividis",
) -> Figure:
    """Train x test matrices as colours and numbers, by title; missing cells stay blank."""
    size = max(max(each.shape) for each in matrices.values())
    made, panels = style.panels(list(matrices), width=1.3 + 0.42 * size, height=1.1 + 0.4 * size)
    for values, marks, axes in zip_longest(matrices.values(), errors, panels):
        image = _heat_map(axes, values, marks, low, high, colours)
    made.colorbar(image, ax=panels, label=label, shrink=0.8, aspect=30, pad=0.02)
    style.x_label(panels, "tested on")
    made.supylabel("trained on")
    style.header(made, style.literal(title), note)
    return made


def _heat_map(
    axes: Axes,
    values: pd.DataFrame,
    errors: pd.DataFrame | None,
    low: float,
    high: float,
    colours: str,
) -> Any:
    grid = values.to_numpy(np.float64)
    image = axes.imshow(grid, vmin=low, vmax=high, cmap=colours, aspect="auto")
    marks = None if errors is None else errors.to_numpy(np.float64)
    for (i, j), value in np.ndenumerate(grid):
        if np.isfinite(value):
            below = "" if marks is None else f"\n±{marks[i, j]:.2f}"
            red, green, blue, _ = image.to_rgba(value)
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5  # about the perceived lightness
            axes.text(
                j,
                i,
                f"{value:.2f}{below}",
                ha="center",
                va="center",
                size="small",
                color="white" if dark else "black",
            )
    style.categories(axes.xaxis, [style.literal(name) for name in values.columns], slanted=True)
    style.categories(axes.yaxis, [style.literal(name) for name in values.index])
    return image
