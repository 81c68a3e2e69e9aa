"""The convolutional network against the layers of Keras, and the sizes it accepts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from rayscan.errors import ShapeMismatchError
from rayscan.models.architectures.cnn import CNN
from rayscan.models.contract import Member
from rayscan.models.knobs import PUBLISHED
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.packed import layout
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.models.scoring import responses
from rayscan.models.transfer.pictures import Picture
from rayscan.seeds import stream
from rayscan.stats.auc import difference, estimate
from rayscan.stats.placements import placements


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


def test_padded_convolutions_see_any_two_axes():
    network = ConvolutionNetwork((1, 5), 4, 3, 1, convolutions=3, pools=3, padding="same")
    assert network.stages() == [((1, 5), True), ((1, 3), True), ((1, 2), True)]
    assert network.shapes()[6] == (8, 3)
    with pytest.raises(ShapeMismatchError):
        ConvolutionNetwork((5,), 4, 3, 1, padding="same")


def test_an_architecture_says_what_is_too_small_and_refuses_it_before_it_draws(toy_examples):
    examples, knobs = toy_examples(shape=(6, 8)), {"padding": "valid"}
    assert "at least 7 x 7 bins" in CNN().fits_with((6, 8), CNN().valued(knobs))
    assert CNN().fits_with((6, 8), CNN().valued({})) == ""
    with pytest.raises(ValueError, match="pixels: 6 must be at least 7"):
        CNN().valued({**knobs, "input": "colours", "pixels": 6})
    with pytest.raises(ShapeMismatchError, match="convolutional"):
        CNN().train([Member(examples, knobs)])
    assert not examples.asked


def test_the_network_of_the_slepton_study_has_its_parameters():
    """98 -> 49 -> 47 -> 23 -> 21 -> 10, or 48 -> 46 -> 23 -> 21 -> 10."""
    large, small = (
        CNN().network((50, 50), CNN().valued(CNN().preset(each)), 1)
        for each in ("celik", "celik_50")
    )
    assert large.stages() == [((98, 98), True), ((47, 47), True), ((21, 21), True)]
    assert small.stages() == [((48, 48), False), ((46, 46), True), ((21, 21), True)]
    expected = [(3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (6400, 1024), (1024, 1)]
    for network in (large, small):
        assert network.shapes()[::2] == expected
        assert sum(map(math.prod, network.shapes())) == 6_611_969


def test_it_drops_after_each_convolution_and_before_the_dense_layer():
    values = CNN().valued(CNN().preset("celik_50") | {"filters": 2, "units": 3})
    network = CNN().network((9, 9), values, 1)
    weights = network.initial(stream(1, "weights"))
    x = stream(1, "levels").uniform(0, 255, (1, 4, 81)).astype(np.float32)
    where, asked = layout([0]), []

    def drop(values, layer):
        asked.append((layer, tuple(values.shape)))
        return values * 0.0 if layer == 3 else values

    found = network.logits(network.stack([weights], where), x, where, drop)
    flat = [48 * 48 * 2, 23 * 23 * 4, 10 * 10 * 4, 10 * 10 * 4]
    assert asked == [(layer, (1, 4, size)) for layer, size in enumerate(flat)]
    # Nothing of the picture is left; initial biases are 0.
    np.testing.assert_array_equal(np.array(found), 0.0)
    assert network.hidden == 4


VARIANTS = [
    {},
    {"convolutions": 3, "pools": 2, "activation": "tanh"},
    {"padding": "same", "pooling": "mean", "activation": "tanh", "convolutions": 3, "pools": 3},
    {"padding": "same", "pools": 1},
    {"look": "colours", "pixels": 37, "pooling": "mean"},
    {"look": "channels", "pixels": 31, "padding": "same", "pools": 0},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("shape", [(7, 7), (9, 10), (30, 30)])
def test_outputs_are_those_of_keras_layers(shape, variant):
    import keras

    network = ConvolutionNetwork(shape, 3, 4, 2, **variant)
    rng = stream(1, "convolution", *shape)
    weights = [rng.normal(size=s).astype(np.float32) * 0.3 for s in network.shapes()]
    levels = network.look != ""
    x = (
        rng.uniform(0, 255, (7, math.prod(shape)))
        if levels
        else rng.normal(size=(7, math.prod(shape)))
    )
    seen = x.reshape(7, *shape, 1)
    if levels:
        x = np.rint(x)
        gain = np.ones(math.prod(shape))
        picture = Picture(shape, network.pixels, network.look, 0 * gain, gain)
        seen = picture.of(x) / 255

    pool = (
        keras.layers.MaxPooling2D if network.pooling == "maximum" else keras.layers.AveragePooling2D
    )
    model = keras.Sequential([keras.Input(seen.shape[1:])])
    for stage, (_, pooled) in enumerate(network.stages()):
        filters = 6 if stage else 3
        model.add(
            keras.layers.Conv2D(filters, 3, padding=network.padding, activation=network.activation)
        )
        if pooled:
            model.add(pool(2, padding=network.padding))
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(4, "relu"))
    model.add(keras.layers.Dense(2))
    model.set_weights(weights)
    expected = np.array(model(seen.astype(np.float32)))

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
    kinds: tuple[dict[str, object], ...] = (
        {},
        {"dropped": "convolutions", "input": "colours", "pixels": 9},
    )
    for kind in kinds:
        values = {**knobs, **kind, "learning_rate": 5e-3}
        members = [Member(e, values, k) for k, e in enumerate((shared, own))]
        for member, trained in zip(members, CNN().train(members), strict=True):
            alone = CNN().train([member])[0]
            for a, b in zip(trained.classifier.weights, alone.classifier.weights, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


def test_a_stored_network_that_says_less_is_the_one_there_was_then():
    old = {"shape": [8, 9], "filters": 4, "units": 3, "outputs": 1}
    assert CNN().sizes(old) == ConvolutionNetwork((8, 9), 4, 3, 1)
    new = CNN().network((8, 9), CNN().valued(CNN().preset("celik")), 1)
    assert CNN().sizes(json.loads(json.dumps(new.description()))) == new


def test_a_training_as_published_has_the_key_it_always_had():
    """Of what it can be told now, nothing that older results did not say is part of a key."""
    knobs = CNN().preset("published")
    said = {each for each in knobs if knobs[each] != CNN().knobs.younger.get(each)}
    assert said == set(PUBLISHED) | {"filters", "l2"}


def test_a_picture_is_seen_as_trained_and_changes_with_every_event(toy_examples):
    """A thousand events and more a level: what 8 bits show does not change with one."""
    examples = toy_examples(shape=(6, 6), S=10_000, B=10_000_000)
    knobs = {"input": "colours", "pixels": 12, "epochs": 1, "batch_size": 64}
    trained = CNN().train([Member(examples, knobs, 1)])[0].classifier
    middle = examples.null_mean
    found = responses([trained], middle)[0]
    assert found.shape == (36,)
    assert np.count_nonzero(found) > 30


def test_the_default_learns_full_histograms_within_seconds(toy_examples):
    """100 events a bin, noise of ten: the error is DeLong's, of the same 4,000 histograms."""
    examples = toy_examples(shape=(20, 20), S=600, B=40_000, histograms=4000)
    trained = CNN().train([Member(examples, {"epochs": 4}, 1)])[0].classifier
    ratio = BinnedLikelihoodRatio.from_templates(examples.templates)
    x, labels = examples.test(4000)
    scored = [
        placements(scores[labels == 0], scores[labels == 1])
        for scores in (ratio.scores(x), trained.scores(x))
    ]
    ideal, found = map(estimate, scored)
    assert 0.85 < ideal.auc < 0.97
    assert found.auc - 4 * found.error > 0.95 * ideal.auc
    below = difference(*scored)
    assert below.difference > -4 * below.error
