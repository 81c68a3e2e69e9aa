"""Figures of ROC curves and of score distributions, of ensembles and of single events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rayscan.report.figures import style
from rayscan.report.frames.auc import spread_out
from rayscan.report.frames.trials import labelled
from rayscan.results.read import Tables

_STRENGTHS = 3
_FILL = "0.82"
_SPREAD = "mean and standard deviation of repeats and folds"


def roc(tables: Tables, label: str) -> Figure | None:
    """ROC curves of one architecture, a panel per benchmark, a curve per strength.

    Of more than three strengths the weakest, the middle and the strongest are drawn. Of several
    repeats or folds thin lines are each, the thick one is their mean, in the band of their spread.
    """
    rows = _own(tables.roc, label, "ensemble")
    if rows.empty:
        return None
    several = rows.groupby(["train_benchmark", "test_signal"])["trial"].nunique().max() > 1
    title = f"{label}: ROC curves", _SPREAD if several else ""
    return _families(
        {
            benchmark: [(name, _curves(part)) for name, part in _by_strength(here)]
            for benchmark, here in rows.groupby("test_benchmark")
        },
        *title,
    )


def roc_validation(tables: Tables, label: str) -> Figure | None:
    """ROC curves of all folds of the frozen training sets of one architecture, as `roc`."""
    rows = labelled(tables.validation)
    rows = rows[(rows["label"] == label) & rows["selected"] & rows["auc"].notna()]
    if rows.empty:
        return None
    found: dict[str, list[tuple[str, Sequence[NDArray[np.float64]]]]] = {}
    for benchmark, here in rows.groupby("train_benchmark"):
        for signal in spread_out(sorted(here["train_signal"].unique()), _STRENGTHS):
            part = here[here["train_signal"] == signal]
            part = part[part["trial"] == part["trial"].iloc[0]]
            both = zip(part["false_positive_rate"], part["true_positive_rate"], strict=True)
            name = _strength(part["train_s_over_sqrt_b"].iloc[0], signal)
            found.setdefault(str(benchmark), []).append((name, [np.array(xy) for xy in both]))
    return _families(found, f"{label}: folds of the training set", _SPREAD)


def _families(
    found: Mapping[Any, Sequence[tuple[str, Sequence[NDArray[np.float64]]]]], title: str, note: str
) -> Figure:
    """A panel per benchmark, of each strength the curves of all trainings."""
    made, panels = style.panels([style.literal(each) for each in found])
    handles: dict[str, Any] = {}
    for here, axes in zip(found.values(), panels, strict=True):
        _diagonal(axes)
        areas = []
        for (name, curves), look in zip(here, _looks(), strict=False):
            handles[name], area = _family(axes, curves, look)
            areas.append((handles[name], area))
        axes.legend(*zip(*areas, strict=True), title="AUC", loc="lower right", fontsize="small")
    _roc_axes(made, panels, ("background-only histograms", "histograms with signal"))
    style.header(made, style.literal(title), note)
    style.legend(made, handles)
    return made


def roc_events(tables: Tables, label: str) -> Figure | None:
    """ROC curves of a network of single events, one per benchmark with its AUC."""
    rows = _rows(tables.roc, label, "event")
    if rows.empty:
        return None
    made, panels = style.panels([""], width=3.0, height=2.9)
    benchmarks = sorted(rows["test_benchmark"].unique())
    looks = style.styles(benchmarks)
    _diagonal(panels[0])
    handles = {}
    for benchmark in benchmarks:
        curve = _one_training(rows[rows["test_benchmark"] == benchmark])
        area = np.trapezoid(curve["true_positive_rate"], curve["false_positive_rate"])
        name = style.literal(f"{benchmark} ({area:.3f})")
        (handles[name],) = _curve(panels[0], curve, looks[benchmark])
    _roc_axes(made, panels, ("background events", "signal events"))
    style.header(made, style.literal(f"{label}: single events"), "in brackets: AUC")
    style.legend(made, handles)
    return made


def scores(tables: Tables, label: str) -> Figure | None:
    """Score distributions of one architecture, a panel per benchmark.

    Filled: background only; lines: with signal, at up to three strengths. Scores are in standard
    deviations from the mean of the background-only histograms, so that panels and strengths can
    be compared.
    """
    rows = _rows(tables.scores, label, "ensemble")
    if rows.empty:
        return None
    benchmarks, made, panels = _grid(rows)
    handles: dict[str, Any] = {}
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        here = rows[rows["test_benchmark"] == benchmark]
        drawn = [(name, _one_training(found)) for name, found in _by_strength(here)]
        null = drawn[-1][1]
        handles["background only"] = _stairs(axes, null[null["true_class"] == 0], null)
        for (name, found), look in zip(drawn, _looks(), strict=False):
            signal = found[found["true_class"] == 1]
            handles[name] = _stairs(axes, signal, found, colour=look.colour)
    panels[0].set_ylim(bottom=0)
    style.x_label(panels, r"score [$\sigma$]")
    made.supylabel("histograms (density)")
    note = "mean and standard deviation of background only: 0 and 1"
    style.header(made, style.literal(f"{label}: score distributions"), note)
    style.legend(made, handles)
    return made


def scores_events(tables: Tables, label: str) -> Figure | None:
    """Log-odds of single events, background filled and signal as a line, a panel per benchmark."""
    rows = _rows(tables.scores, label, "event")
    if rows.empty:
        return None
    benchmarks, made, panels = _grid(rows, same_x=False)
    for benchmark, axes in zip(benchmarks, panels, strict=True):
        here = _one_training(rows[rows["test_benchmark"] == benchmark])
        null, signal = (here[here["true_class"] == k] for k in (0, 1))
        handles = {
            "background": _stairs(axes, null, None),
            "signal": _stairs(axes, signal, None, colour=style.COLOURS[1]),
        }
    panels[0].set_yscale("log")
    style.x_label(panels, "log-odds of an event")
    made.supylabel("events (density)")
    style.header(made, style.literal(f"{label}: scores of single events"))
    style.legend(made, handles)
    return made


def _own(frame: pd.DataFrame, label: str, unit: str) -> pd.DataFrame:
    """The rows of one architecture on the benchmarks it was trained on."""
    rows = labelled(frame)
    own = rows["train_benchmark"] == rows["test_benchmark"]
    return rows[own & (rows["label"] == label) & (rows["unit"] == unit)]


def _rows(frame: pd.DataFrame, label: str, unit: str) -> pd.DataFrame:
    """Those of one repeat."""
    rows = _own(frame, label, unit)
    first = rows.groupby("point")["repeat"].transform("min")
    return rows[rows["repeat"] == first]


def _grid(rows: pd.DataFrame, *, same_x: bool = True) -> tuple[list[str], Figure, list[Axes]]:
    benchmarks = sorted(rows["test_benchmark"].unique())
    return benchmarks, *style.panels([style.literal(each) for each in benchmarks], same_x=same_x)


def _by_strength(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Up to three strengths of one benchmark, each of its nearest trainings.

    Of several strengths at each of several B those at the largest B.
    """
    if rows.groupby("test_background")["test_signal"].nunique().max() > 1:
        rows = rows[rows["test_background"] == rows["test_background"].max()]
    for signal in spread_out(sorted(rows["test_signal"].unique()), _STRENGTHS):
        here = _trainings(rows[rows["test_signal"] == signal])
        yield _strength(here["test_s_over_sqrt_b"].iloc[0], signal), here


