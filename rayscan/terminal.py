"""How a terminal shows a table."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show(console: Console, title: str, frame: pd.DataFrame) -> None:
    """A data frame as a table on the screen."""
    table = Table(title=escape(title), title_justify="left", title_style="bold")
    for name, values in frame.items():
        numeric = pd.api.types.is_numeric_dtype(values)
        table.add_column(escape(str(name)), justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    if isinstance(value, float):
        small = value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5)
        return f"{value:.3g}" if small else f"{value:.4g}"
    return escape(str(value))
