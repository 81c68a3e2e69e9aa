"""Any Keras model as an architecture: it is what our own network of the same layers is."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from rayscan.errors import MemberError
from rayscan.models.architectures.registry import architecture, load
from rayscan.models.contract import Member
from rayscan.models.networks.histogram_network import NetworkClassifier
from rayscan.models.networks.inputs import Input
from rayscan.seeds import stream

PLUGIN = Path(__file__).parents[2] / "plugin" / "rayscan_plugin.py"
TEXT = PLUGIN.read_text("utf-8")
OURS = architecture("mlp")
KERAS = architecture("two_layers", ("rayscan_plugin.py:TwoLayers", TEXT))
SAME: dict[str, Any] = {"units": 20, "input": "standard"}


def classifier(member, examples, weights=None, **knobs):
    """Of the same random weights and input."""
    values = member.valued({k: v for k, v in knobs.items() if k in member.knobs.defaults()})
    network = member.network(examples.shape, values, 1)
    weights = weights or network.initial(stream(1, "weights"))
    seen = Input.standard(examples.null_mean, examples.null_variance)
    return NetworkClassifier(member.name, examples.shape, network, seen, weights)


def pair(examples):
    ours = classifier(OURS, examples, **SAME)
    return ours, classifier(KERAS, examples, ours.weights, **SAME)


def test_equal_weights_give_equal_scores(toy_examples):
    examples = toy_examples()
    ours, keras = pair(examples)
    x, _ = examples.test(300)
    assert [w.shape for w in ours.weights] == keras.network.shapes()
    # Both in double precision: sums of 64 terms, three layers of them.
    np.testing.assert_allclose(keras.scores(x), ours.scores(x), rtol=1e-12, atol=1e-12)


def trained(member, examples, start=None, **knobs):
    return member.train([Member(examples, {**SAME, **knobs}, 3, start)])[0]


def test_a_step_of_training_is_the_same(toy_examples):
    """From the same weights, with l2: one step of Adam over all examples."""
    examples = toy_examples()
    knobs = {"epochs": 1, "batch_size": 400, "l2": 0.01, "learning_rate": 1e-3, "monitor": "loss"}
    ends = [
        trained(member, examples, start, **knobs)
        for member, start in zip((OURS, KERAS), pair(examples), strict=True)
    ]
    # Sums of 400 rows in float32.
    rounding = 400 * float(np.finfo(np.float32).eps)
    for name in ("loss", "validation_loss"):
        first, second = (end.history[name][0] for end in ends)
        assert second == pytest.approx(first, rel=rounding)
    for first, second in zip(*(end.classifier.weights for end in ends), strict=True):
        # The first step of Adam is rate * g / (|g| + eps): a slope that is rounding may turn.
        assert np.mean(np.abs(first - second) > rounding * 1e-3) < 0.01


def test_training_reaches_the_same_auc(toy_examples):
    """Both from initial weights of their own; a pack of two is two trainings."""
    examples = toy_examples(histograms=1000)
    knobs = {**KERAS.quick, **SAME}
    x, labels = examples.test(4000)
    members = [Member(examples, knobs, seed) for seed in (3, 4)]
    aucs = {
        each.name: [roc_auc_score(labels, t.classifier.scores(x)) for t in each.train(members)]
        for each in (OURS, KERAS)
    }
    # Of the test set alone; both see the same one, so that this is more than the difference has.
    error = np.sqrt(0.25 / (labels == 1).sum())
    assert np.mean(aucs["two_layers"]) == pytest.approx(np.mean(aucs["mlp"]), abs=2 * error)
    assert min(aucs["two_layers"]) > 0.5 + 5 * error
    alone = KERAS.train(members[:1])[0].classifier.scores(x)
    assert roc_auc_score(labels, alone) == pytest.approx(aucs["two_layers"][0], abs=error / 10)


def test_it_is_stored_with_its_file_and_sent_without_its_module(toy_examples, tmp_path):
    ours = pair(toy_examples())[1]
    x, _ = toy_examples().test(50)
    ours.save(tmp_path)
    assert "class TwoLayers" in (tmp_path / "classifier.json").read_text("utf-8")
    np.testing.assert_array_equal(load(tmp_path).scores(x), ours.scores(x))
    sent = pickle.dumps(ours)
    assert b"rayscan_own_" not in sent
    np.testing.assert_array_equal(pickle.loads(sent).scores(x), ours.scores(x))


@pytest.mark.parametrize(
    ("layer", "outputs", "why"),
    [
        ("layers.BatchNormalization()", "outputs", "keep a state .* leave out .*moving_me"),
        ("layers.Dropout(0.1)", "outputs", "keep a state between batches"),
        ("layers.Dense(20, trainable=False)", "outputs", "frozen cannot be trained"),
        ("layers.Dense(20, kernel_regularizer='l2')", "outputs", "use the knob l2"),
        ("layers.Dense(200)", "outputs", r"`weights` says 1,741, its model has 17,461"),
        ("layers.Flatten()", "7", r"2 histograms the model makes \(2, 7\), expected \(2, 1\)"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_its_name(toy_examples, layer, outputs, why):
    text = TEXT.replace("layers.Flatten(), *hidden, layers.Dense(outputs)", f"LAYERS({outputs})")
    text = text.replace("LAYERS(", f"layers.Flatten(), {layer}, *hidden, layers.Dense(")
    member = architecture("two_layers", ("rayscan_plugin.py:TwoLayers", text))
    with pytest.raises(MemberError, match=f"architecture 'two_layers': .*{why}"):
        trained(member, toy_examples(), input="standard")


def test_it_has_no_dropout(toy_examples):
    with pytest.raises(ValueError, match=r"dropout: 0\.1 must be at most 0"):
        KERAS.valued({"dropout": 0.1})
    assert "dropout" not in KERAS.knobs.ranges()
