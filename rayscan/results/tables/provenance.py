"""Table `provenance`: scan file, versions and inputs that the numbers come from."""

from __future__ import annotations

from rayscan.results.tables.base import INT, REAL, TEXT, Column, TableLayout

PROVENANCE = TableLayout(
    name="provenance",
    row="one fact about where the numbers come from",
    key=("kind", "name"),
    columns=(
        Column(
            "kind",
            TEXT,
            "",
            "'scan', 'version', 'input', 'events', 'generated', 'broken' or 'code'",
        ),
        Column("name", TEXT, "", "what it is about"),
        Column("value", TEXT, "", "the fact"),
        Column("bytes", INT, "bytes", "size of an input file"),
        Column("entries", INT, "events", "entries of an input file"),
        Column("checksum", TEXT, "", "BLAKE2b of an input file's head, tail and size"),
        Column("weight_branch", TEXT, "", "where an input file has its weights, or 'none'"),
        Column("mean_weight", REAL, "", "mean weight of its events, before any cut"),
        Column("broken_events", INT, "events", "its events that were left out as broken"),
    ),
    measured=("value", "bytes", "checksum"),
)
