"""Table `points`: how each point of the plan ended."""

from __future__ import annotations

from rayscan.results.tables.base import INT, LABEL, REAL, TEXT, TRAINED, Column, TableLayout

POINTS = TableLayout(
    name="points",
    row="one point of the plan: a benchmark, a training mixture and an architecture",
    key=("point",),
    columns=(
        *(c for c in TRAINED if c.name not in {"trial", "repeat", "fold"}),
        LABEL,
        Column("mode", TEXT, "", "'fixed' hyperparameters with repeats, or 'search'"),
        Column("planned", INT, "trials", "trained members asked for"),
        Column("done", INT, "trials", "trained members that finished"),
        Column("failed", INT, "trials", "members that ended without a classifier"),
        Column("best_trial", TEXT, "", "key of the member with the best objective"),
        Column("best_objective", REAL, "", "its objective, on the validation pool"),
        Column("objective", TEXT, "", "what was optimised: auc, loss, significance or limit"),
        Column("status", TEXT, "", "'done', 'partial' or 'failed'"),
    ),
)
