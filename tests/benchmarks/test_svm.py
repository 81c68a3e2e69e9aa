"""A linear SVM over folds and C through one Gram matrix, against scikit-learn on the columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rayscan.models.architectures.linear_svm import LinearSVM
from rayscan.models.contract import Member
from rayscan.models.folds import Folds
from rayscan.seeds import stream
from rayscan.stats.auc import auc

HISTOGRAMS, FITS = 2_000, 50
PENALTIES = (1e-4, 1e-2)
FOLDS = Folds(folds=5, repeats=5, stratified=True, seed=1)


class Given:
    """A set that needs no standardisation."""

    n_classes, templates = 2, None

    def __init__(self, x: Any, labels: Any) -> None:
        self._set, self.shape = (x, labels), (x.shape[1],)
        self.null_mean, self.null_variance = np.zeros(x.shape[1]), np.ones(x.shape[1])

    def training(self, epoch: int) -> Any:
        return self._set

    def validation(self) -> Any:
        return self._set[0][:20], self._set[1][:20]


@pytest.mark.parametrize(("columns", "asked", "goal"), [(2_500, 2, 25), (20_000, 1, 150)])
def test_50_fits_over_folds_and_penalties(benchmark, medians, table, columns, asked, goal):
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import RepeatedStratifiedKFold
    from sklearn.svm import SVC

    rng = stream(1, "svm", columns)
    labels = np.arange(HISTOGRAMS) % 2
    # An AUC of about 0.9, the same at any number of columns.
    shift = rng.normal(size=columns) * 2.0 / np.sqrt(columns)
    x = rng.normal(size=(HISTOGRAMS, columns)) + np.outer(labels, shift)
    splitter = RepeatedStratifiedKFold(n_splits=5, n_repeats=5, random_state=1)
    folds = list(splitter.split(x, labels))
    found: dict[str, Any] = {}
    expected: list[Any] = []

    def ours() -> None:
        examples: Any = Given(x, labels)
        members = [Member(examples, {"C": C}) for C in PENALTIES]
        trained: Any = LinearSVM().train_with_folds(members, FOLDS)
        parts = [each.left_out.parts() for each in trained]
        found["aucs"] = np.array([[auc(zero, one) for *_, zero, one in own] for own in parts])

    def plain() -> None:
        expected.clear()
        for train, test in folds[:asked]:
            fit = SVC(kernel="linear", C=PENALTIES[0]).fit(x[train], labels[train])
            expected.append(roc_auc_score(labels[test], fit.decision_function(x[test])))

    mine, theirs = medians(ours, plain)
    benchmark.pedantic(ours, rounds=1)
    assert found["aucs"].size == FITS
    # To the solver's tolerance: two of 200 x 200 pairs may change places.
    np.testing.assert_allclose(found["aucs"][0, :asked], expected, rtol=0, atol=2 / 200**2)
    table.add(
        f"linear SVM, {FITS} fits on {HISTOGRAMS:,} histograms, {columns:,} columns",
        plain=FITS * theirs / asked,
        product=mine,
        unit="s",
        goal=goal,
        equal=f"AUC to {np.abs(found['aucs'][0, :asked] - expected).max():.0e}",
    )
    if asked == 1:
        table.note(f"linear SVM on {columns:,} columns: one plain fit timed, times {FITS}")
