"""The contract of losses, for every member: engine and numpy agree, slopes are those of values."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rayscan.models.architectures.event_mlp import EventMLPKnobs
from rayscan.models.losses.base import Batch, balance
from rayscan.models.losses.registry import LOSSES
from rayscan.models.networks.backend import gradient, tensorflow
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.event_source import EventSource
from rayscan.models.networks.progress import Task
from rayscan.models.networks.training import train
from rayscan.seeds import stream

HERE = Path(__file__).parent
_SPEC = importlib.util.spec_from_file_location("losses", HERE / "losses.py")
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
COUNTING = _MODULE.Counting()

MEMBERS = {**LOSSES, "counting": COUNTING, "squared": _MODULE.Squared()}
NUMBERS = {"S": np.array([30.0, 50.0]), "B": np.array([1000.0, 90.0])}
CASES = [(name, k) for name, loss in MEMBERS.items() for k in (1, 3) if k == 1 or loss.several]
N = 60


def drawn(outputs):
    """Logits of two members, and labels of unequal classes."""
    rng = stream(1, "logits", outputs)
    labels = np.tile(rng.choice(max(2, outputs), N, p=[0.7, 0.3] if outputs == 1 else None), (2, 1))
    return 3 * rng.normal(size=(2, N, outputs)), labels


def own(loss, k):
    return {name: float(NUMBERS[name][k]) for name in loss.needs}


@pytest.mark.parametrize(("name", "outputs"), CASES)
def test_the_slopes_of_the_twin_are_those_of_its_values(name, outputs):
    loss, (logits, labels) = MEMBERS[name], drawn(outputs)
    value = loss.of(labels[0], outputs=outputs, numbers=own(loss, 0))
    rng, step = stream(2, "direction"), np.finfo(float).eps ** (1 / 3)
    for _ in range(5):
        direction = rng.normal(size=logits[0].shape)
        ends = [value(logits[0] + sign * step * direction)[0] for sign in (-1, 1)]
        # Truncation step^2 |third derivative| / 6, rounding eps |value| / step: equal orders.
        scale = max(1.0, abs(ends[0])) + np.abs(direction).sum() ** 3 / N
        along = (value(logits[0])[1] * direction).sum()
        assert along == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=step**2 * scale)


@pytest.mark.parametrize(("name", "outputs"), CASES)
def test_engine_and_twin_agree(name, outputs):
    """On each member of a pack, with rows that only fill the batch and count for nothing."""
    tf, loss, (logits, labels) = tensorflow(), MEMBERS[name], drawn(outputs)
    weights = np.tile(balance(labels[0], max(2, outputs)), (2, 1))
    filled = [np.concatenate([array, array[:, :7]], axis=1) for array in (logits, labels, weights)]
    filled[2][:, N:] = 0
    single, signs, weighed = (tf.constant(a.astype(t)) for a, t in zip(filled, "fif", strict=True))
    numbers = {name: tf.constant(NUMBERS[name].astype("f")) for name in loss.needs}

    def total(values):
        found = loss.summed(Batch(values[0], signs, weighed, tf.constant(float(N)), numbers))
        return tf.reduce_sum(found), found

    (slopes,), values = gradient(total, [single])
    assert values.shape == (2,)
    # A sum of N terms of float32, each good to some roundings.
    rounding = (N + 10) * float(np.finfo(np.float32).eps)
    for k in range(2):
        value, expected = loss.of(labels[k], outputs=outputs, numbers=own(loss, k))(logits[k])
        assert values.numpy()[k] / N == pytest.approx(value, rel=rounding)
        np.testing.assert_allclose(
            slopes.numpy()[k, :N] / N, expected, rtol=0, atol=rounding * np.abs(expected).max()
        )
        np.testing.assert_array_equal(slopes.numpy()[k, N:], 0)


class Counted(Task):
    """Trained with the loss of the tests."""

    loss = COUNTING


def test_a_pack_trains_with_a_loss_of_whole_batches_and_the_numbers_of_each_member(toy_events):
    knobs = EventMLPKnobs(batch_size=4000, epochs=15, monitor="loss", learning_rate=1e-2)
    sources = [EventSource(toy_events(S=S, B=B)) for S, B in ((30, 1000), (500, 100))]
    network = DenseNetwork(2, (8,), 1)
    tasks = [Counted(network, source, knobs, seed=3) for source in sources]
    for task, done in zip(tasks, train(tasks, architecture="toy"), strict=True):
        x, labels = task.source.training(0)
        logits = network.outputs_of(task.initial(), task.source.seen.apply(x))
        value = COUNTING.of(labels, outputs=1, numbers=task.source.numbers)(logits)[0]
        # One step an epoch: the loss of the first is that of the initial weights.
        rounding = len(x) * float(np.finfo(np.float32).eps)
        assert done.history["loss"][0] == pytest.approx(value, abs=rounding)
        assert min(done.history["validation_loss"]) < done.history["validation_loss"][0] - 0.05


def test_what_examples_have_for_a_loss_is_what_the_knobs_say(toy_events):
    assert set(EventSource(toy_events()).numbers) == set(EventMLPKnobs.numbers)


def test_the_loss_of_an_installed_package_is_a_knob(tmp_path):
    """Of networks whose examples have what it needs; others refuse it before anything is done."""
    folder = tmp_path / "counting-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rayscan.losses]\ncounting = losses:Counting\nsquared = losses:Squared\n"
    )
    code = (
        "from rayscan.models.architectures.registry import architectures\n"
        "print(architectures()['event_mlp'].knobs(loss='counting').loss)\n"
        "from rayscan.scan.config.scan import ArchitectureChoice as Choice\n"
        "from rayscan.scan.config.search_space import check\n"
        "def said(name, loss, head='binary'):\n"
        "    try:\n"
        "        check(Choice(name=name, head=head, hyperparameters={'loss': loss}))\n"
        "    except ValueError as error:\n"
        "        print(error)\n"
        "said('event_mlp', 'counting')\n"
        "said('mlp', 'counting')\n"
        "said('mlp', 'squared')\n"
        "said('mlp', 'squared', 'multiclass')\n"
        "said('mlp', {'choices': ['cross_entropy', 'squared']}, 'multiclass')\n"
    )
    path = os.pathsep.join([str(tmp_path), str(HERE), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    two = "loss: 'squared' tells two classes apart, and the head multiclass has more"
    assert done.stdout.splitlines() == [
        "counting",
        "loss: 'counting' needs B, S, which examples of this network do not have",
        two,
        two,
    ], done.stderr
