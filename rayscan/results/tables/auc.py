"""Table `auc`: every classifier on every test set, beside the ceiling."""

from __future__ import annotations

from rayscan.results.tables.base import (
    BOOL,
    INT,
    LABEL,
    REAL,
    STRENGTH,
    TEXT,
    TRAINED,
    UNCERTAIN,
    Column,
    TableLayout,
    decisions,
    mixture,
)

AUC = TableLayout(
    name="auc",
    row="one classifier on the test ensembles of one benchmark at one strength",
    key=("trial", "test_benchmark", "test_signal", "test_background"),
    order=("point", "repeat", "fold", "test_benchmark", "test_signal", "test_background"),
    columns=(
        *TRAINED,
        LABEL,
        Column(
            "selected", BOOL, "", "a repeat with fixed hyperparameters, or the best of a search"
        ),
        Column("test_benchmark", TEXT, "", "signal process in the test ensembles"),
        Column("test_against", TEXT, "", "signal in class 0 of the test; missing: background only"),
        STRENGTH,
        *mixture("test", "in the test"),
        Column("auc", REAL, "", "area under the ROC curve, S+B against class 0"),
        Column("auc_error", REAL, "", "its standard error from the finite test set (DeLong 1988)"),
        Column(
            "auc_total_error", REAL, "", "its standard error from test set and finite test pools"
        ),
        *decisions("", "score 0: probability 1/2 where scores are log-odds, the margin of an SVM"),
        Column(
            "threshold_validated",
            REAL,
            "",
            "score between both classes of validation ensembles of the same test, as many standard "
            "deviations from either mean; not of single events",
        ),
        *decisions("_validated", "`threshold_validated`"),
        Column(
            "auc_event", REAL, "", "AUC of single events, of networks of single events: any S, B"
        ),
        Column("auc_event_error", REAL, "", "its standard error (DeLong 1988)"),
        Column(
            "auc_ceiling",
            REAL,
            "",
            "AUC of the best possible classifier; low where pools leave bins empty",
        ),
        Column(
            "auc_ceiling_error",
            REAL,
            "",
            "its standard error on this very test pool, with half of the next order in the noise",
        ),
        Column(
            "auc_ceiling_total_error", REAL, "", "the same with what another test pool would give"
        ),
        Column("ceiling_kind", TEXT, "", "where the ceiling's templates come from"),
        Column("auc_likelihood_ratio", REAL, "", "AUC of the training templates' likelihood ratio"),
        Column("auc_likelihood_ratio_error", REAL, "", "its standard error (DeLong 1988)"),
        Column(
            "auc_closed_form",
            REAL,
            "",
            "Phi(dmu / sqrt(V0 + V1)) of the same ratio; of the best linear statistic if uncertain",
        ),
        Column("auc_closed_form_error", REAL, "", "its error from the finite pools"),
        Column(
            "separation_k",
            REAL,
            "",
            "k of AUC = Phi(k x / sqrt 2), x = S/sqrt(S+B), background known",
        ),
        Column("separation_k_error", REAL, "", "its error from the finite pools"),
        Column(
            "auc_over_ceiling_error",
            REAL,
            "",
            "error of auc - auc_ceiling: they share test set and pools; not of events and items",
        ),
        Column(
            "auc_over_ceiling_sigma",
            REAL,
            "",
            "(auc - auc_ceiling) / auc_over_ceiling_error; not of events and items",
        ),
        Column(
            "auc_unseen",
            REAL,
            "",
            "AUC of the same classifier on the part kept out of a shared pool, or, if it is above "
            "the ceiling or has artefacts, on validation events without these; missing otherwise",
        ),
        Column("auc_unseen_total_error", REAL, "", "its standard error, of that part too"),
        Column("leakage_sigma", REAL, "", "(auc - auc_unseen) / error; missing without auc_unseen"),
        Column(
            "leakage_flag",
            BOOL,
            "",
            "above the ceiling (not of events and items) by 4 sigma, and above auc_unseen by 2; "
            "or, of a shared pool, above auc_unseen by 4; or with artefacts",
        ),
        Column("pool_mode", TEXT, "", "'disjoint' pools, or the published 'shared_pool'"),
        Column("histograms", INT, "", "test ensembles per class"),
        *UNCERTAIN,
        Column("background_pool", INT, "events", "test-pool background events inside the binning"),
        Column(
            "background_pool_effective",
            REAL,
            "events",
            "events of one pool as uncertain as all backgrounds, mixed by yield",
        ),
        Column("signal_pool", INT, "events", "test-pool signal events inside the binning"),
        Column("draw_fraction", REAL, "", "largest n/N of a draw from a pool"),
        Column("draw_warning", BOOL, "", "True if n/N > 0.1: fluctuations are understated"),
        Column(
            "reuse_factor", REAL, "", "ensembles that hold a background event, mean over all drawn"
        ),
        Column(
            "signal_in_empty_cells",
            REAL,
            "",
            "share of signal in bins with less than half an event of `background_pool_effective`",
        ),
    ),
)
