"""What a table and a column are: type, unit, meaning, what identifies a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

TEXT, INT, REAL, BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
CURVE = pa.list_(pa.field("element", REAL))


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


def mixture(prefix: str, whose: str) -> tuple[Column, ...]:
    """What a histogram holds: S, B and their ratios.

    Names begin with ``prefix`` (``train``), meanings end with ``whose`` (``in training``).
    """
    return (
        Column(f"{prefix}_signal", INT, "events", f"signal events S per histogram {whose}"),
        Column(f"{prefix}_background", INT, "events", f"background events B per histogram {whose}"),
        Column(f"{prefix}_s_over_b", REAL, "", f"S/B {whose}"),
        Column(f"{prefix}_s_over_sqrt_b", REAL, "", f"S/sqrt(B) {whose}; missing where B = 0"),
    )


DECISIONS = {
    "accuracy": "share of ensembles rightly told at {threshold}",
    "recall": "share of those with signal that is above it",
    "precision": "share with signal of those above it; missing without any",
    "f1": "harmonic mean of precision and recall",
}
"""What a yes or no is worth (`rayscan.stats.decisions`), each with its error beside it."""


def decisions(suffix: str, threshold: str) -> tuple[Column, ...]:
    """What the decisions at a ``threshold`` (in words) are worth; ``suffix`` ends names."""
    error = "its standard error from the finite test set"
    return tuple(
        column
        for name, meaning in DECISIONS.items()
        for column in (
            Column(f"{name}{suffix}", REAL, "", meaning.format(threshold=threshold)),
            Column(f"{name}{suffix}_error", REAL, "", error),
        )
    )


TRAINED = (
    Column("trial", TEXT, "", "key of the trained member: hash of its whole configuration"),
    Column("point", TEXT, "", "name of the point: benchmark, mixture, architecture"),
    Column("train_benchmark", TEXT, "", "signal it was trained on; several are joined by '+'"),
    Column("head", TEXT, "", "'binary', 'multimodel' or 'multiclass'"),
    Column("train_against", TEXT, "", "signal in class 0 of training; missing: background only"),
    Column("architecture", TEXT, "", "kind of classifier"),
    Column("repeat", INT, "", "number of the repeat, or of the search trial, from 0"),
    Column(
        "fold",
        INT,
        "",
        "fold it never saw and is tested on; missing: one split, or all (`trial` of the first)",
    ),
    *mixture("train", "in training"),
    Column(
        "train_strength",
        TEXT,
        "",
        "'highest', 'each', 'drawn' (train_signal is that of 'highest') or 'descending'; of a "
        "multiclass head 'each' or 'descending', whatever was asked for",
    ),
    Column("trained_at", REAL, "", "the strength of the training as the scan file has it"),
    Column(
        "strength_kind",
        TEXT,
        "",
        "what it is: 's_over_b', 's_over_sqrt_b', 'signal' (events) or 'cross_section' (pb)",
    ),
    Column(
        "artefacts",
        TEXT,
        "",
        "what gives classes away in training and test that no data have, asked for by knobs: "
        "'signal in fixed places', 'SMOTE before the split'; missing: nothing",
    ),
)
STRENGTH = Column(
    "strength", REAL, "", "the strength of the test as the scan file has it; see `strength_kind`"
)
UNCERTAIN = (
    Column("background_uncertainty", REAL, "", "relative uncertainty of the background's yield"),
    Column("shape_uncertainty", REAL, "", "relative change of the background's slope, one sigma"),
    Column("shape_observable", TEXT, "", "axis of the uncertain slope; missing without"),
)
LABEL = Column("label", TEXT, "", "name given to the architecture in the scan file")
