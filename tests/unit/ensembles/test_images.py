"""Normalised histograms."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.ensembles.images import normalise, pictures


def test_the_largest_bin_of_each_histogram_becomes_one() -> None:
    counts = np.array([[4, 2, 0], [0, 0, 0], [1, 70_000, 1]], dtype=np.uint32)
    found = normalise(counts, "maximum")
    assert found.dtype == np.float32
    assert found[0].tolist() == [1, 0.5, 0]
    assert not found[1].any()
    assert found[2].max() == 1


def test_standardised_counts_have_mean_zero_and_unit_variance() -> None:
    rng = np.random.default_rng(1)
    means = np.array([50_000.0, 3.0, 0.0])
    counts = rng.poisson(means, size=(20_000, 3)).astype(np.uint16)
    found = normalise(counts, "standard", mean=means, variance=means).astype(np.float64)
    assert np.abs(found.mean(axis=0)[:2]).max() < 4.5 / np.sqrt(20_000)
    # Var(z^2) of a Poisson is 2 + 1/mean.
    assert np.all(np.abs(found.var(axis=0)[:2] - 1) < 4.5 * np.sqrt((2 + 1 / means[:2]) / 20_000))
    assert not found[:, 2].any()


def test_small_deviations_of_large_counts_survive() -> None:
    one = np.ones(1)
    found = normalise(np.array([[10**8 + 1]]), "standard", mean=1e8 * one, variance=one)
    assert found[0, 0] == 1


def test_counts_stay_counts() -> None:
    counts = np.array([[3, 65_535]], dtype=np.uint16)
    assert np.array_equal(normalise(counts, "counts"), counts)
    assert normalise(counts, "counts").dtype == np.float32


def test_unknown_or_incomplete_requests_are_refused() -> None:
    counts = np.ones((1, 2))
    with pytest.raises(ValueError, match="how: 'sum', expected counts"):
        normalise(counts, "sum")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needs the mean and the variance"):
        normalise(counts, "standard", mean=np.ones(2))


def test_pictures_have_rows_columns_and_one_channel() -> None:
    flat = np.arange(12).reshape(2, 6)
    assert pictures(flat, (2, 3)).shape == (2, 2, 3, 1)
    assert pictures(flat, (2, 3))[1, 1, 0, 0] == 9
    assert pictures(flat, (6,)).shape == (2, 1, 6, 1)
