"""Scores of many classifiers at once, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models import scoring
from rayscan.models.architectures.linear import LinearClassifier
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.histogram_network import NetworkClassifier
from rayscan.models.networks.inputs import Input
from rayscan.seeds import stream


def network_classifier(examples, seed, *, how="standard", units=(6, 5), outputs=1):
    network = DenseNetwork(64, units, outputs)
    if how == "standard":
        seen = Input.standard(examples.null_mean, examples.null_variance)
    else:
        seen = Input.maximum(64)
    return NetworkClassifier("mlp", (8, 8), network, seen, network.initial(stream(seed, "weights")))


def mixed(examples):
    rng = stream(1, "linear")
    linear = LinearClassifier(
        "linear_svm", (8, 8), "standard", rng.normal(size=(64, 1)), rng.normal(size=1)
    )
    network = ConvolutionNetwork((8, 8), 2, 3, 1)
    weights = network.initial(stream(2, "weights"))
    convolution = NetworkClassifier("cnn", (8, 8), network, Input.maximum(64), weights)
    return [
        network_classifier(examples, 1),
        linear,
        network_classifier(examples, 2, how="maximum"),
        network_classifier(examples, 3),
        convolution,
        network_classifier(examples, 4, units=(9,)),
        network_classifier(examples, 5),
    ]


def test_scores_of_many_are_those_of_each(toy_examples):
    examples = toy_examples()
    classifiers = mixed(examples)
    x, _ = examples.test(2100)  # more than one piece, the last one short
    together = scoring.score_many(classifiers, x)
    assert together.shape == (7, 2100)
    for row, classifier in zip(together, classifiers, strict=True):
        alone = classifier.scores(x)
        # Sums of 64 products of float32: 64 * 2^-24, with room for what layers amplify.
        np.testing.assert_allclose(row, alone, rtol=0, atol=1e-5 * np.abs(alone).max())


def test_single_precision_loses_nothing_of_counts_of_millions(toy_examples):
    """Counts whose differences are far smaller than they are."""
    examples = toy_examples(B=4_000_000_000, S=0)
    classifiers = [network_classifier(examples, seed) for seed in (1, 2)]
    rng = stream(3, "large")
    mean, sigma = examples.null_mean, np.sqrt(examples.null_variance)
    x = np.rint(mean + sigma * rng.normal(size=(50, 64))).astype(np.uint32)
    for row, classifier in zip(scoring.score_many(classifiers, x), classifiers, strict=True):
        alone = classifier.scores(x)
        np.testing.assert_allclose(row, alone, rtol=0, atol=1e-4 * alone.std())


def test_the_folded_layers_are_the_network(toy_examples):
    examples = toy_examples()
    x, _ = examples.test(50)
    for how in ("standard", "maximum"):
        classifier = network_classifier(examples, 1, how=how)
        expected = classifier.network.outputs_of(classifier.weights, classifier.seen.apply(x))
        np.testing.assert_allclose(classifier.scores(x), expected[:, 0], rtol=1e-9, atol=1e-12)


def test_many_classes_keep_their_axis(toy_examples):
    examples = toy_examples()
    x, _ = examples.test(9)
    classifiers = [network_classifier(examples, seed, outputs=3) for seed in (1, 2)]
    assert scoring.score_many(classifiers, x).shape == (2, 9, 3)
    assert classifiers[0].scores(x).shape == (9, 3)


def test_a_histogram_without_events_has_a_score(toy_examples):
    for how in ("standard", "maximum"):
        classifier = network_classifier(toy_examples(), 1, how=how)
        assert np.isfinite(classifier.scores(np.zeros((1, 64), np.uint16))).all()


def test_a_broken_cell_is_seen_even_where_it_has_no_weight(toy_examples):
    weight = np.zeros((64, 1))
    weight[0] = 1.0
    classifier = LinearClassifier("linear_svm", (8, 8), "standard", weight, np.zeros(1))
    x = np.ones((3, 64))
    x[1, 40] = np.nan
    with pytest.raises(DivergedError, match="linear_svm"):
        classifier.scores(x)


def test_a_wrong_shape_is_refused(toy_examples):
    classifiers = [network_classifier(toy_examples(), 1)]
    with pytest.raises(ShapeMismatchError, match="64"):
        scoring.score_many(classifiers, np.zeros((3, 63)))


def test_weights_that_overflow_have_no_score(toy_examples):
    classifier = LinearClassifier(
        "linear_svm", (8, 8), "standard", np.full((64, 1), 1e308), np.zeros(1)
    )
    with pytest.raises(DivergedError, match="a score is not finite"), np.errstate(all="ignore"):
        classifier.scores(np.full((1, 64), 1000))


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from rayscan.models.architectures.registry import load
from rayscan.models.scoring import score_many
classifiers = [load(Path(folder)) for folder in sys.argv[1:]]
print(score_many(classifiers, np.ones((2, 64), np.uint16)).shape)
print(sorted({name.split(".")[0] for name in sys.modules} & {"tensorflow", "keras", "sklearn"}))
"""


def test_loading_and_scoring_import_no_training_library(toy_examples, tmp_path):
    folders = []
    for index, classifier in enumerate(mixed(toy_examples())):
        classifier.save(tmp_path / str(index))
        folders.append(str(tmp_path / str(index)))
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM, *folders],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert out == ["(7, 2)", "[]"]


def test_responses_are_what_one_event_more_in_each_bin_does_to_the_scores(toy_examples):
    examples = toy_examples()
    classifiers = [*mixed(examples), *(network_classifier(examples, k) for k in range(20))]
    middle = examples.null_mean
    found = scoring.responses(classifiers, middle)
    added = np.vstack([middle, middle + np.eye(len(middle))])
    for classifier, values in zip(classifiers, found, strict=True):
        scores = classifier.scores(added)
        # differences of scores in double precision
        scale = np.abs(scores).max()
        np.testing.assert_allclose(values, scores[1:] - scores[0], rtol=0, atol=1e-10 * scale)
