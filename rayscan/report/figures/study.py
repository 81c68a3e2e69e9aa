"""Draws the figures of a study: those of the scan itself, and those that compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from rayscan.report.figures import charts, monojet, slepton, style
from rayscan.report.figures.all import draw_all
from rayscan.report.frames.auc import spread_out
from rayscan.report.frames.comparison import by_variant
from rayscan.report.frames.heads import counting_shares
from rayscan.results.names import BASE, UNDECIDED
from rayscan.results.read import Tables

Figures: TypeAlias = Callable[[Tables], Iterator[tuple[str, Figure | None]]]

_STRENGTHS = 3


def draw_study(
    study: Tables, name: str, folder: Path, *, formats: Sequence[str] = ("png", "pdf")
) -> list[Path]:
    """Draw what the tables of a study allow and write it; the files."""
    base = dict(by_variant(study)).get(BASE)
    paths = [] if base is None else draw_all(base, folder, formats=formats)
    folder.mkdir(parents=True, exist_ok=True)
    with style.look():
        for file, made in STUDIES[name](study):
            paths += [] if made is None else style.save(made, folder, file, formats)
    return paths


def _monojet(study: Tables) -> Iterator[tuple[str, Figure | None]]:
    for file, chart in monojet.charts(study):
        yield file, charts.draw(chart)
    if (base := dict(by_variant(study)).get(BASE)) is not None:
        yield "fig17_counting", counting(base)


def counting(tables: Tables) -> Figure | None:
    """What histograms of each process count for, at three strengths; None without such a head.

    Figs. 17 and 18 of arXiv:2105.12018: a histogram counts for its likeliest class if the
    probability is above 2 / n_classes.
    """
    rows = counting_shares(tables, own_strength=False)
    known = np.sort(rows["test_s_over_sqrt_b"].dropna().unique())
    if not len(known):
        return None
    chosen = spread_out(known, _STRENGTHS)
    classes = [name for name in dict.fromkeys(rows["predicted"]) if name != UNDECIDED]
    processes = list(dict.fromkeys(rows["true_process"]))[::-1]
    looks = style.styles(classes)
    titles = [f"{style.STRENGTH} = {strength:.3g}" for strength in chosen]
    made, panels = style.panels(titles, width=3.2, height=0.5 + 0.28 * len(processes))
    for strength, axes in zip(chosen, panels, strict=True):
        here = rows[rows["test_s_over_sqrt_b"] == strength]
        left = np.zeros(len(processes))
        for name in classes:
            share = _shares(here, name, processes)
            axes.barh(range(len(processes)), share, left=left, color=looks[name].colour, label=name)
            left += share
        style.categories(axes.yaxis, [style.literal(each) for each in processes])
        axes.set_xlim(0, 1)
    style.x_label(panels, "share of the histograms")
    style.header(made, "What histograms count for", "white: no class is sure")
    handles, labels = panels[0].get_legend_handles_labels()
    style.legend(made, dict(zip(labels, handles, strict=True)))
    return made


def _shares(rows: pd.DataFrame, name: str, processes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Mean share of each process that counts for a class, over labels and repeats."""
    of_class = rows[rows["predicted"] == name].groupby("true_process")["share"].mean()
    return np.asarray(of_class.reindex(list(processes)).fillna(0.0), dtype=np.float64)


STUDIES: Mapping[str, Figures] = MappingProxyType({"monojet": _monojet, "slepton": slepton.figures})
"""Published studies whose figures are known, by name."""
