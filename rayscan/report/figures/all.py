"""Draws every figure of a scan and writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rayscan.keys import digest
from rayscan.report.figures import auc as auc_figures
from rayscan.report.figures import curves as curve_figures
from rayscan.report.figures import limits as limit_figures
from rayscan.report.figures import style
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables

_MANY = 3  # benchmarks of one training, beyond which their number is shown


def draw_all(
    tables: Tables, folder: Path, *, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Draw what the tables allow and write it.

    Args:
        tables: The result tables; empty ones only leave their figures out.
        folder: Where the files go; made if it is not there.
        formats: File formats that matplotlib's file writers know.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with style.look():
        for name, made in _figures(tables):
            if made is not None:
                paths += style.save(made, folder, name, formats)
    return paths


def _figures(tables: Tables) -> Iterator[tuple[str, Figure | None]]:
    yield "auc_vs_strength", auc_figures.auc_vs_strength(tables)
    yield "auc_over_ceiling", auc_figures.auc_over_ceiling(tables)
    for label in sorted(labelled(tables.auc)["label"].unique()):
        yield f"auc_matrix_{_file_name(label)}", auc_figures.auc_matrix(tables, label)
        yield f"limit_matrix_{_file_name(label)}", limit_figures.limit_matrix(tables, label)
        for kind in ("roc", "roc_events", "scores", "scores_events"):
            yield f"{kind}_{_file_name(label)}", getattr(curve_figures, kind)(tables, label)
    yield from limit_figures.limits(tables)
    yield "cutflow", cutflow(tables)
    yield "learning_curves", learning_curves(tables)


def _file_name(label: str) -> str:
    """A name without what a path could mean, different for different labels."""
    clean = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", label)[:80]
    return clean if clean == label else f"{clean}-{digest(label)[:8]}"


def cutflow(tables: Tables) -> Figure | None:
    """Share of each process left after each cut; backgrounds in black."""
    rows = tables.cutflow[tables.cutflow["efficiency"].notna()]
    if rows.empty:
        return None
    steps = rows.drop_duplicates("step").sort_values("step")
    made, (axes,) = style.panels(1, width=2.2 + 0.55 * len(steps), height=2.8)
    signals = sorted(rows.loc[rows["role"] == "signal", "process"].unique())
    backgrounds = sorted(rows.loc[rows["role"] != "signal", "process"].unique())
    looks = style.styles(backgrounds, colour="black") | style.styles(signals)
    handles = {}
    for process in [*backgrounds, *signals]:
        part, look = rows[rows["process"] == process].sort_values("step"), looks[process]
        handles[style.literal(process)] = axes.errorbar(
            part["step"],
            part["efficiency"],
            yerr=part["efficiency_error"],
            **style.drawn(look),
        )
    if rows["efficiency"].min() < 0.05 and rows["efficiency"].min() > 0:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.05)
    style.categories(axes.xaxis, [style.literal(cut) for cut in steps["cut"]], slanted=True)
    axes.set_xlim(-0.3, len(steps) - 0.7)
    axes.set_ylabel("share of the process left")
    style.header(made, "Cut flow")
    style.legend(made, list(handles.values()), list(handles))
    return made


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
    made, panels = style.panels(len(benchmarks))
    handles = {}
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        several = benchmark.count("+") + 1
        title = benchmark if several < _MANY else f"{several} benchmarks together"
        axes.set_title(style.literal(title), loc="left", pad=4)
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
    style.legend(made, list(handles.values()), list(handles))
    return made
