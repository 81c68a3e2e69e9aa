"""Table `spectra`: distributions of observables, before and after all cuts."""

from __future__ import annotations

from rayscan.results.tables.base import INT, REAL, TEXT, Column, TableLayout

SPECTRA = TableLayout(
    name="spectra",
    row="one bin of the distribution of one observable, of one process before or after the cuts",
    key=("observable", "process", "stage", "bin"),
    columns=(
        Column("observable", TEXT, "", "observable"),
        Column("unit", TEXT, "", "its unit, '1' for none"),
        Column("process", TEXT, "", "process"),
        Column("role", TEXT, "", "'background' or 'signal'"),
        Column("stage", TEXT, "", "'before' any cut, or 'after' all of them"),
        Column("bin", INT, "", "number of the bin, from 0"),
        Column("low", REAL, "of the observable", "lower edge, which belongs to the bin"),
        Column("high", REAL, "of the observable", "upper edge"),
        Column("events", INT, "events", "simulated events in the bin, broken ones in none"),
        Column("sum_weights", REAL, "", "sum of their weights"),
        Column("error", REAL, "", "its error: root of the sum of their squared weights"),
        Column("cross_section", REAL, "pb", "cross-section in the bin"),
        Column("cross_section_error", REAL, "pb", "its error from the simulated statistics"),
    ),
)
