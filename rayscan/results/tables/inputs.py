"""The columns of the tables of what a scan read: cutflow, pools and provenance."""

from __future__ import annotations

import pyarrow as pa

from rayscan.results.tables.base import Column, TableLayout

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()

CUTFLOW = TableLayout(
    name="cutflow",
    row="one process after one cut",
    key=("process", "step"),
    columns=(
        Column("process", _TEXT, "", "process"),
        Column("role", _TEXT, "", "'background' or 'signal'"),
        Column("step", _INT, "", "0 is before any cut"),
        Column("cut", _TEXT, "", "the cut, 'all', 'not broken' or 'binning'"),
        Column("events", _INT, "events", "simulated events left"),
        Column("sum_weights", _REAL, "", "sum of their weights, without those of broken events"),
        Column("sum_weights_squared", _REAL, "", "sum of their squared weights"),
        Column("efficiency", _REAL, "", "share of the weight left"),
        Column("efficiency_error", _REAL, "", "its error from the simulated statistics"),
        Column("cross_section", _REAL, "pb", "cross-section left"),
        Column("composition", _REAL, "", "cross-section left over that of the first background"),
    ),
)

POOLS = TableLayout(
    name="pools",
    row="one pool of one process",
    key=("process", "pool"),
    columns=(
        Column("process", _TEXT, "", "process"),
        Column("role", _TEXT, "", "'background' or 'signal'"),
        Column(
            "pool",
            _TEXT,
            "",
            "'train', 'validation', 'test', or the 'unseen' part of a shared pool; "
            "with folds 'fold 0', ...",
        ),
        Column("events", _INT, "events", "selected events in the pool, after unweighting"),
        Column("events_in_binning", _INT, "events", "those inside the axis ranges"),
        Column(
            "kept_by_unweighting", _REAL, "", "share of selected events kept; 1 for equal weights"
        ),
        Column("heaviest_event", _REAL, "", "share of the selected weight one event has at most"),
        Column("effective_events", _REAL, "events", "(sum w)^2 / sum w^2 of the process before"),
        Column(
            "cross_section", _REAL, "pb", "cross-section after selection, inside the axis ranges"
        ),
        Column(
            "in_empty_cells", _REAL, "", "share where the backgrounds hold less than half an event"
        ),
        Column("pool_mode", _TEXT, "", "'disjoint' or 'shared_pool'"),
    ),
)

PROVENANCE = TableLayout(
    name="provenance",
    row="one fact about where the numbers come from",
    key=("kind", "name"),
    columns=(
        Column(
            "kind",
            _TEXT,
            "",
            "'scan', 'version', 'input', 'events', 'generated', 'broken' or 'code'",
        ),
        Column("name", _TEXT, "", "what it is about"),
        Column("value", _TEXT, "", "the fact"),
        Column("bytes", _INT, "bytes", "size of an input file"),
        Column("entries", _INT, "events", "entries of an input file"),
        Column("checksum", _TEXT, "", "BLAKE2b of an input file's head, tail and size"),
        Column("weight_branch", _TEXT, "", "where an input file has its weights, or 'none'"),
        Column("mean_weight", _REAL, "", "mean weight of its events, before any cut"),
        Column("broken_events", _INT, "events", "its events that were left out as broken"),
    ),
    measured=("value", "bytes", "checksum"),
)
