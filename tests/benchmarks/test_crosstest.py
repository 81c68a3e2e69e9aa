"""Cross-test of 120 networks on one test set, against keras.predict and scikit-learn's AUC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import truth

from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.histogram_network import NetworkClassifier
from rayscan.models.networks.inputs import Input
from rayscan.models.scoring import score_many
from rayscan.seeds import stream
from rayscan.stats.auc import auc

MEMBERS, ASKED = 120, 3
HISTOGRAMS = 10_000  # per class; the published sets hold 20,000
NETWORK = DenseNetwork(900, (20, 20), 1)


@pytest.fixture(scope="module")
def counts():
    """Background moments and test histograms of the monojet toy."""
    toy = truth.Toy()
    test = truth.HeldOut.drawn(toy, 1.0, HISTOGRAMS)
    sampler = toy.ensembles(1.0, "train")
    return sampler.null_mean, np.concatenate([test.null, test.alternative])


@pytest.fixture(scope="module")
def classifiers(counts):
    seen = Input.standard(counts[0], counts[0])
    return [
        NetworkClassifier("mlp", (30, 30), NETWORK, seen, NETWORK.initial(stream(k, "weights")))
        for k in range(MEMBERS)
    ]


def keras_twin(classifier: NetworkClassifier):
    import keras

    layers = [keras.layers.Dense(20, "relu") for _ in range(2)]
    model = keras.Sequential(
        [keras.Input((900,)), *layers, keras.layers.Dense(1, activation="sigmoid")]
    )
    model.set_weights(classifier.weights)
    return model


def test_120_members_on_one_test_set(benchmark, medians, table, counts, classifiers):
    from sklearn.metrics import roc_auc_score

    mean, x = counts
    labels = np.repeat([0, 1], HISTOGRAMS)
    standardised = Input.standard(mean, mean).apply(x).astype(np.float32)
    models = [keras_twin(classifier) for classifier in classifiers[:ASKED]]
    for model in models:
        model.predict(standardised[:64], verbose=0)  # traces
    found: list[Any] = []
    expected: list[Any] = []
    scores: list[Any] = []

    def ours() -> None:
        rows = score_many(classifiers, x)
        found[:] = [auc(row[:HISTOGRAMS], row[HISTOGRAMS:]) for row in rows]

    def plain() -> None:
        scores[:] = [model.predict(standardised, verbose=0)[:, 0] for model in models]
        expected[:] = [roc_auc_score(labels, row) for row in scores]

    mine, theirs = medians(ours, plain)
    benchmark.pedantic(ours, rounds=1)
    same = [auc(row[:HISTOGRAMS], row[HISTOGRAMS:]) for row in scores]
    np.testing.assert_allclose(same, expected, rtol=0, atol=1e-12)
    # Keras scores in float32 and squashes: neighbours among 20,000 scores may change places.
    np.testing.assert_allclose(found[:ASKED], expected, rtol=0, atol=1e-5)
    table.add(
        f"cross-test {MEMBERS} members, {2 * HISTOGRAMS:,} histograms, per pair",
        plain=1e3 * theirs / ASKED,
        product=1e3 * mine / MEMBERS,
        unit="ms",
        goal=100,
        equal=f"AUC of equal scores to {np.abs(np.subtract(same, expected)).max():.0e}",
    )
