"""CPU seconds per member and epoch of training, against keras.fit in the same interleaved rounds.

900-20-20-1 on standardised counts. RAYSCAN_BENCHMARK_HISTOGRAMS (25,600 as published) and
RAYSCAN_BENCHMARK_ROUNDS make it shorter. CPU time is compared, for it is robust on a busy machine.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import truth

from rayscan.models.architectures.registry import architectures
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.pack import packs
from rayscan.models.networks.progress import Progress, Task
from rayscan.models.networks.sources import HistogramSource
from rayscan.seeds import stream

HISTOGRAMS = int(os.environ.get("RAYSCAN_BENCHMARK_HISTOGRAMS", "25600"))
ROUNDS = int(os.environ.get("RAYSCAN_BENCHMARK_ROUNDS", "5"))
NETWORK = DenseNetwork(900, (20, 20), 1)


@dataclass(eq=False)
class Frozen:
    """Poisson histograms of a falling spectrum, drawn once."""

    seed: int = 1
    shape: tuple[int, ...] = (30, 30)
    n_classes: int = 2
    templates = None

    def __post_init__(self) -> None:
        mean = np.exp(-np.arange(900) / 150.0)
        self.null_mean = self.null_variance = 50_000 * mean / mean.sum()
        rng = stream(self.seed, "benchmark")
        self._x = rng.poisson(self.null_mean, (HISTOGRAMS, 900)).astype(np.uint16)
        self._labels = rng.integers(2, size=HISTOGRAMS)

    def training(self, epoch: int):
        return self._x, self._labels

    def validation(self):
        return self._x[:64], self._labels[:64]


def ours(sets: list[Frozen], members: int, batch: int) -> tuple[Callable[[int], None], int]:
    """An epoch of a pack whose members take the sets in turn."""
    sources = [HistogramSource(each, how="standard", frozen=True) for each in sets]
    values = architectures()["mlp"].valued(
        {"batch_size": batch, "epochs": 10_000, "patience": 10_000}
    )
    tasks = [Task(NETWORK, sources[k % len(sets)], values, k) for k in range(members)]
    pack = packs([Progress(task) for task in tasks])[0]
    return pack.advance, members


def keras_fit(examples: Frozen, batch: int) -> tuple[Callable[[int], None], int]:
    """An epoch of the usual way."""
    import keras

    counts, labels = examples.training(0)
    seen = Input.standard(examples.null_mean, examples.null_variance)
    x = seen.apply(counts).astype(np.float32)
    hidden = [keras.layers.Dense(20, "relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((900,)), *hidden, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    return lambda epoch: model.fit(x, labels, batch_size=batch, verbose=0) and None, 1


@pytest.fixture(scope="module")
def seconds() -> dict[str, float]:
    """Median CPU s per member and epoch of each way, rounds interleaved."""
    sets = [Frozen(seed) for seed in range(4)]
    ways = {
        "keras.fit, batch 128": keras_fit(sets[0], 128),
        "graph, K = 1": ours(sets[:1], 1, 128),
        "graph, K = 1, batch 512": ours(sets[:1], 1, 512),
        "pack, K = 8, shared data": ours(sets[:1], 8, 128),
        "pack, K = 32, shared data": ours(sets[:1], 32, 128),
        "pack, K = 32, shared data, batch 512": ours(sets[:1], 32, 512),
        "pack, K = 4, own data": ours(sets, 4, 128),
        "pack, K = 32 on 4 sets of data": ours(sets, 32, 128),
    }
    for epoch_of, _ in ways.values():
        epoch_of(0)  # traces and compiles
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for epoch in range(1, ROUNDS + 1):
        for name, (epoch_of, members) in ways.items():
            begin = time.process_time()
            epoch_of(epoch)
            spent[name].append((time.process_time() - begin) / members)
    return {name: statistics.median(values) for name, values in spent.items()}


@pytest.fixture(scope="module")
def difference() -> float:
    """Largest difference of a weight after 500 steps from equal seeds and batches.

    On histograms with signal: labels that mean nothing, as in ``Frozen``, are learned by heart, and
    rounding grows with every step.
    """
    import keras

    examples = truth.Draws(truth.Toy(), 1.0, histograms=3200)
    counts, labels = examples.training(0)
    epochs = 500 // (len(labels) // 128)
    values = architectures()["mlp"].valued(
        {"batch_size": 128, "schedule": "constant", "learning_rate": 1e-3}
    )
    source = HistogramSource(examples, how="standard", frozen=True)
    pack = packs([Progress(Task(NETWORK, source, values, 5))])[0]
    layers = [keras.layers.Dense(20, "relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((900,)), *layers, keras.layers.Dense(1)])
    model.set_weights(NETWORK.initial(stream(5, "weights")))
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True))
    seen = Input.standard(examples.null_mean, examples.null_variance)
    x = seen.apply(counts).astype(np.float32)
    for epoch in range(epochs):
        pack.advance(epoch)
        order = stream(0, "order", epoch).permutation(len(labels))
        model.fit(x[order], labels[order], batch_size=128, shuffle=False, verbose=0)
    found = NETWORK.unstack([array.numpy() for array in pack._state.weights], pack._where)[0]
    pairs = zip(found, model.get_weights(), strict=True)
    return max(float(np.abs(ours - theirs).max()) for ours, theirs in pairs)


GOALS = {"graph, K = 1": 4.0, "pack, K = 32, shared data, batch 512": 12.0}


def test_ratios_to_keras(seconds, difference, table):
    """Equal weights, at whatever ratio."""
    reference = seconds["keras.fit, batch 128"]
    for name, value in seconds.items():
        if name != "keras.fit, batch 128":
            table.add(
                f"train the MLP, per member and epoch: {name}",
                plain=1e3 * reference,
                product=1e3 * value,
                unit="ms",
                goal=GOALS.get(name),
                equal=f"weights to {difference:.0e} after 500 steps, packs as alone",
            )
    assert difference < 1e-5
    assert min(seconds.values()) < reference


@pytest.mark.parametrize(("members", "batch"), [(1, 128), (1, 512), (32, 512)])
def test_an_epoch(benchmark, members, batch):
    epoch_of, _ = ours([Frozen()], members, batch)
    epochs = iter(range(10_000))
    benchmark.extra_info["members"] = members
    benchmark.pedantic(lambda: epoch_of(next(epochs)), rounds=ROUNDS, warmup_rounds=1)
