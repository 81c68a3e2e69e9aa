"""How a terminal shows a table, and a caution: names of users as they are, without markup."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(console: Console, title: str, frame: pd.DataFrame) -> None:
    """A data frame as a table on the screen, whose words are broken only if it must be."""
    table = Table(
        title=Text(title, style="bold"), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for (name, values), width in zip(frame.items(), _widths(frame, console.width), strict=True):
        numeric = pd.api.types.is_numeric_dtype(values)
        table.add_column(
            Text(str(name)), justify="right" if numeric else "left", overflow="fold", width=width
        )
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    console.print(table)


def warn(console: Console, line: str) -> None:
    """One caution."""
    console.print(Text.assemble(("warning:", "yellow"), " ", line), highlight=False)


def printed(show: Callable[[Console], None]) -> str:
    """What would be printed, as text without colours, as wide as the screen."""
    out = io.StringIO()
    width = shutil.get_terminal_size((115, 24)).columns
    show(Console(file=out, width=width, color_system=None, force_jupyter=False))
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def _widths(frame: pd.DataFrame, available: int) -> list[int]:
    """Widths that fit and break as few words as can be; long ones, as joined names, break first."""
    columns = [[str(name), *values.map(_cell)] for name, values in frame.items()]
    whole = [max(map(len, texts)) for texts in columns]
    words = [[len(word) for text in texts for word in text.split()] for texts in columns]
    room = available - 2 * len(columns) - 1
    widths = [1] * len(columns)
    for longest in range(1, max(whole, default=0) + 1):
        wider = [max([1, *(n for n in lengths if n <= longest)]) for lengths in words]
        if sum(wider) > room:
            break
        widths = wider
    while sum(widths) < room and widths != whole:
        narrow = [
            i for i, (width, most) in enumerate(zip(widths, whole, strict=True)) if width < most
        ]
        widths[min(narrow, key=widths.__getitem__)] += 1
    return widths


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    if isinstance(value, float):
        small = value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5)
        return f"{value:.3g}" if small else f"{value:.4g}"
    return str(value)
