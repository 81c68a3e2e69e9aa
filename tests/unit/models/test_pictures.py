"""Pictures of histograms: orientation, levels, size, and what one event more changes in them."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.models.transfer.pictures import Moments, Picture, coloured, levels_each
from rayscan.seeds import stream


def plain(shape, size, look="channels"):
    """A level for each event."""
    bins = int(np.prod(shape))
    return Picture(shape, size, look, np.zeros(bins), np.ones(bins))


def test_bins_are_blocks_of_pixels_with_the_first_axis_down():
    picture = plain((2, 3), 6).of(np.arange(6)[None])
    expected = np.repeat(np.repeat([[0, 1, 2], [3, 4, 5]], 3, axis=0), 2, axis=1)
    np.testing.assert_array_equal(picture[0], np.repeat(expected[..., None], 3, axis=-1))


def test_a_picture_of_fewer_pixels_holds_means_of_bins():
    picture = plain((2, 4), 2).of(np.array([[0, 2, 4, 6, 10, 10, 10, 30]]))
    np.testing.assert_array_equal(picture[0, :, :, 0], [[1, 5], [10, 20]])


def test_colours_are_those_of_the_map():
    from matplotlib import colormaps

    picture = plain((1, 3), 3, "colours").of(np.array([[0, 128, 255]]))
    expected = (np.array(colormaps["viridis"]([0, 128, 255]))[:, :3] * 255).round()
    np.testing.assert_array_equal(picture[0, 0], expected)


def test_counts_end_four_sigma_above_the_largest_mean():
    null = Moments(np.array([100.0, 25.0, 0.0]), np.array([100.0, 25.0, 0.0]))
    picture = Picture.counts((1, 3), 3, "channels", null)
    levels = picture.of(np.array([[0, 70, 140], [140, 141, 500]]))[:, 0, :, 0]
    np.testing.assert_array_equal(levels, [[0, 128, 255], [255, 255, 255]])


def test_sigma_are_about_the_middle_and_a_bin_that_never_varies_stays_there():
    null = Moments(np.array([100.0, 25.0, 7.0]), np.array([100.0, 25.0, 0.0]))
    picture = Picture.standard((1, 3), 3, "channels", null)
    levels = picture.of(np.array([[100, 25, 7], [140, 5, 9], [200, 0, 0]]))[:, 0, :, 0]
    assert np.all(np.isin(levels[0], (127, 128)))
    np.testing.assert_array_equal(levels[1:, :2], [[255, 0], [255, 0]])


@pytest.mark.parametrize("look", ["channels", "colours"])
def test_a_gradient_is_pulled_back_as_counts_change_their_picture(look):
    """Half of what one event more and one less change, exactly: a level is one event."""
    rng = stream(1, "picture")
    picture, counts = plain((3, 4), 30, look), rng.integers(1, 250, 12)
    gradient = rng.normal(size=(30, 30, 3))
    found = picture.pulled_back(counts, gradient)
    for k, unit in enumerate(np.eye(12, dtype=int)):
        more, less = picture.of(np.stack([counts + unit, counts - unit])).astype(float)
        assert found[k] == pytest.approx(((more - less) * gradient).sum() / 2)


def test_a_bin_beyond_the_last_level_changes_nothing():
    picture = plain((1, 2), 2)
    found = picture.pulled_back(np.array([300, 10]), np.ones((2, 2, 3)))
    assert found.tolist() == [0, 6]


@pytest.mark.parametrize("look", ["channels", "colours"])
@pytest.mark.parametrize("size", [3, 8, 20])
def test_colours_between_levels_are_nearer_to_those_of_both_than_these_are_to_each_other(
    look, size
):
    """A picture of 8 bits rounds to the nearer of two levels."""
    null = Moments(np.full(64, 40.0), np.full(64, 40.0))
    picture = Picture.counts((8, 8), size, look, null)
    counts = stream(1, "levels").poisson(40.0, (5, 64))
    levels = np.minimum(counts * levels_each(null), 255)
    found = coloured(levels, (8, 8), size, look, np)
    table = plain((1, 256), 256, look).of(np.arange(256)[None])[0, 0].astype(float)
    step = np.abs(np.diff(table, axis=0)).max(axis=0)
    assert np.all(np.abs(255 * found - picture.of(counts)) <= step / 2 + 1e-9)
    assert found.shape == (5, size, size, 3)
