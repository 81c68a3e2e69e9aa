"""Components and fits through one Gram matrix, against scikit-learn's pipelines on the columns."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from rayscan.models.networks.inputs import Input
from rayscan.models.transfer import gram
from rayscan.models.transfer.classifier import Kernel, Plane, Rows
from rayscan.models.transfer.features import OfPixels
from rayscan.models.transfer.gram import Components
from rayscan.seeds import stream

PENALTIES = (0.03, 3.0)


def features(rows=120, columns=700, size=1.0, seed=1):
    """Two classes of an AUC of about 0.8, with a large common mean, as float32."""
    rng = stream(seed, "features")
    labels = np.repeat([0, 1], rows // 2)
    shift = rng.normal(size=columns) * 1.2 / np.sqrt(columns)
    x = 5.0 + rng.normal(size=(rows, columns)) + np.outer(labels, shift)
    return (size * x).astype(np.float32), labels


def head(how, C):
    if how == "logistic_regression":
        return LogisticRegression(C=C, class_weight="balanced", max_iter=1000)
    kernel = {"linear_svm": "linear", "rbf_svm": "rbf"}[how]
    return SVC(kernel=kernel, C=C, class_weight="balanced", gamma=1.0)


def plain(x, labels, train, how, C, components, scale):
    """PCA of the training rows, and what is fitted to it, on the columns themselves."""
    factor = 1.0
    if scale == "unit":
        centred = x[train] - x[train].mean(axis=0)
        factor = np.sqrt(len(train) / (centred**2).sum())
    count = min(components, len(train) - 1)
    pipeline = make_pipeline(PCA(count, svd_solver="full"), head(how, C))
    return pipeline.fit(factor * x[train], labels[train]), factor


@pytest.mark.parametrize("scale", ["unit", "none"])
@pytest.mark.parametrize("components", [10, 2000])
@pytest.mark.parametrize("how", ["logistic_regression", "linear_svm", "rbf_svm"])
def test_areas_over_folds_and_penalties_are_those_of_pipelines(how, components, scale):
    x, labels = features(size=0.05 if scale == "none" else 1e-12)
    exact = x.astype(np.float64)
    folds = list(RepeatedStratifiedKFold(n_splits=3, n_repeats=1, random_state=1).split(x, labels))
    rows = Rows.of([x[:60], x[60:]])
    products = gram.gram(rows.blocks, rows.shift)
    heads = [gram.Head(how=how, C=C, components=components, scale=scale) for C in PENALTIES]
    found = gram.fold_scores(products, labels, folds, heads)
    for each, C in zip(found, PENALTIES, strict=True):
        for scores, (train, test) in zip(each, folds, strict=True):
            pipeline, factor = plain(exact, labels, train, how, C, components, scale)
            expected = roc_auc_score(labels[test], pipeline.decision_function(factor * exact[test]))
            assert roc_auc_score(labels[test], scores) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("how", ["logistic_regression", "linear_svm", "rbf_svm"])
def test_what_is_stored_scores_features_as_the_pipeline_does(how):
    x, labels = features()
    exact, train = x.astype(np.float64), np.arange(0, 120, 2)
    pipeline, factor = plain(exact, labels, train, how, 3.0, 15, "unit")
    expected = pipeline.decision_function(factor * exact)
    rows = Rows.of([x[train][labels[train] == k] for k in (0, 1)])
    fitted = Components.of(gram.gram(rows.blocks, rows.shift), 15)
    found = gram.fit(fitted.rows, labels[train], how=how, C=3.0)
    radial = how == "rbf_svm"
    as_they_are = OfPixels(Input("standard", np.zeros(x.shape[1]), np.ones(x.shape[1])))
    kernel = Kernel(rows.blocks, as_they_are, fitted, found) if radial else None
    told = kernel or Plane.of(fitted, found, rows)
    # libsvm and L-BFGS stop at gradients of 1e-3 and 1e-4.
    np.testing.assert_allclose(told.scores(x), expected, atol=2e-3)
    step = 1e-3 * np.sign(told.weight_at(x[0]))
    slope = (told.scores(exact[:1] + step) - told.scores(exact[:1] - step))[0] / 2
    assert told.weight_at(exact[0]) @ step == pytest.approx(slope, rel=1e-4)


def test_components_are_as_many_as_there_are_and_of_unit_mean_square():
    x, _ = features(rows=20)
    rows = Rows.of([x])
    fitted = Components.of(gram.gram(rows.blocks, rows.shift), 2000)
    assert fitted.rows.shape == (20, 19)
    assert (fitted.rows**2).sum() / 20 == pytest.approx(1)
    np.testing.assert_allclose(fitted.rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(fitted.seen(gram.gram([x], rows.shift)), fitted.rows, atol=1e-9)
    few = Components.of(gram.gram(rows.blocks, rows.shift), 3)
    np.testing.assert_allclose(few.rows, fitted.rows[:, :3])


def test_rows_that_are_all_alike_have_no_component():
    same = np.ones((6, 50), np.float32)
    fitted = Components.of(gram.gram([same], np.zeros(50)), 10)
    assert fitted.rows.shape == (6, 0)
