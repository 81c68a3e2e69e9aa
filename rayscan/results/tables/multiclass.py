"""Table `multiclass`: what histograms count for in classifiers of several classes."""

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
    mixture,
)

MULTICLASS = TableLayout(
    name="multiclass",
    row="one multiclass classifier, histograms of one process at one strength, and a class",
    key=("trial", "test_signal", "test_background", "true_process", "predicted"),
    order=(
        *("point", "repeat", "fold"),
        *("test_signal", "test_background", "true_process", "predicted"),
    ),
    columns=(
        *TRAINED,
        LABEL,
        Column("selected", BOOL, "", "a repeat with fixed hyperparameters, or the best of search"),
        STRENGTH,
        *mixture("test", "in the test"),
        Column("true_process", TEXT, "", "signal in the histograms; 'SM': background only"),
        Column("true_is_class", BOOL, "", "True if it is a class, False if it was not trained on"),
        Column("predicted", TEXT, "", "a class: 'SM', a signal, or 'undecided' (no class)"),
        Column("counts", INT, "", "histograms whose likeliest class this is, above threshold"),
        Column("share", REAL, "", "counts / histograms"),
        Column("mean_probability", REAL, "", "mean probability of the class; not of 'undecided'"),
        Column("auc", REAL, "", "class against all others; where true_process is predicted"),
        Column("auc_error", REAL, "", "its standard error from the finite test set (DeLong 1988)"),
        Column("auc_likelihood_ratio", REAL, "", "the same of the training templates' likelihoods"),
        Column("auc_likelihood_ratio_error", REAL, "", "its standard error (DeLong 1988)"),
        Column("n_classes", INT, "", "classes, 'SM' among them"),
        Column("threshold", REAL, "", "probability above which a histogram counts: 2 / n_classes"),
        Column("histograms", INT, "", "test ensembles of each process"),
        *UNCERTAIN,
        Column("pool_mode", TEXT, "", "'disjoint' pools, or the published 'shared_pool'"),
    ),
)