def _strength(ratio: float, signal: float) -> str:
    return f"{style.STRENGTH} = {ratio:.3g}" if pd.notna(ratio) else f"S = {signal:,}"


def _trainings(rows: pd.DataFrame) -> pd.DataFrame:
    """Those at the strength of the test, or else the strongest."""
    same = rows["train_signal"] == rows["test_signal"]
    return rows[same] if same.any() else rows[rows["train_signal"] == rows["train_signal"].max()]


def _one_training(rows: pd.DataFrame) -> pd.DataFrame:
    """The first of them."""
    wanted = _trainings(rows)
    one: pd.DataFrame = wanted[wanted["trial"] == wanted["trial"].iloc[0]]
    return one


def _curves(rows: pd.DataFrame) -> Sequence[NDArray[np.float64]]:
    """The ROC curve of each training, shape (2, points)."""
    return [
        part.sort_values("number")[["false_positive_rate", "true_positive_rate"]].to_numpy().T
        for _, part in rows.groupby("trial")
    ]


def _family(
    axes: Axes, curves: Sequence[NDArray[np.float64]], look: style.Style
) -> tuple[Any, str]:
    """ROC curves (2, points), their mean and its band; the line and the AUC."""
    areas = [np.trapezoid(y, x) for x, y in curves]
    if len(curves) == 1:
        (line,) = axes.plot(*curves[0], color=look.colour, ls=look.dashes)
        return line, f"{areas[0]:.3f}"
    for x, y in curves:
        axes.plot(x, y, color=look.colour, lw=0.5, alpha=0.4)
    at = np.linspace(0, 1, 201)
    heights = np.array([np.interp(at, x, y) for x, y in curves])
    mean, spread = heights.mean(axis=0), heights.std(axis=0, ddof=1)
    axes.fill_between(
        at, mean - spread, (mean + spread).clip(max=1), color=look.colour, alpha=0.2, lw=0
    )
    (line,) = axes.plot(at, mean, color=look.colour, ls=look.dashes)
    return line, f"{np.mean(areas):.3f} ± {np.std(areas, ddof=1):.3f}"


def _looks() -> list[style.Style]:
    return list(style.styles(["weak", "middle", "strong"]).values())


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8, ls=":", zorder=0)


def _curve(axes: Axes, points: pd.DataFrame, look: style.Style) -> Any:
    ordered = points.sort_values("number")
    x, y = ordered["false_positive_rate"], ordered["true_positive_rate"]
    return axes.plot(x, y, color=look.colour, ls=look.dashes)


def _roc_axes(made: Figure, panels: list[Axes], classes: tuple[str, str]) -> None:
    panels[0].set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    style.x_label(panels, f"share of {classes[0]}")
    made.supylabel(f"share of {classes[1]}")


def _stairs(
    axes: Axes, rows: pd.DataFrame, scale: pd.DataFrame | None, *, colour: str | None = None
) -> Any:
    """A distribution as a density; in units of the background-only one of ``scale`` if given."""
    ordered = rows.sort_values("bin")
    edges = np.append(ordered["score_low"], ordered["score_high"].iloc[-1])
    if scale is not None:
        mean, width = _moments(scale[scale["true_class"] == 0])
        edges = (edges - mean) / width
    count = ordered["count"].to_numpy(np.float64)
    density = count / count.sum() / np.diff(edges)
    if colour is None:
        return axes.stairs(density, edges, fill=True, color=_FILL, zorder=0)
    return axes.stairs(density, edges, color=colour, lw=1.3)


def _moments(rows: pd.DataFrame) -> tuple[float, float]:
    """Mean and standard deviation of a binned distribution."""
    centre: NDArray[np.float64] = ((rows["score_low"] + rows["score_high"]) / 2).to_numpy()
    weight = rows["count"].to_numpy(np.float64)
    mean = float(np.average(centre, weights=weight))
    width = float(np.sqrt(np.average((centre - mean) ** 2, weights=weight)))
    return mean, width if width > 0 else 1.0
