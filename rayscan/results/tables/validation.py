"""Table `validation`: every fold of a frozen training set, the published protocol."""

from __future__ import annotations

from rayscan.results.tables.base import (
    BOOL,
    CURVE,
    INT,
    LABEL,
    REAL,
    TEXT,
    TRAINED,
    Column,
    TableLayout,
    decisions,
)

VALIDATION = TableLayout(
    name="validation",
    row="one fold of the training histograms, scored by a classifier trained on the others",
    key=("trial", "validation_repeat", "validation_fold"),
    order=("point", "repeat", "fold", "validation_repeat", "validation_fold"),
    columns=(
        *TRAINED,
        LABEL,
        Column(
            "selected", BOOL, "", "a repeat with fixed hyperparameters, or the best of a search"
        ),
        Column("validation_repeat", INT, "", "number of the division of the set, from 0"),
        Column("validation_fold", INT, "", "number of the part that is left out, from 0"),
        Column("trained_on", INT, "", "histograms of all other parts"),
        Column("histograms", INT, "", "histograms of this part"),
        Column(
            "auc",
            REAL,
            "",
            "area under its ROC curve; missing where it has fewer than two histograms of a class",
        ),
        Column("false_positive_rate", CURVE, "", "its ROC curve: class 0 above thresholds"),
        Column("true_positive_rate", CURVE, "", "share of class 1 above them, as in `roc`"),
        Column("auc_error", REAL, "", "its standard error from so many histograms (DeLong 1988)"),
        *decisions("", "score 0: probability 1/2 where scores are log-odds, the margin of an SVM"),
        Column(
            "auc_ceiling",
            REAL,
            "",
            "AUC of the best possible classifier on events of the test pool, as in `auc`",
        ),
        Column("auc_ceiling_error", REAL, "", "its standard error on this very test pool"),
        Column(
            "auc_ceiling_total_error", REAL, "", "the same with what another test pool would give"
        ),
        Column("ceiling_kind", TEXT, "", "where the ceiling's templates come from"),
        Column(
            "mean_over_ceiling_sigma",
            REAL,
            "",
            "(mean auc of all folds of the trial - auc_ceiling) / error, equal in all its rows",
        ),
        Column("leakage_flag", BOOL, "", "that mean is above the ceiling by more than 4 sigma"),
        Column(
            "pool_mode",
            TEXT,
            "",
            "always 'shared_pool': all parts are drawn from the same events, of the training pool",
        ),
    ),
)
