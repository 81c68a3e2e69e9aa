"""Smooth first kernels: one sum whichever way it is made, and what it buys on sparse bins."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.models.architectures.registry import architectures
from rayscan.models.contract import Member, Templates
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.packed import layout
from rayscan.models.networks.smooth import COARSEST, SmoothNetwork, finer
from rayscan.models.ratio.likelihood_ratio import BinnedLikelihoodRatio
from rayscan.seeds import stream
from rayscan.stats.auc import delong_difference

SHAPES = [(7,), (30,), (1, 5), (6, 9), (2, 2)]


def network(shape):
    return SmoothNetwork(int(np.prod(shape)), (4, 3), 2, shape)


def random_weights(found, seed=1):
    rng = stream(seed, "weights")
    return [rng.normal(size=shape).astype(np.float32) for shape in found.shapes()]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_graph_and_the_folded_network_give_the_same_outputs(shape):
    found = network(shape)
    members = [random_weights(found, seed) for seed in (1, 2, 3)]
    where = layout(["a", "b", "a"])
    x = stream(1, "x").normal(size=(where.datasets, 5, found.inputs)).astype(np.float32)
    by_chunk = x[list(where.chunks)]
    logits = np.array(found.logits(found.stack(members, where), by_chunk, where, None))
    for slot, member in enumerate(where.order):
        rows = by_chunk[slot // where.per_chunk].astype(np.float64)
        expected = found.plain.outputs_of(found.folded(members[member]), rows)
        np.testing.assert_allclose(logits[slot], expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_any_kernel_can_be_written_so(shape):
    found = network(shape)
    weights = random_weights(found.plain)
    again = found.folded(found.unfolded(weights))
    assert [np.shape(array) for array in again] == found.plain.shapes()
    for a, b in zip(weights, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@given(st.integers(2, 40), st.integers(2, 40), st.floats(-2, 2), st.floats(-2, 2))
def test_what_is_linear_stays_linear_between_the_outer_knots(few, other, slope, offset):
    values = (offset + slope * np.arange(few))[:, None] + np.zeros((1, other))
    found = finer(values.reshape(-1, 1), (few, other), (2 * few, other), np)
    expected = offset + slope * (np.arange(2 * few) / 2 - 0.25)
    inside = found.reshape(2 * few, other)[1:-1]
    np.testing.assert_allclose(inside, expected[1:-1, None] + np.zeros((1, other)), atol=1e-9)


def test_grids_halve_and_end_at_the_coarsest():
    assert network((1, 5)).grids() == [(1, 5), (1, 3), (1, 2)]
    assert network((2, 2)).grids() == [(2, 2)]
    for shape in SHAPES:
        assert max(network(shape).grids()[-1]) <= COARSEST


def test_initial_kernels_are_smooth():
    """Their differences between neighbours are those of the coarsest grid, spread over the bins."""
    found = SmoothNetwork(900, (20,), 1, (30, 30))
    kernel = found.folded(found.initial(stream(1, "weights")))[0].reshape(30, 30, 20)
    bound = np.sqrt(6 / 920)
    assert kernel.std() > bound / 10
    assert np.abs(np.diff(kernel, axis=0)).max() <= 2 * bound / 8


@dataclass(eq=False)
class Sparse:
    """Multinomial draws from small pools of two smooth, steeply falling densities of 900 bins."""

    S: int
    B: int
    pool: int = 20_000
    histograms: int = 3_000
    shape: tuple[int, ...] = (30, 30)
    n_classes: int = 2
    pools: dict[str, Templates] = field(init=False)

    def __post_init__(self) -> None:
        y, x = np.meshgrid((np.arange(30) + 0.5) / 30, np.linspace(-1, 1, 30), indexing="ij")
        background = np.exp(-12 * y - (x / 0.6) ** 2).ravel()
        signal = np.exp(-8 * y - (x / 0.5) ** 2).ravel()
        background, signal = background / background.sum(), signal / signal.sum()
        self.truth = Templates(background, signal, self.S, self.B, 10**12, 10**12)
        self.pools = {role: self._pool(role) for role in ("training", "validation")}

    def _pool(self, role: str) -> Templates:
        rng, t = stream(1, "pool", role), self.truth
        drawn = [rng.multinomial(self.pool, p) / self.pool for p in (t.background, t.signal)]
        return replace(
            t, background=drawn[0], signal=drawn[1], background_size=self.pool,
            signal_size=self.pool,
        )  # fmt: skip

    @property
    def null_mean(self):
        return (self.S + self.B) * self.templates.background

    @property
    def null_variance(self):
        return self.null_mean * (1 - self.templates.background)

    @property
    def templates(self) -> Templates:
        return self.pools["training"]

    def draw(self, t: Templates, n: int, *key: str | int):
        rng = stream(1, "draw", *key)
        null = rng.multinomial(self.S + self.B, t.background, n)
        other = rng.multinomial(self.B, t.background, n) + rng.multinomial(self.S, t.signal, n)
        return np.concatenate([null, other]).astype(np.uint16), np.repeat([0, 1], n)

    def training(self, epoch: int):
        return self.draw(self.templates, self.histograms, "training", epoch)

    def validation(self):
        return self.draw(self.pools["validation"], 1_000, "validation")


@pytest.mark.parametrize(("S", "B"), [(8, 0), (30, 1000)])
def test_the_default_recipe_reaches_the_ceiling_of_sparse_histograms(S, B):
    """Within a hundredth of the exact densities, and two repeats within a hundredth.

    On the same test histograms; four standard errors of the difference are added, which is what the
    finite number of those leaves open.
    """
    examples = Sparse(S, B)
    x, labels = examples.draw(examples.truth, 4_000, "test")
    exact = BinnedLikelihoodRatio.from_templates(examples.truth)

    def scores(classifier):
        found = classifier.scores(x)
        return found[labels == 0], found[labels == 1]

    trained = architectures()["mlp"].train([Member(examples, {}, seed) for seed in (1, 2)])
    for each in trained:
        found = delong_difference(scores(exact), scores(each.classifier))
        assert found.difference < 0.01 + 4 * found.error
    apart = delong_difference(*(scores(each.classifier) for each in trained))
    assert abs(apart.difference) < 0.01 + 4 * apart.error


def test_a_smooth_network_starts_from_a_plain_one(toy_examples):
    examples = toy_examples(histograms=64)
    knobs = {"epochs": 1, "units": 4, "learning_rate": 1e-12}
    first = architectures()["mlp"].train([Member(examples, knobs, 1)])[0].classifier
    again = architectures()["mlp"].train([Member(examples, knobs, 2, start=first)])[0].classifier
    assert again.network == DenseNetwork(64, (4, 4), 1)
    x, _ = examples.test(50)
    np.testing.assert_allclose(again.scores(x), first.scores(x), rtol=1e-4, atol=1e-4)
