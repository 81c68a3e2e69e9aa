"""Input transforms: exact moments, folding, scale invariance."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rayscan.models.inputs import Input, network_input

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
