"""Figure of the trainings: the AUC after each epoch."""

from __future__ import annotations

import numpy as np
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
    rows = labelled(tables.trials)
    drawable = [np.size(curve) > 1 for curve in rows["learning_curve"]]
    rows = rows[np.array(drawable, dtype=bool)]
    strongest = rows.groupby(["label", "train_benchmark"])["train_signal"].transform("max")
    rows = rows[rows["train_signal"] == strongest]
    if rows.empty:
        return None
    benchmarks = sorted(rows["train_benchmark"].unique())
    looks = style.styles(sorted(rows["label"].unique()))
    made, panels = style.panels([style.literal(_together(name)) for name in benchmarks])
    handles = {}
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        here = rows[rows["train_benchmark"] == benchmark]
        for label, curve in zip(here["label"], here["learning_curve"], strict=True):
            (handles[style.literal(label)],) = axes.plot(
                np.arange(1, len(curve) + 1), curve, color=looks[label].colour, lw=0.9, alpha=0.8
            )
    panels[0].margins(x=0.04)
    panels[0].xaxis.set_major_locator(MaxNLocator(5, integer=True))
    style.x_label(panels, "epoch")
    made.supylabel("AUC on the validation pool")
    style.header(made, "Learning curves", "a line per trained member")
    style.legend(made, handles)
    return made


def _together(benchmark: str) -> str:
    several = benchmark.count("+") + 1
    return benchmark if several < _MANY else f"{several} benchmarks together"
