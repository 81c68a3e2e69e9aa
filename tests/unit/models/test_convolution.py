"""The convolutional network against the layers of Keras, and the sizes it accepts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rayscan.errors import ShapeMismatchError
from rayscan.models.architectures.cnn import CNN
from rayscan.models.contract import Member
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.packed import layout
from rayscan.seeds import stream


def test_the_published_sizes_are_28_14_12_6():
    network = ConvolutionNetwork((30, 30), 32, 20, 1)
    assert network.stages() == [((28, 28), True), ((12, 12), True)]
    assert math.prod(network.shapes()[4]) == 6 * 6 * 64 * 20


def test_the_smallest_histogram_goes_without_pools():
    assert ConvolutionNetwork((5, 5), 4, 3, 1).stages() == [((3, 3), False), ((1, 1), False)]
    assert ConvolutionNetwork((5, 40), 4, 3, 1).stages() == [((3, 38), False), ((1, 36), False)]
    assert ConvolutionNetwork((8, 9), 4, 3, 1).stages() == [((6, 7), True), ((1, 1), False)]


@pytest.mark.parametrize("shape", [(4, 30), (30, 4), (900,), (1, 1), (5, 5, 5)])
def test_a_histogram_that_is_too_small_is_refused(shape):
    with pytest.raises(ShapeMismatchError, match="5 or more"):
        ConvolutionNetwork(shape, 4, 3, 1)


def test_an_architecture_refuses_before_it_draws(toy_examples):
    examples = toy_examples(shape=(4, 8))
    with pytest.raises(ShapeMismatchError, match="convolutional"):
        CNN().train([Member(examples)])
    assert not examples.asked


@pytest.mark.parametrize("shape", [(5, 5), (8, 9), (13, 10), (30, 30)])
def test_outputs_are_those_of_keras_layers(shape):
    import keras

    network = ConvolutionNetwork(shape, 3, 4, 2)
    rng = stream(1, "convolution", *shape)
    weights = [rng.normal(size=s).astype(np.float32) * 0.3 for s in network.shapes()]
    x = rng.normal(size=(7, math.prod(shape)))

    model = keras.Sequential([keras.Input((*shape, 1))])
    for filters, (_, pooled) in zip((3, 6), network.stages(), strict=True):
        model.add(keras.layers.Conv2D(filters, 3, activation="relu"))
        if pooled:
            model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(4, "relu"))
    model.add(keras.layers.Dense(2))
    model.set_weights(weights)
    expected = np.array(model(x.reshape(7, *shape, 1).astype(np.float32)))

    scale = np.abs(expected).max()
    np.testing.assert_allclose(network.outputs_of(weights, x), expected, atol=1e-5 * scale)
    where = layout([0, 0])
    stacked = network.stack([weights, weights], where)
    packed = np.array(network.logits(stacked, x[None].astype(np.float32), where, None))
    np.testing.assert_allclose(packed, np.stack([expected] * 2), atol=1e-5 * scale)
    assert network.outputs_of(weights, x[:0]).shape == (0, 2)


def test_a_pack_gives_what_separate_training_gives(toy_examples):
    knobs = {"epochs": 3, "filters": 2, "units": 3, "batch_size": 128, "dropout": 0.2}
    shared, own = toy_examples(shape=(6, 6)), toy_examples(shape=(6, 6), seed=2)
    members = [Member(e, {**knobs, "learning_rate": 5e-3}, k) for k, e in enumerate((shared, own))]
    packed = CNN().train(members)
    for member, trained in zip(members, packed, strict=True):
        alone = CNN().train([member])[0]
        for a, b in zip(trained.classifier.weights, alone.classifier.weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)
