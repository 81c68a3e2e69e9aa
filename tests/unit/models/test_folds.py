"""Folds of frozen sets: scikit-learn's cross-validation is the referee."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from rayscan.errors import DivergedError
from rayscan.models.architectures.base import Architecture
from rayscan.models.architectures.registry import architecture
from rayscan.models.contract import Member
from rayscan.models.folds import FILE, Folds, LeftOut
from rayscan.stats.auc import auc

FOLDS = Folds(folds=4, repeats=2, stratified=False, seed=3)


def areas(left_out):
    return [auc(zero, one) for _, _, zero, one in left_out.parts()]


def svm(C):
    return SVC(kernel="linear", C=C, class_weight="balanced")


def regression(C):
    return LogisticRegression(C=C, class_weight="balanced", max_iter=1000)


def lasso(C):
    return LogisticRegression(
        C=C,
        l1_ratio=1.0,
        solver="liblinear",
        class_weight="balanced",
        max_iter=1000,
        random_state=0,
    )


class Changed:
    """Examples with another training set."""

    def __init__(self, inner, change):
        self._inner, self._change = inner, change

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def training(self, epoch):
        return self._change(*self._inner.training(epoch))


def by_class(x, labels):
    """As sets of two classes are drawn."""
    order = np.argsort(labels, kind="stable")
    return x[order], labels[order]


def guessed(x, labels):
    """Labels at random."""
    return x, np.random.default_rng(5).permutation(labels)


PIXELS = {"backbone": "pixels", "scale": "none", "components": 2000}
CASES = [
    ("linear_svm", {}, svm),
    ("logistic_regression", {}, regression),
    ("logistic_regression", {"penalty": "l1"}, lasso),
    # Of no more components than there are the principal ones are a rotation.
    ("transfer", PIXELS, svm),
    ("transfer", {**PIXELS, "classifier": "logistic_regression"}, regression),
    ("transfer", {**PIXELS, "components": 5}, lambda C: make_pipeline(PCA(5), svm(C))),
]


@pytest.mark.parametrize(("name", "knobs", "plain"), CASES)
def test_every_fold_has_the_area_of_cross_validation_on_the_columns(
    toy_examples, name, knobs, plain
):
    examples = Changed(toy_examples(histograms=120), by_class)
    penalties = (1e-3, 1.0)
    members = [Member(examples, {**knobs, "C": C}) for C in penalties]
    trained = architecture(name).train_with_folds(members, FOLDS)
    x, labels = examples.training(0)
    seen = (x - examples.null_mean) / np.sqrt(examples.null_variance)
    cv = RepeatedKFold(n_splits=4, n_repeats=2, random_state=3)
    for each, C in zip(trained, penalties, strict=True):
        expected = cross_val_score(plain(C), seen, labels, cv=cv, scoring="roc_auc")
        # Of 30 histograms an area is a multiple of about 1/225: to 1e-6 is in the same order.
        np.testing.assert_array_equal(each.left_out.labels, labels)
        assert areas(each.left_out) == pytest.approx(expected, abs=1e-6)


def test_stratified_parts_have_as_many_of_each_class_and_all_is_left_out_once(toy_examples):
    x, labels = toy_examples(histograms=100).training(0)
    folds = Folds(folds=5, repeats=3, stratified=True, seed=1)
    left_out = LeftOut.of(labels, folds, [np.zeros(len(out)) for _, out in folds.of(labels)])
    parts = list(left_out.parts())
    assert [(repeat, part) for repeat, part, _, _ in parts] == [
        (repeat, part) for repeat in range(3) for part in range(5)
    ]
    assert {(len(zero), len(one)) for _, _, zero, one in parts} == {(10, 10)}
    splitter = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=1)
    for (train, out), (own, other) in zip(splitter.split(x, labels), folds.of(labels), strict=True):
        np.testing.assert_array_equal(train, own)
        np.testing.assert_array_equal(out, other)


@pytest.mark.parametrize(
    ("name", "knobs"), [("linear_svm", {"C": 1.0}), ("transfer", {"backbone": "pixels"})]
)
def test_labels_at_random_are_learned_by_heart_and_not_seen_in_what_is_left_out(
    toy_examples, name, knobs
):
    """Fewer histograms than the 64 bins: any labels are those of a plane."""
    examples = Changed(toy_examples(histograms=60, S=0), guessed)
    folds = Folds(folds=3, repeats=10, stratified=True, seed=1)
    (trained,) = architecture(name).train_with_folds([Member(examples, knobs)], folds)
    x, labels = examples.training(0)
    scores = trained.classifier.scores(x)
    assert auc(scores[labels == 0], scores[labels == 1]) > 0.95
    # An area of 30 against 30 without difference has a sigma of sqrt(61 / (12 30 30)) = 0.075.
    assert abs(np.mean(areas(trained.left_out)) - 0.5) < 3 * 0.075


def test_training_anew_without_each_fold_gives_the_scores_of_one_matrix(toy_examples):
    members = [Member(toy_examples(histograms=90), {"C": C}) for C in (1e-3, 1.0)]
    own = architecture("linear_svm")
    quick = own.train_with_folds(members, FOLDS)
    plain = Architecture.train_with_folds(own, members, FOLDS)
    for one, other in zip(quick, plain, strict=True):
        np.testing.assert_allclose(one.left_out.scores, other.left_out.scores, atol=1e-6)


@pytest.mark.slow
def test_a_network_of_a_frozen_set_is_trained_without_each_fold(toy_examples):
    knobs = {"refresh": "never", "epochs": 4, "patience": 4, "learning_rate": 1e-2}
    folds = Folds(folds=2, repeats=1, stratified=True, seed=1)
    examples = toy_examples(histograms=200)
    (trained,) = architecture("mlp").train_with_folds([Member(examples, knobs, seed=2)], folds)
    x, labels = examples.training(0)
    for train, out in folds.of(labels):
        few = Changed(examples, lambda x, labels, rows=train: (x[rows], labels[rows]))
        (fit,) = architecture("mlp").train([Member(few, knobs, seed=2)])
        expected = fit.classifier.scores(x[out])
        np.testing.assert_allclose(trained.left_out.scores[0, out], expected, rtol=1e-5)


def test_a_set_that_cannot_be_fitted_is_told_as_a_value(toy_examples):
    member = Member(toy_examples(bad=np.nan), {})
    for name in ("linear_svm", "transfer"):
        knobs = {"backbone": "pixels"} if name == "transfer" else {}
        found = architecture(name).train_with_folds([Member(member.examples, knobs)], FOLDS)
        assert isinstance(found[0], DivergedError)


def test_what_is_stored_is_what_was_left_out(tmp_path, toy_examples):
    (trained,) = architecture("linear_svm").train_with_folds([Member(toy_examples())], FOLDS)
    trained.left_out.save(tmp_path)
    again = LeftOut.stored((tmp_path / FILE).read_bytes())
    for name in ("labels", "fold", "scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(trained.left_out, name))


def test_only_what_learns_from_one_set_is_frozen():
    said = {
        "mlp": {"refresh": "never"},
        "cnn": {"refresh": "never"},
        "linear_svm": {"draws": 3},
        "transfer": {},
    }
    for name, knobs in said.items():
        assert architecture(name).frozen(architecture(name).valued(knobs))
    for name in ("mlp", "cnn", "likelihood_ratio", "event_mlp"):
        assert not architecture(name).frozen(architecture(name).valued({}))
