"""Table `cutflow`: what each cut leaves of each process."""

from __future__ import annotations

from rayscan.results.tables.base import INT, REAL, TEXT, Column, TableLayout

CUTFLOW = TableLayout(
    name="cutflow",
    row="one process after one cut",
    key=("process", "step"),
    columns=(
        Column("process", TEXT, "", "process"),
        Column("role", TEXT, "", "'background' or 'signal'"),
        Column("step", INT, "", "0 is before any cut"),
        Column("cut", TEXT, "", "the cut, 'all', 'not broken' or 'binning'"),
        Column("events", INT, "events", "simulated events left"),
        Column("sum_weights", REAL, "", "sum of their weights, without those of broken events"),
        Column("sum_weights_squared", REAL, "", "sum of their squared weights"),
        Column("efficiency", REAL, "", "share of the weight left"),
        Column("efficiency_error", REAL, "", "its error from the simulated statistics"),
        Column("cross_section", REAL, "pb", "cross-section left"),
        Column("composition", REAL, "", "cross-section left over that of the first background"),
    ),
)
