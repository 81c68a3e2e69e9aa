"""Figures of the trainings: the AUC and the losses after each epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rayscan.report.figures import style
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables

_MANY = 3  # benchmarks of one training, beyond which their number is shown


def learning_curves(tables: Tables) -> Figure | None:
    """Validation AUC after each epoch, a line per repeat, a panel per benchmark.

    Of several training strengths the largest is drawn.
    """
    found = _panels(tables, "learning_curve")
    if found is None:
        return None
    made, panels, looks = found
    handles = {}
    for axes, rows in panels:
        for label, curve in zip(rows["label"], rows["learning_curve"], strict=True):
            handles[style.literal(label)] = _line(axes, curve, looks[label].colour)
    made.supylabel("AUC on the validation pool")
    style.header(made, "Learning curves", "a line per trained member")
    style.legend(made, handles)
    return made


def loss_curves(tables: Tables) -> Figure | None:
    """Loss in training (dashes) and on the validation pool, as `learning_curves`."""
    found = _panels(tables, "losses")
    if found is None:
        return None
    made, panels, looks = found
    handles = {}
    for axes, rows in panels:
        for _, row in rows.iterrows():
            name, colour = style.literal(row["label"]), looks[row["label"]].colour
            handles[f"{name}, training"] = _line(axes, row["losses"], colour, "--")
            handles[f"{name}, validation"] = _line(axes, row["validation_losses"], colour)
    made.supylabel("loss")
    style.header(made, "Loss curves", "a pair of lines per trained member")
    style.legend(made, handles)
    return made


def _line(axes: Axes, curve: Any, colour: str, dashes: str = "-") -> Any:
    epochs = np.arange(1, len(curve) + 1)
    (line,) = axes.plot(epochs, curve, color=colour, ls=dashes, lw=0.9, alpha=0.8)
    return line


def _panels(
    tables: Tables, column: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]], dict[str, style.Style]] | None:
    """A panel for each benchmark with the members trained at the largest strength, and looks."""
    rows = labelled(tables.trials)
    drawable = [np.size(curve) > 1 for curve in rows[column]]
    rows = rows[np.array(drawable, dtype=bool)]
    strongest = rows.groupby(["label", "train_benchmark"])["train_signal"].transform("max")
    rows = rows[rows["train_signal"] == strongest]
    if rows.empty:
        return None
    benchmarks = sorted(rows["train_benchmark"].unique())
    made, axes = style.panels([style.literal(_together(name)) for name in benchmarks])
    axes[0].margins(x=0.04)
    axes[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.x_label(axes, "epoch")
    parts = [rows[rows["train_benchmark"] == name] for name in benchmarks]
    looks = style.styles(sorted(rows["label"].unique()))
    return made, list(zip(axes, parts, strict=True)), looks


def _together(benchmark: str) -> str:
    several = benchmark.count("+") + 1
    return benchmark if several < _MANY else f"{several} benchmarks together"
