"""How figures look: fonts, colours that the colour-blind tell apart, a grid of panels, a header."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.style
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, NullFormatter, NullLocator

from rayscan.keys import digest

# M. Petroff, arXiv:2107.02270: ten colours that stay apart for every kind of colour vision.
COLOURS = (
    *("#3f90da", "#bd1f01", "#ffa90e", "#832db6", "#94a4a2"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
DASHES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
# The CMS figure guidelines' colour-blind-safe pair for 1 and 2 sigma.
ONE_SIGMA, TWO_SIGMA = "#607641", "#f5bb54"
CEILING = "black"
_LETTER = 0.075  # inch, about
STRENGTH = r"$S/\sqrt{B}$"
_LOOK: dict[str, Any] = {
    "font.sans-serif": ["TeX Gyre Heros", "DejaVu Sans"],
    "font.size": 10.5,
    "mathtext.fontset": "stixsans",  # Heros has no radical
    "axes.titlesize": "medium",
    "axes.labelsize": "large",
    "axes.labelpad": 4,
    "axes.linewidth": 0.9,
    "axes.autolimit_mode": "data",
    "axes.unicode_minus": True,
    "axes.formatter.limits": (-3, 5),
    "xtick.labelsize": "medium",
    "ytick.labelsize": "medium",
    "xtick.major.size": 5,
    "ytick.major.size": 5,
    "xtick.minor.size": 2.5,
    "ytick.minor.size": 2.5,
    "legend.fontsize": "medium",
    "legend.borderpad": 0.2,
    "legend.columnspacing": 1.6,
    "lines.linewidth": 1.2,
    "lines.markersize": 4.5,
    "figure.facecolor": "white",
    "savefig.pad_inches": 0.08,
    "savefig.dpi": 150,
    "pdf.fonttype": 42,
    "svg.hashsalt": "rayscan",
}
_BASE = {k: v for k, v in mplhep.style.ATLAS.items() if not k.startswith("figure.subplot")}


@contextmanager
def look() -> Iterator[None]:
    """The style of every figure, for drawing and for saving; the global style stays as it is.

    It begins from matplotlib's defaults: a matplotlibrc of the user may want a TeX (`text.usetex`).
    """
    chosen: Any = _BASE | _LOOK
    with mpl.style.context(["default", chosen]):
        yield


@dataclass(frozen=True, slots=True)
class Style:
    """Colour, marker and dashes of one curve."""

    colour: str
    marker: str
    dashes: Any


def styles(names: Sequence[str], *, colour: str | None = None) -> dict[str, Style]:
    """One style per name, in order of the names; the same names get the same styles."""
    return {
        name: Style(
            colour or COLOURS[i % len(COLOURS)],
            MARKERS[i % len(MARKERS)],
            DASHES[(i // len(COLOURS) + i) % len(DASHES)],
        )
        for i, name in enumerate(names)
    }


def drawn(look: Style) -> dict[str, Any]:
    """Arguments of `Axes.errorbar` for a style."""
    return {
        "color": look.colour,
        "marker": look.marker,
        "ls": look.dashes,
        "markerfacecolor": "white",
        "markeredgewidth": 1.2,
        "capsize": 2,
        "elinewidth": 1.0,
    }


def literal(text: str) -> str:
    """A name from the scan file as it is: no formula, and not hidden from the legend."""
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def file_name(label: str) -> str:
    """A name without what a path could mean, different for different labels."""
    clean = re.sub(r"[^A-Za-z0-9_.+=-]+", "_", label)[:80]
    return clean if clean == label else f"{clean}-{digest(label)[:8]}"


def quantity(name: str, unit: str) -> str:
    """An observable with its unit, as the label of an axis."""
    return literal(name) if unit == "1" else f"{literal(name)} [{unit}]"


def figure(width: float, height: float) -> Figure:
    """An empty figure [inch] on an Agg canvas, unknown to pyplot."""
    made = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(made)
    return made


def panels(
    titles: Sequence[str],
    *,
    width: float = 2.9,
    height: float = 2.5,
    grow: bool = True,
    same_x: bool = True,
    same_y: bool = True,
) -> tuple[Figure, list[Axes]]:
    """A figure with panels that share their axes; inner tick labels are hidden.

    Sizes are of a panel [inch]; with ``grow`` those of few panels are larger.
    """
    n = len(titles)
    columns = _columns(n)
    rows = math.ceil(n / columns)
    scale = (1.7 if n == 1 else 1.3 if n <= 4 else 1.0) if grow else 1.0
    made = figure(max(columns * width * scale, 5.0), rows * height * scale + 1.0)
    grid = made.subplots(rows, columns, sharex=same_x, sharey=same_y, squeeze=False)
    flat = list(grid.flat)
    for unused in flat[n:]:
        unused.remove()
    for above in _lowest(flat[:n], columns):
        above.xaxis.set_tick_params(labelbottom=True)
    for axes, title in zip(flat, titles, strict=False):
        axes.set_title(title, loc="left", pad=4)
    return made, flat[:n]


def _columns(n: int) -> int:
    return {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3, 9: 3, 10: 5}.get(n, 4)


def _lowest(flat: Sequence[Axes], columns: int) -> Sequence[Axes]:
    return flat[max(len(flat) - columns, 0) :]


def x_label(shown: Sequence[Axes], text: str) -> None:
    """The label of the x axis under the lowest panel of each column."""
    for axes in _lowest(shown, _columns(len(shown))):
        axes.set_xlabel(text)


def header(made: Figure, title: str, note: str = "") -> None:
    """A bold title at the top left, and a note at the top right or, without room there, below."""
    width, height = (float(size) for size in made.get_size_inches())
    beside = _LETTER * (1.2 * len(title) + len(note)) < width
    lines = title if beside else f"{title}\n"
    made.suptitle(lines, x=0.01, ha="left", weight="bold", size="large")
    place = (0.99, 1.0 - 0.06 / height) if beside else (0.01, 1.0 - 0.3 / height)
    made.text(*place, note, ha="right" if beside else "left", va="top", size="medium")


def legend(made: Figure, handles: Mapping[str, Any]) -> None:
    """One legend under all panels, so that it never covers data."""
    labels = list(handles)
    widths = [0.8 + _LETTER * len(label) for label in labels]
    room = float(made.get_figwidth())
    columns = len(labels) if sum(widths) < room else int(room // max(widths))
    made.legend(list(handles.values()), labels, loc="outside lower center", ncols=max(columns, 1))


def strength_axis(axes: Axes, strengths: Sequence[float]) -> None:
    """S/sqrt(B) along x: logarithmic if it spans a factor of eight or more."""
    low, high = min(strengths), max(strengths)
    if low > 0 and high >= 8 * low:
        axes.set_xscale("log")
        margin = (high / low) ** 0.06
        axes.set_xlim(low / margin, high * margin)
        log_ticks(axes.xaxis, np.log10(high / low))
    else:
        margin = 0.06 * (high - low) if high > low else 0.5 * high
        axes.set_xlim(low - margin, high + margin)


def log_ticks(axis: Any, decades: float) -> None:
    """Plain numbers at 1, 2, 5 over few decades, at powers of ten over many."""
    subs = (1.0, 2.0, 5.0) if decades < 1.7 else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs, numticks=12))
    axis.set_minor_locator(LogLocator(subs=tuple(range(2, 10)), numticks=12))
    axis.set_major_formatter(plain())
    axis.set_minor_formatter(NullFormatter())


def plain() -> Formatter:
    """Tick labels such as 0.1, 5, 300 and 2 x 10^6."""
    return FuncFormatter(lambda value, _: _plain(value))


def _plain(value: float) -> str:
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"


def categories(axis: Any, names: Sequence[str], *, slanted: bool = False) -> None:
    """Names instead of numbers along an axis."""
    axis.set_ticks(range(len(names)), labels=list(names))
    axis.set_minor_locator(NullLocator())
    axis.set_tick_params(which="both", length=0)
    if slanted:
        for label in axis.get_ticklabels():
            label.set(ha="right", rotation=40, rotation_mode="anchor")


def save(made: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write one figure in every format; files of equal figures are equal."""
    paths = [folder / f"{name}.{kind}" for kind in formats]
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
    for kind, path in zip(formats, paths, strict=True):
        made.savefig(path, format=kind, metadata=undated.get(kind), bbox_inches="tight")
    return paths
