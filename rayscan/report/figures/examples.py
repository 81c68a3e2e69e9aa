"""Figures of examples: what histograms look like, with and without signal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from rayscan.arrays import Floats
from rayscan.report.figures import style
from rayscan.results.read import Tables

_CLASSES = ("background only", "with signal")
_WIDE = 5
"""Fullest bin over the mean of those that hold events, above which colours are logarithmic."""


def examples(tables: Tables) -> Iterator[tuple[str, Figure]]:
    """Each benchmark and its figure: background only above, with signal below, by strength."""
    for benchmark, rows in tables.examples.groupby("test_benchmark", sort=False):
        ordered = rows.sort_values(["true_class", "test_s_over_b"], kind="stable")
        flat = rows["second_observable"].notna().any()
        yield str(benchmark), (_images if flat else _steps)(str(benchmark), ordered)


def _title(row: pd.Series[Any]) -> str:
    ratio = row["test_s_over_b"]
    strength = f"S/B = {ratio:.3g}" if pd.notna(ratio) else f"S = {row['test_signal']:,}"
    return f"{_CLASSES[int(row['true_class'])]}, {strength}"


def _label(rows: pd.DataFrame, which: str) -> str:
    return style.quantity(rows[f"{which}_observable"].iloc[0], rows[f"{which}_unit"].iloc[0])


def _images(benchmark: str, rows: pd.DataFrame) -> Figure:
    """Two axes: a histogram as an image, all of one scale of colours."""
    made, panels = style.panels([_title(row) for _, row in rows.iterrows()], width=2.6, height=2.3)
    counts = np.stack([np.asarray(each) for each in rows["counts"]])
    most, mean = float(counts.max()), float(counts[counts > 0].mean())
    scale = LogNorm(0.7, most) if most > _WIDE * mean else Normalize(0, most)
    for axes, (_, row) in zip(panels, rows.iterrows(), strict=True):
        x, y = (np.asarray(row[f"{which}_edges"], np.float64) for which in ("first", "second"))
        grid = np.asarray(row["counts"]).reshape(len(x) - 1, len(y) - 1).T
        image = axes.pcolormesh(
            x, y, np.where(grid > 0, grid, np.nan), norm=scale, cmap="cividis", rasterized=True
        )
    _scaled(panels[0], x, y)
    made.colorbar(image, ax=panels, label="events per bin", shrink=0.8, aspect=30, pad=0.02)
    made.supxlabel(_label(rows, "first"))
    made.supylabel(_label(rows, "second"))
    style.header(made, style.literal(f"{benchmark}: histograms"), "white: no event")
    return made


def _steps(benchmark: str, rows: pd.DataFrame) -> Figure:
    """One axis: both classes of each strength in a panel."""
    signal = rows[rows["true_class"] == 1]
    null = rows[rows["true_class"] == 0]
    made, panels = style.panels([_title(row).split(", ")[1] for _, row in signal.iterrows()])
    for axes, (_, row), (_, below) in zip(panels, signal.iterrows(), null.iterrows(), strict=True):
        edges = np.asarray(row["first_edges"], np.float64)
        handles = {
            _CLASSES[0]: axes.stairs(np.asarray(below["counts"]), edges, fill=True, color="0.82"),
            _CLASSES[1]: axes.stairs(np.asarray(row["counts"]), edges, color=style.COLOURS[1]),
        }
    _scaled(panels[0], edges)
    panels[0].set_ylim(bottom=0)
    style.x_label(panels, _label(rows, "first"))
    made.supylabel("events per bin")
    style.header(made, style.literal(f"{benchmark}: histograms"))
    style.legend(made, handles)
    return made


def _scaled(axes: Axes, *edges: Floats) -> None:
    """Axes of bins of equal ratio are logarithmic."""
    for axis, name in zip(edges, "xy", strict=False):
        axes.set(**{f"{name}lim": (axis[0], axis[-1])})
        if axis[0] > 0 and len(axis) > 2 and np.allclose(np.diff(np.log(axis), 2), 0, atol=1e-9):
            axes.set(**{f"{name}scale": "log"})
            style.log_ticks(getattr(axes, f"{name}axis"), float(np.log10(axis[-1] / axis[0])))
