"""The training loop against Keras, packs against separate training, stopping, processes."""

from __future__ import annotations

import gc
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models.architectures.mlp import MLP, MLPKnobs
from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member, Trained
from rayscan.models.losses.aligned import aligned
from rayscan.models.losses.base import balance
from rayscan.models.losses.cross_entropy import CrossEntropy
from rayscan.models.networks import graphs
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.histogram_network import NetworkClassifier
from rayscan.models.networks.progress import Progress, Task, area
from rayscan.models.networks.sources import HistogramSource
from rayscan.seeds import stream

CONSTANT: dict[str, Any] = {"schedule": "constant", "batch_size": 128, "patience": 99, "units": 6}


def loss_of(logits, labels):
    return CrossEntropy().of(labels, outputs=logits.shape[1], numbers={})


def cross_entropy(logits, labels):
    return loss_of(logits, labels)(logits)[0]


def aligned_loss(logits, labels):
    return aligned(loss_of(logits, labels), logits)


def weights(trained):
    assert isinstance(trained, Trained)
    assert isinstance(trained.classifier, NetworkClassifier)
    return trained.classifier.weights


def same(first, second, atol):
    for a, b in zip(weights(first), weights(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


def test_it_takes_the_steps_of_keras(toy_examples):
    """Adam, L2 penalty, a smaller last batch: the weights keras.fit reaches from the same start."""
    import keras

    examples = toy_examples(histograms=300)
    knobs = {**CONSTANT, "input": "standard", "learning_rate": 1e-2, "l2": 1e-3}
    knobs |= {"epochs": 3, "refresh": "never"}
    trained = MLP().train([Member(examples, knobs, seed=5)])[0]
    assert trained.best_epoch == 2  # the classifier holds the weights of the last epoch

    penalty = keras.regularizers.L2(1e-3)
    layers = [keras.layers.Dense(6, "relu", kernel_regularizer=penalty) for _ in range(2)]
    model = keras.Sequential(
        [keras.Input((64,)), *layers, keras.layers.Dense(1, kernel_regularizer=penalty)]
    )
    model.set_weights(DenseNetwork(64, (6, 6), 1).initial(stream(5, "weights")))
    model.compile(keras.optimizers.Adam(1e-2), keras.losses.BinaryCrossentropy(from_logits=True))
    counts, labels = examples.training(0)
    x = ((counts - examples.null_mean) / np.sqrt(examples.null_variance)).astype(np.float32)
    for epoch in range(3):
        order = stream(0, "order", epoch).permutation(300)
        model.fit(x[order], labels[order], batch_size=128, shuffle=False, verbose=0)
    for ours, theirs in zip(weights(trained), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)
    del model
    keras.backend.clear_session()


@pytest.mark.parametrize("sharing", [(0, 0, 0, 0), (0, 1, 2, 3), (0, 1, 1, 0), (0, 1, 1, 1)])
def test_a_pack_gives_what_separate_training_gives(toy_examples, sharing):
    sets = [toy_examples(seed=i) for i in range(4)]
    own = [
        {"learning_rate": 1e-3},
        {"learning_rate": 3e-3, "dropout": 0.2},
        {"learning_rate": 1e-2, "dropout": 0.5, "l2": 1e-3},
        {"learning_rate": 3e-3, "dropout": 0.1, "l2": 1e-2},
    ]
    members = [
        Member(sets[s], {**CONSTANT, "epochs": 6, **knobs}, seed)
        for seed, (s, knobs) in enumerate(zip(sharing, own, strict=True))
    ]
    packed = MLP().train(members)
    for member, trained in zip(members, packed, strict=True):
        alone = MLP().train([member])[0]
        same(trained, alone, atol=1e-4)
        assert trained.best_epoch == alone.best_epoch


def test_members_of_several_sizes_are_trained_side_by_side(toy_examples):
    examples = toy_examples()
    members = [
        Member(examples, {**CONSTANT, "epochs": 2 + k, "layers": 1 + k % 2}, k) for k in range(3)
    ]
    epochs = []

    def watch(epoch, _aucs):
        epochs.append(epoch)
        return [False] * 3

    results = MLP().train(members, watch=watch)
    assert [result.epochs for result in results] == [2, 3, 4]
    assert [len(weights(result)) for result in results] == [4, 6, 4]
    assert epochs == [0, 1, 2, 3]
    assert examples.asked == [0, 1, 2, 3]  # one draw serves all members of all packs


def test_a_second_training_uses_the_same_graph_and_leaves_no_model(toy_examples):
    import keras

    def train(seed):
        members = [Member(toy_examples(seed=seed), {**CONSTANT, "epochs": 3}, seed)]
        return MLP().train(members)[0]

    def models():
        gc.collect()
        return {id(each) for each in gc.get_objects() if isinstance(each, keras.Model)}

    before = models()  # those that tests of Keras models have made in this process
    first = train(1)
    traces, kept = graphs.traces(), graphs.epoch_graph.cache_info().currsize
    for seed in (2, 3, 1):
        last = train(seed)
    assert graphs.traces() == traces
    assert graphs.epoch_graph.cache_info().currsize == kept
    assert models() <= before
    same(first, last, atol=0)  # the graph remembers nothing of the trainings in between


def test_knobs_of_the_loop_are_not_compiled_in(toy_examples):
    def train(**knobs):
        return MLP().train([Member(toy_examples(), {**CONSTANT, "epochs": 2, **knobs}, 1)])[0]

    train(dropout=0.1)
    traces = graphs.traces()
    train(dropout=0.3, learning_rate=0.02, l2=1e-3, schedule="cosine", refresh="never", patience=1)
    assert graphs.traces() == traces


def test_it_stops_after_its_patience_and_keeps_the_best_weights(toy_examples):
    """Few frozen histograms of a weak signal at a high rate: over-fitted within a few epochs."""
    examples = toy_examples(histograms=100, S=20)
    knobs = {**CONSTANT, "epochs": 200, "patience": 4, "learning_rate": 0.03, "refresh": "never"}
    trained = MLP().train([Member(examples, {**knobs, "monitor": "loss"}, 1)])[0]
    assert trained.epochs == trained.best_epoch + 1 + 4 < 200
    x, labels = examples.validation()
    scores = trained.classifier.scores(x)
    losses = trained.history["validation_loss"]
    assert cross_entropy(scores[:, None], labels) == pytest.approx(min(losses), abs=1e-5)
    assert losses[-1] > min(losses) + 1e-3
    assert set(examples.asked) == {0}


def test_a_member_that_diverges_leaves_the_others_alone(toy_examples):
    examples = toy_examples()
    wild, tame = {"learning_rate": 1e30}, {"learning_rate": 3e-3}
    members = [Member(examples, {**CONSTANT, "epochs": 4, **k}, 1) for k in (wild, tame)]
    lost, good = MLP().train(members)
    assert isinstance(lost, DivergedError)
    assert "lower the learning rate" in str(lost)
    same(good, MLP().train(members[1:])[0], atol=1e-4)


def test_every_epoch_brings_fresh_draws(toy_examples):
    examples = toy_examples()
    MLP().train([Member(examples, {**CONSTANT, "epochs": 4}, 1)])
    assert examples.asked == [0, 1, 2, 3]


def test_a_draw_of_another_size_is_refused(toy_examples):
    class Growing(toy_examples):  # type: ignore[misc, valid-type]  # a fixture
        def training(self, epoch):
            x, labels = super().training(epoch)
            return (x, labels) if epoch < 2 else (x[:-1], labels[:-1])

    class Mislabelled(toy_examples):  # type: ignore[misc, valid-type]  # a fixture
        def training(self, epoch):
            x, labels = super().training(epoch)
            return x, labels[:-1]

    with pytest.raises(ShapeMismatchError, match="examples of an epoch"):
        MLP().train([Member(Growing(), {**CONSTANT, "epochs": 4}, 1)])
    with pytest.raises(ShapeMismatchError, match="labels"):
        MLP().train([Member(Mislabelled(), CONSTANT, 1)])


def test_a_warm_start_goes_on_from_the_weights_of_another(toy_examples):
    examples = toy_examples()
    knobs = {**CONSTANT, "epochs": 15, "learning_rate": 3e-3}
    first = MLP().train([Member(examples, knobs, 1)])[0]
    cold = MLP().train([Member(examples, {**knobs, "epochs": 1}, 2)])[0]
    warm = MLP().train([Member(examples, {**knobs, "epochs": 1}, 2, start=first.classifier)])[0]
    assert warm.history["loss"][0] < cold.history["loss"][0] - 0.05
    with pytest.raises(ShapeMismatchError, match="start from"):
        MLP().train([Member(examples, {**knobs, "units": 7}, 1, start=first.classifier)])


def test_dropout_drops_its_share_and_keeps_the_mean():
    """Masks of 3 members: 200 x 64 cells each, binomial around the rate."""
    keys = stream(1, "keys").integers(2**32, size=(1, 2, 3), dtype=np.uint32)
    keys[:, :, 2] = keys[:, :, 1]
    rates = np.array([0.2, 0.5, 0.5], np.float32)
    settings = graphs.Settings(None, None, rates, None, keys, None, {})
    ones = np.ones((3, 200, 64), np.float32)
    now, later = (np.array(graphs.dropper(settings, i)(ones, 0)) for i in (0, 1))
    sigma = np.sqrt(rates * (1 - rates) / (200 * 64))
    assert (np.abs((now == 0).mean(axis=(1, 2)) - rates) < 4.5 * sigma).all()
    np.testing.assert_allclose(now.max(axis=(1, 2)), 1 / (1 - rates), rtol=1e-6)
    np.testing.assert_array_equal(now[1], now[2])  # the key alone decides, not the seat
    # Independent masks agree in p^2 + q^2 of the cells.
    agree = ((now == 0) == (later == 0))[1].mean()
    assert abs(agree - 0.5) < 4.5 * 0.5 / np.sqrt(200 * 64)


def test_classes_weigh_the_same():
    labels = np.array([0, 0, 0, 1])
    np.testing.assert_allclose(balance(labels, 2), [2 / 3, 2 / 3, 2 / 3, 2])
    np.testing.assert_array_equal(balance(np.array([0, 1]), 2), [1, 1])
    np.testing.assert_array_equal(balance(np.array([1, 1]), 2), [1, 1])


def test_loss_and_area_are_those_of_scikit_learn():
    from sklearn.metrics import log_loss, roc_auc_score

    rng = stream(2, "scores")
    labels = np.arange(120) % 3
    logits = rng.normal(size=(120, 3)).round(1)  # with ties
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert cross_entropy(logits, labels) == pytest.approx(log_loss(labels, p))
    untied = rng.normal(size=(120, 3))  # the rounding of exp() would break ties
    q = np.exp(untied) / np.exp(untied).sum(axis=1, keepdims=True)
    assert area(untied, labels) == pytest.approx(
        np.mean([roc_auc_score(labels == k, q[:, k]) for k in range(3)])
    )
    shift = 10 * rng.normal(size=(120, 1))
    assert area(untied + shift, labels) == pytest.approx(area(untied, labels))
    two = (labels > 0).astype(int)
    f = 1 / (1 + np.exp(-logits[:, 0]))
    assert area(logits[:, :1], two) == pytest.approx(roc_auc_score(two, logits[:, 0]))
    assert cross_entropy(logits[:, :1], two) == pytest.approx(
        log_loss(two, f, sample_weight=balance(two, 2))
    )
    assert np.isnan(area(logits[:, :1], np.ones(120, int)))


@pytest.mark.parametrize("classes", [1, 3])
def test_the_aligned_loss_is_the_least_over_constants(classes):
    """Found by a search that knows no slope."""
    from scipy.optimize import minimize

    rng = stream(3, "scores")
    labels = rng.choice(
        max(2, classes), size=300, p=[0.7, 0.3] if classes == 1 else [0.5, 0.3, 0.2]
    )
    logits = 2 * rng.normal(size=(300, classes)) + (labels[:, None] == np.arange(3)[-classes:])
    free = [classes - 1] if classes == 1 else range(1, classes)

    def moved(constants):
        shifted = logits.copy()
        shifted[:, list(free)] += constants
        return cross_entropy(shifted, labels)

    least = minimize(moved, np.zeros(len(free)), method="Nelder-Mead", options={"xatol": 1e-6}).fun
    assert aligned_loss(logits, labels) == pytest.approx(least, abs=1e-6)
    assert least < cross_entropy(logits, labels)
    for size in (1, 100):
        shift = size * rng.normal(size=classes)
        assert aligned_loss(logits + shift, labels) == pytest.approx(least, abs=1e-6)


def test_the_aligned_loss_of_scores_that_tell_nothing_or_everything():
    labels = np.repeat([0, 1], 5)
    assert aligned_loss(np.full((10, 1), 7.0), labels) == pytest.approx(np.log(2))
    assert aligned_loss(100.0 * labels[:, None] + 400, labels) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("classes", [1, 3])
def test_the_aligned_loss_of_logits_that_run_away_is_no_gain(classes):
    """Their exponentials do not exist; the loss of wrong ones stays large, and above zero."""
    rng = stream(5, "wild")
    labels = rng.integers(max(2, classes), size=200)
    wild = 1e4 * rng.normal(size=(200, classes))
    found = aligned_loss(wild, labels)
    assert 100 < found <= cross_entropy(wild, labels)


@pytest.mark.parametrize(("monitor", "best"), [("aligned_loss", 1), ("loss", 0)])
def test_what_moves_all_scores_alike_makes_no_weights_worse(toy_examples, monitor, best):
    """The second epoch tells the classes better apart, but its logits are all too large."""
    source = HistogramSource(toy_examples(), how="standard", frozen=True)
    labels = source.validation()[1]
    noise = stream(4, "noise").normal(size=len(labels))
    network = DenseNetwork(64, (6,), 1)
    progress = Progress(Task(network, source, MLPKnobs(monitor=monitor), seed=1))
    for epoch, (apart, moved) in enumerate([(1.0, 0.0), (2.0, 3.0)]):
        logits = apart * (labels - 0.5) + noise + moved
        if progress.record(0.5, logits[:, None]):
            progress.best = [np.array(epoch)]
    assert progress.best_epoch == best
    assert progress.best == [best]
    assert progress.history["validation_auc"][1] > progress.history["validation_auc"][0]


def test_defaults_come_close_to_the_ceiling_and_not_above(toy_examples):
    """The likelihood ratio of known densities is the ceiling on the same test histograms.

    This recipe, at the published number of histograms, was measured to reach 0.94 to 0.98 of the
    ceiling's separation d' (AUC = Phi(d' / sqrt 2)) in 900 bins; fewer bins are no harder.
    """
    from scipy.stats import norm
    from sklearn.metrics import roc_auc_score

    examples = toy_examples(histograms=25_600)
    trained = MLP().train([Member(examples, {}, seed=2)])[0]
    x, labels = examples.test(20_000)
    f = examples.S / (examples.S + examples.B)
    weight = np.log(1 - f + f * examples.signal / examples.background)
    ceiling = roc_auc_score(labels, x @ weight)
    found = roc_auc_score(labels, trained.classifier.scores(x))
    # No area of 10,000 pairs has a larger error than this; that of the difference is smaller yet.
    sigma = np.sqrt(found * (1 - found) / 10_000)
    assert found < ceiling + 4 * sigma
    assert norm.ppf(found) > 0.94 * norm.ppf(ceiling)


def test_more_than_two_classes_have_a_logit_each(toy_examples, tmp_path):
    examples = toy_examples(n_classes=3, histograms=600)
    knobs = {**CONSTANT, "epochs": 8, "learning_rate": 5e-3}
    trained = MLP().train([Member(examples, knobs, 1)])[0]
    x, labels = examples.test(900)
    scores = trained.classifier.scores(x)
    assert scores.shape == (900, 3)
    # Chance is 1/3 with sigma sqrt(2/9/900) = 0.016.
    assert np.mean(scores.argmax(axis=1) == labels) > 1 / 3 + 5 * 0.016
    trained.classifier.save(tmp_path)
    again = architectures()["mlp"].restore(tmp_path)
    assert isinstance(again, NetworkClassifier)
    np.testing.assert_array_equal(again.scores(x), scores)


PROGRAM = """
import hashlib, sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("toys", sys.argv[1])
toys = module_from_spec(spec)
sys.modules["toys"] = toys
spec.loader.exec_module(toys)
from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member
knobs = {"epochs": 3, "units": 6, "batch_size": 128, "dropout": 0.2}
trained = architectures()["mlp"].train([Member(toys.ToyExamples(), knobs, 9)])[0]
print(hashlib.sha256(b"".join(w.tobytes() for w in trained.classifier.weights)).hexdigest())
import tensorflow
print(tensorflow.config.threading.get_intra_op_parallelism_threads())
"""


def test_another_process_gives_equal_bits_on_the_threads_it_was_given(toy_examples):
    knobs = {"epochs": 3, "units": 6, "batch_size": 128, "dropout": 0.2}
    here = MLP().train([Member(toy_examples(), knobs, 9)])[0]
    digest = hashlib.sha256(b"".join(array.tobytes() for array in weights(here))).hexdigest()
    toys = Path(__file__).with_name("conftest.py")
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(toys)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert out == [digest, "1"]


def test_a_worker_that_trains_pays_for_no_statistics():
    """scipy.stats costs every worker half a second."""
    modules = "rayscan.scan.steps.trial, rayscan.models.networks.pack"
    program = f"import sys, {modules}; print('scipy.stats' in sys.modules)"
    out = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out.split() == ["False"]
