"""Table `pools`: how many events each pool of each process holds."""

from __future__ import annotations

from rayscan.results.tables.base import INT, REAL, TEXT, Column, TableLayout

POOLS = TableLayout(
    name="pools",
    row="one pool of one process",
    key=("process", "pool"),
    columns=(
        Column("process", TEXT, "", "process"),
        Column("role", TEXT, "", "'background' or 'signal'"),
        Column(
            "pool",
            TEXT,
            "",
            "'train', 'validation', 'test', or the 'unseen' part of a shared pool; "
            "with folds 'fold 0', ...",
        ),
        Column("events", INT, "events", "selected events in the pool, after unweighting"),
        Column("events_in_binning", INT, "events", "those inside the axis ranges"),
        Column(
            "kept_by_unweighting", REAL, "", "share of selected events kept; 1 for equal weights"
        ),
        Column("heaviest_event", REAL, "", "share of the selected weight one event has at most"),
        Column("effective_events", REAL, "events", "(sum w)^2 / sum w^2 of the process before"),
        Column(
            "cross_section", REAL, "pb", "cross-section after selection, inside the axis ranges"
        ),
        Column(
            "in_empty_cells", REAL, "", "share where the backgrounds hold less than half an event"
        ),
        Column("pool_mode", TEXT, "", "'disjoint' or 'shared_pool'"),
    ),
)
