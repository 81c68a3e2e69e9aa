"""The shared first layer against the plain product in double precision."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.models.networks.first_layer import first_layer
from rayscan.seeds import stream

BINS, NODES = 60, 12


def counts(rows, kind=np.uint16):
    """Empty, rare and full bins side by side."""
    means = np.repeat([0.0, 0.01, 0.2, 3.0, 800.0], BINS // 5)
    return stream(1, "counts").poisson(means, (rows, BINS)).astype(kind)


def kernel_and_bias():
    rng = stream(2, "kernel")
    return rng.normal(size=(BINS, NODES)), rng.normal(size=NODES)


def plain(x, kernel, bias, how):
    values = x.astype(float)
    if how == "maximum":
        values /= values.max(axis=1, keepdims=True)
    return values @ kernel + bias


def roundings(eps, x, kernel, bias, how):
    """A sum of 60 products: 60 roundings of terms, none above the largest sum of moduli."""
    return BINS * eps * np.max(plain(x, np.abs(kernel), np.abs(bias), how))


def outputs(layer, rows):
    """All parts side by side."""
    return np.hstack(list(layer(rows)))


@pytest.mark.parametrize("at", [(), (5, 9)])
def test_parts_of_the_nodes_are_those_of_the_whole(at):
    x, (kernel, bias) = counts(700), kernel_and_bias()
    layer = first_layer(kernel, bias, x, how="standard", single=False, at=at)
    assert [part.shape[1] for part in layer(x)] == ([NODES] if not at else [5, 4, 3])
    np.testing.assert_allclose(
        outputs(layer, x),
        plain(x, kernel, bias, "standard"),
        rtol=0,
        atol=roundings(2.0**-52, x, kernel, bias, "standard"),
    )


@pytest.mark.parametrize("how", ["standard", "maximum"])
@pytest.mark.parametrize(("single", "eps"), [(False, 2.0**-52), (True, 2.0**-23)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32, np.int64])
def test_the_layer_is_the_plain_product(how, single, eps, kind):
    x = np.minimum(counts(3000, np.int64), np.iinfo(kind).max).astype(kind)
    kernel, bias = kernel_and_bias()
    found = outputs(first_layer(kernel, bias, x, how=how, single=single), x)
    expected = plain(x, kernel, bias, how)
    atol = roundings(eps, x, kernel, bias, how)
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
    assert found.dtype == (np.float32 if single else np.float64)


def test_empty_bins_are_left_out_and_rare_ones_enter_by_their_filled_cells():
    x = counts(3000)
    kernel, bias = kernel_and_bias()
    layer = first_layer(kernel, bias, x, how="standard", single=True)
    assert set(layer.rare) == {k for k in range(12, 24) if x[:, k].any()}
    assert layer.common.tolist() == list(range(24, 60))


def test_bins_that_only_the_last_histograms_fill_are_in_the_sum():
    x = np.zeros((5000, BINS), np.uint16)
    x[-3:] = 7
    kernel, bias = kernel_and_bias()
    found = outputs(first_layer(kernel, bias, x, how="standard", single=True), x[-3:])
    np.testing.assert_allclose(found, plain(x[-3:], kernel, bias, "standard"), rtol=1e-5)


def test_bins_without_weight_are_left_out():
    kernel, bias = kernel_and_bias()
    kernel[:40] = 0
    layer = first_layer(kernel, bias, counts(100), how="standard", single=True)
    assert min(*layer.common, *layer.rare) >= 40


@pytest.mark.parametrize("how", ["standard", "maximum"])
@pytest.mark.parametrize("single", [False, True])
def test_histograms_without_events_give_the_bias(how, single):
    x = np.zeros((4, BINS), np.uint16)
    kernel, bias = kernel_and_bias()
    found = outputs(first_layer(kernel, bias, x, how=how, single=single), x)
    np.testing.assert_allclose(found, np.tile(bias, (4, 1)), rtol=1e-6)


def test_no_histogram_gives_no_row():
    x = np.zeros((0, BINS), np.uint16)
    kernel, bias = kernel_and_bias()
    assert outputs(first_layer(kernel, bias, x, how="standard", single=True), x).shape == (0, NODES)
