"""Linear classifiers against scikit-learn on the standardised counts."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.models.architectures.linear_svm import LinearSVM
from rayscan.models.architectures.logistic_regression import LogisticRegression
from rayscan.models.contract import Member


def standardised(examples, x):
    return (x - examples.null_mean) / np.sqrt(examples.null_variance)


def test_logistic_regression_scores_raw_counts_as_scikit_learn_does_standardised_ones(toy_examples):
    from sklearn.linear_model import LogisticRegression as Reference

    examples = toy_examples()
    trained = LogisticRegression().train([Member(examples, {"C": 1e-3})])[0]
    x, labels = examples.training(0)
    reference = Reference(C=1e-3, max_iter=1000, class_weight="balanced")
    reference.fit(standardised(examples, x), labels)
    test, _ = examples.test(100)
    np.testing.assert_allclose(
        trained.classifier.scores(test),
        reference.decision_function(standardised(examples, test)),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_l1_penalty_is_that_of_liblinear_one_class_against_the_rest(toy_examples, n_classes):
    from sklearn.linear_model import LogisticRegression as Reference

    examples = toy_examples(n_classes=n_classes)
    knobs = {"C": 0.1, "penalty": "l1"}
    (trained,) = LogisticRegression().train([Member(examples, knobs)])
    assert 0 < (trained.classifier.weight != 0).mean() < 0.9  # an L2 penalty leaves no zero
    x, labels = examples.training(0)
    test, _ = examples.test(60)
    scores = trained.classifier.scores(test).reshape(60, -1)
    for column, k in enumerate([1] if n_classes == 2 else [0, 1, 2]):
        reference = Reference(
            C=0.1, l1_ratio=1.0, solver="liblinear", class_weight="balanced", random_state=0
        )
        reference.fit(standardised(examples, x), labels == k)
        expected = reference.decision_function(standardised(examples, test))
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_svm_through_its_gram_matrix_is_the_linear_svm(toy_examples, n_classes):
    from sklearn.svm import SVC

    examples = toy_examples(n_classes=n_classes, histograms=240)
    trained = LinearSVM().train([Member(examples, {"C": 1e-2})])[0]
    x, labels = examples.training(0)
    test, _ = examples.test(60)
    scores = trained.classifier.scores(test).reshape(60, -1)
    for column, k in enumerate([1] if n_classes == 2 else [0, 1, 2]):
        reference = SVC(kernel="linear", C=1e-2, class_weight="balanced")
        reference.fit(standardised(examples, x), labels == k)
        expected = reference.decision_function(standardised(examples, test))
        np.testing.assert_allclose(scores[:, column], expected, rtol=1e-6, atol=1e-6)


def test_counts_over_their_maximum_know_no_scale(toy_examples):
    examples = toy_examples()
    knobs = {"input": "maximum", "C": 1.0}
    trained = LogisticRegression().train([Member(examples, knobs)])[0]
    x, _ = examples.test(50)
    scores = trained.classifier.scores(x)
    np.testing.assert_allclose(trained.classifier.scores(3 * x.astype(np.int64)), scores)


def test_more_draws_are_fitted_at_once_and_shared(toy_examples):
    examples = toy_examples()
    members = [Member(examples, {"draws": 3, "C": C}) for C in (1e-4, 1e-3)]
    trained = LogisticRegression().train(members)
    assert examples.asked == [0, 1, 2]
    assert trained[0].history["validation_auc"] != []
    assert np.any(trained[0].classifier.weight != trained[1].classifier.weight)


def test_the_svm_takes_no_more_histograms_than_asked(toy_examples):
    """The first 100 of 400 alternating labels are those of a set of 100."""
    trained = LinearSVM().train([Member(toy_examples(), {"histograms": 100, "C": 1e-2})])[0]
    examples = toy_examples()
    x, labels = examples.training(0)
    from sklearn.svm import SVC

    reference = SVC(kernel="linear", C=1e-2).fit(standardised(examples, x[:100]), labels[:100])
    test, _ = examples.test(60)
    expected = reference.decision_function(standardised(examples, test))
    np.testing.assert_allclose(trained.classifier.scores(test), expected, rtol=1e-6, atol=1e-6)
