"""Figures of spectra: backgrounds stacked and signals as lines, before and after the cuts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rayscan.arrays import Floats
from rayscan.report.figures import style
from rayscan.results.read import Tables

_PANELS = 12
_STEEP = 30
"""Highest bin over the middle one above which an axis is logarithmic."""
_TITLES = {"before": "before cuts", "after": "after all cuts"}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Drawn:
    """A distribution: bins (bins + 1,), contents and their errors (bins,)."""

    edges: Floats
    height: Floats
    error: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame) -> _Drawn:
        """Of the rows of one process or, added bin by bin, of several."""
        bins = rows.groupby("bin").agg({"low": "first", "high": "first", "cross_section": "sum"})
        squares = (rows["cross_section_error"] ** 2).groupby(rows["bin"]).sum()
        edges = np.append(bins["low"].to_numpy(), bins["high"].iloc[-1])
        height = bins["cross_section"].to_numpy(np.float64)
        return cls(edges=edges, height=height, error=np.sqrt(squares.to_numpy(np.float64)))

    @property
    def normalised(self) -> _Drawn:
        """Of unit sum; as it is without events."""
        total = self.height.sum() or 1.0
        return _Drawn(edges=self.edges, height=self.height / total, error=self.error / total)


def spectra(tables: Tables) -> Iterator[tuple[str, Figure | None]]:
    """Name and figure of each stage: cross-sections, then shapes; at most 12 panels in each."""
    names = list(dict.fromkeys(tables.spectra["observable"]))
    for number, first in enumerate(range(0, len(names), _PANELS)):
        rows = tables.spectra[tables.spectra["observable"].isin(names[first : first + _PANELS])]
        more = f"_{number + 1}" if number else ""
        for stage in _TITLES:
            here = rows[rows["stage"] == stage]
            yield f"spectra_{stage}{more}", stacked(here)
            yield f"spectra_shapes_{stage}{more}", shapes(here)


def stacked(rows: pd.DataFrame) -> Figure | None:
    """Cross-sections of one stage, a panel per observable: backgrounds stacked, signals as lines.

    The largest background is on top, so that the others are seen on a logarithmic axis. Hatched:
    the statistical error of the sum of the backgrounds.
    """
    names = _names(rows, "background")
    if not names:
        return None
    made, panels = _panels(rows, "Spectra", "hatched and bars: statistical errors")
    handles: dict[str, Any] = {}
    for axes, here in panels:
        below: Any = 0.0
        for name, colour in reversed(list(zip(names, itertools.cycle(style.COLOURS)))):
            part = _Drawn.of(here[here["process"] == name])
            filled = axes.stairs(
                below + part.height, part.edges, baseline=below, fill=True, color=colour
            )
            handles[style.literal(name)] = filled
            below = below + part.height
        signals = _signals(axes, here, len(names), handles)
        _band(axes, _Drawn.of(here[here["role"] == "background"]), signals)
        axes.set_ylabel(_per_bin("pb", here))
    style.legend(made, handles)
    return made


def shapes(rows: pd.DataFrame) -> Figure | None:
    """Distributions of one stage of unit sum: all backgrounds together filled, signals as lines."""
    if not (names := _names(rows, "background")):
        return None
    made, panels = _panels(rows, "Shapes of spectra", "of unit sum; hatched and bars: statistical")
    handles: dict[str, Any] = {}
    label = style.literal(names[0]) if len(names) == 1 else "all backgrounds"
    for axes, here in panels:
        every = _Drawn.of(here[here["role"] == "background"]).normalised
        handles[label] = axes.stairs(every.height, every.edges, fill=True, color="0.82")
        signals = _signals(axes, here, len(names), handles, normalised=True)
        _band(axes, every, signals)
        axes.set_ylabel(_per_bin("share", here))
    style.legend(made, handles)
    return made


def _names(rows: pd.DataFrame, role: str) -> list[str]:
    """Processes of a role, the largest first."""
    those = rows[rows["role"] == role].groupby("process")["cross_section"].sum()
    return [str(name) for name in those.sort_values(ascending=False, kind="stable").index]


def _panels(
    rows: pd.DataFrame, title: str, note: str
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A panel for each observable, with its rows."""
    parts = [part for _, part in rows.groupby("observable", sort=False)]
    made, axes = style.panels([""] * len(parts), same_x=False, same_y=False)
    style.header(made, f"{title} {_TITLES[rows['stage'].iloc[0]]}", note)
    for each, part in zip(axes, parts, strict=True):
        unit = part["unit"].iloc[0]
        each.set_xlabel(style.quantity(part["observable"].iloc[0], unit))
        each.set_xlim(part["low"].min(), part["high"].max())
        each.xaxis.set_major_locator(MaxNLocator(5, integer=bool((part["low"] % 1 == 0.5).all())))
    return made, list(zip(axes, parts, strict=True))


def _signals(
    axes: Axes,
    rows: pd.DataFrame,
    backgrounds: int,
    handles: dict[str, Any],
    *,
    normalised: bool = False,
) -> list[_Drawn]:
    """Lines with error bars; their names and lines join the handles."""
    found = []
    names = sorted(rows.loc[rows["role"] == "signal", "process"].unique())
    for number, name in enumerate(names):
        part = _Drawn.of(rows[rows["process"] == name])
        part = part.normalised if normalised else part
        colour = style.COLOURS[(backgrounds + number) % len(style.COLOURS)]
        dashes = style.DASHES[number % len(style.DASHES)]
        line = axes.stairs(part.height, part.edges, color=colour, ls=dashes, lw=1.5)
        middle = (part.edges[:-1] + part.edges[1:]) / 2
        there = part.height > 0
        axes.errorbar(
            middle[there],
            part.height[there],
            yerr=part.error[there],
            fmt="none",
            color=colour,
            elinewidth=0.8,
        )
        handles[style.literal(name)] = line
        found.append(part)
    return found


def _band(axes: Axes, every: _Drawn, signals: Sequence[_Drawn]) -> None:
    """The error of the backgrounds, hatched; the range of y, which is logarithmic if it is wide."""
    low = np.clip(every.height - every.error, 0.0, None)
    axes.stairs(
        every.height + every.error,
        every.edges,
        baseline=low,
        fill=True,
        facecolor="none",
        edgecolor="0.25",
        hatch="//////",
        lw=0,
    )
    drawn = [each.height[each.height > 0] for each in (every, *signals)]
    known = [each for each in drawn if len(each)]
    top = max((float(each.max()) for each in known), default=1.0)
    steep = [each.max() > _STEEP * np.median(each) for each in known]
    if any(steep) or (known and top > _STEEP * min(float(each.max()) for each in known)):
        axes.set_yscale("log")
        axes.set_ylim(0.5 * min(float(np.quantile(each, 0.1)) for each in known), 3 * top)
    else:
        axes.set_ylim(0, 1.15 * top)


def _per_bin(what: str, rows: pd.DataFrame) -> str:
    """``pb / 8 GeV``: of all bins, which are of equal width; of whole numbers only ``pb``."""
    width, unit = rows["high"].iloc[0] - rows["low"].iloc[0], rows["unit"].iloc[0]
    if unit == "1":
        return what if width == 1 else f"{what} / {width:.3g}"
    return f"{what} / {width:.3g} {unit}"
