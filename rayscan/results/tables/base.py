"""What a table and a column are: type, unit, meaning, what identifies a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type, its unit and what it means."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """One table: what a row is, what identifies it, and which columns are measurements.

    Rows are sorted by ``order``, then by the key. ``measured`` columns (seconds, device, ...)
    differ from run to run; all others are equal for an equal scan file and seed.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    measured: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with unit and meaning as field metadata."""
        return pa.schema(
            [
                pa.field(c.name, c.type, metadata={"unit": c.unit, "description": c.meaning})
                for c in self.columns
            ],
            metadata={"table": self.name, "row": self.row, "key": ",".join(self.key)},
        )


def markdown(layouts: Iterable[TableLayout]) -> str:
    """Tables and their columns as Markdown."""
    lines: list[str] = []
    for layout in layouts:
        lines += [
            f"**`{layout.name}`**: {layout.row}. Key: {', '.join(f'`{k}`' for k in layout.key)}.",
            "",
        ]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        lines += [f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |" for c in layout.columns]
        lines.append("")
    return "\n".join(lines)
