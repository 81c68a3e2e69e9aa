"""Fits of features through one Gram matrix, against scikit-learn on the columns."""

from __future__ import annotations

import time

import numpy as np

from rayscan.models.transfer import gram
from rayscan.models.transfer.classifier import Rows
from rayscan.seeds import stream

HISTOGRAMS = 1_000
PENALTIES = (0.01, 0.1, 1.0, 10.0)
FEW, MANY = 2_500, 100_352  # pixels, and features of ResNet50


def features(columns):
    """An AUC of about 0.9 at any number of columns, single precision as networks give them."""
    rng = stream(1, "features", columns)
    labels = np.repeat([0, 1], HISTOGRAMS // 2)
    shift = (rng.normal(size=columns) * 2.0 / np.sqrt(columns)).astype(np.float32)
    x = rng.standard_normal((HISTOGRAMS, columns), np.float32) + labels[:, None] * shift
    return x, labels


def test_25_folds_of_4_penalties(benchmark, table):
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import RepeatedStratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    splitter = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=1)
    products, found = {}, {}
    fits: dict[int, list[float]] = {FEW: [], MANY: []}
    for columns in (FEW, MANY):
        x, labels = features(columns)
        started = time.process_time()
        rows = Rows.of([x])
        products[columns] = gram.gram(rows.blocks, rows.shift), time.process_time() - started
    folds = list(splitter.split(x, labels))
    heads = [gram.Head(how="linear_svm", C=C) for C in PENALTIES]
    for columns in (FEW, MANY, FEW, MANY):
        started = time.process_time()
        scores = gram.fold_scores(products[columns][0], labels, folds, heads)
        found[columns] = roc_auc_score(labels[folds[0][1]], scores[0][0])
        fits[columns].append(time.process_time() - started)
    train, test = folds[0]
    factor = np.sqrt(len(train) / ((x[train] - x[train].mean(axis=0)) ** 2).sum())
    started = time.process_time()
    plain = make_pipeline(PCA(799, svd_solver="full"), SVC(kernel="linear", C=PENALTIES[0]))
    plain.fit(factor * x[train], labels[train])
    expected = roc_auc_score(labels[test], plain.decision_function(factor * x[test]))
    one = time.process_time() - started
    few, many = min(fits[FEW]), min(fits[MANY])
    benchmark.pedantic(lambda: gram.gram([x[:, :FEW]], np.zeros(FEW)), rounds=1)
    # To the solver's tolerance: two of 100 x 100 pairs may change places.
    assert abs(found[MANY] - expected) <= 2 / 100**2
    made = products[MANY][1]
    table.add(
        f"PCA and linear SVM, 25 folds x 4 penalties, {HISTOGRAMS:,} histograms, {MANY:,} columns",
        plain=100 * one,
        product=many + made,
        unit="s",
        goal=100,
        equal=f"AUC to {abs(found[MANY] - expected):.0e}",
    )
    table.add(
        f"the same fits, {MANY:,} over {FEW:,} columns", product=many / few, unit="", goal=1.2
    )
    table.note(f"inner products of {MANY:,} columns: {made:.1f} s; one plain fit timed, times 100")
