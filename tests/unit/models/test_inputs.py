"""Input transforms: exact moments, folding, scale invariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rayscan.models.networks.inputs import Input, Squash, network_input

COUNTS = arrays(np.uint16, (4, 6), elements=st.integers(0, 65_535))


def test_the_standard_input_of_the_null_has_mean_0_and_variance_1(toy_examples):
    examples = toy_examples()
    seen = Input.standard(examples.null_mean, examples.null_variance)
    x, labels = examples.test(20_000)
    values = seen.apply(x[labels == 0])
    assert (np.abs(values.mean(axis=0)) < 5 / np.sqrt(10_000)).all()
    assert (np.abs(values.var(axis=0) - 1) < 5 * np.sqrt(2 / 10_000) * 1.5).all()


def test_a_bin_that_never_varies_is_left_out():
    seen = Input.standard(np.array([0.0, 5.0]), np.array([0.0, 4.0]))
    np.testing.assert_array_equal(seen.apply(np.array([[7, 9]])), [[0.0, 2.0]])


@given(COUNTS)
def test_a_folded_kernel_does_the_standardisation_itself(counts):
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(6, 3)), rng.normal(size=3)
    variance = np.array([0.0, 1, 10, 1e4, 3, 1e6])
    for seen in (Input.standard(np.arange(6.0) * 1000, variance), Input.maximum(6)):
        weights, offset = seen.folded(kernel, bias)
        expected = seen.apply(counts) @ kernel + bias
        np.testing.assert_allclose(seen.reduced(counts) @ weights + offset, expected, atol=1e-6)


@given(COUNTS, st.integers(1, 50))
def test_the_maximum_input_does_not_know_the_scale(counts, factor):
    seen = Input.maximum(6)
    values = seen.apply(counts)
    np.testing.assert_allclose(seen.apply(counts.astype(np.int64) * factor), values)
    assert ((values.max(axis=1) == 1) | ~counts.any(axis=1)).all()


def test_the_graph_sees_the_same(toy_examples):
    examples = toy_examples()
    x, _ = examples.test(50)
    for seen in (
        Input.standard(examples.null_mean, examples.null_variance),
        Input.maximum(64),
    ):
        mean, scale = seen.in_graph()
        found = np.array(network_input(x[None], seen.how, mean[None], scale[None]))[0]
        np.testing.assert_allclose(found, seen.apply(x), rtol=1e-4, atol=1e-4)


def test_no_variance_is_taken_below_the_least():
    seen = Input.standard(np.array([0.0, 5.0, 0.5]), np.array([0.0, 4.0, 0.25]), least=1.0)
    np.testing.assert_array_equal(seen.apply(np.array([[7, 9, 1]])), [[7.0, 2.0, 0.5]])


def test_a_squashed_feature_knows_neither_unit_nor_what_is_absent():
    rows = np.random.default_rng(1).exponential(size=(101, 3))
    rows[:, 1], rows[:80, 2] = 4.0, 0.0  # never varies; equal quartiles
    with_absent = np.concatenate([rows, np.full((50, 3), np.nan)])
    squash = Squash.of(with_absent)
    ordered = np.sort(rows[:, 0])
    values = squash.apply(ordered[[25, 50, 75], None] * [1, 0, 0] + [0, 4.0, 0])
    assert values[1].tolist() == [0.0, 0.0, 0.0]
    assert np.sinh(values[2, 0]) - np.sinh(values[0, 0]) == pytest.approx(2)
    again = Squash.of(1000 * with_absent)
    np.testing.assert_allclose(again.apply(1000 * rows)[:, 0], squash.apply(rows)[:, 0])
    assert np.isnan(squash.apply(with_absent)[-1]).all()
    assert squash.width[2] == pytest.approx(rows[:, 2].std())
