"""Tests of bins grouped by a classifier's response."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import SampleUnusableError
from rayscan.stats.response import bins_by_response, regroup

cells = st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 50)), min_size=1, max_size=30).filter(
    lambda bins: any(b for _, b in bins)
)


@given(cells, st.integers(1, 8))
def test_channels_follow_the_response_and_keep_all_events(bins, channels):
    response, background = np.array(bins, dtype=float).T
    groups = bins_by_response(response, background, channels)
    assert groups.dtype == np.int64
    assert np.all(np.diff(groups[np.argsort(response, kind="stable")]) >= 0)
    sums = regroup(background, groups, channels)
    assert sums.sum() == background.sum()
    # A bin is put whole: a channel misses its share by no more than the bins at its two ends.
    assert np.all(np.abs(sums - background.sum() / channels) <= background.max() + 1e-9)


def test_many_small_bins_give_equal_channels():
    rng = np.random.default_rng(1)
    groups = bins_by_response(rng.normal(size=5000), np.ones(5000), 10)
    np.testing.assert_array_equal(np.bincount(groups), np.full(10, 500))


def test_one_channel_holds_everything():
    np.testing.assert_array_equal(bins_by_response([3.0, 1.0], [1.0, 2.0], 1), [0, 0])


def test_stacked_contents_are_regrouped_on_their_last_axis():
    values = np.arange(12.0).reshape(3, 4)
    found = regroup(values, np.array([1, 0, 1, 0]), 3)
    np.testing.assert_array_equal(found, [[4, 2, 0], [12, 10, 0], [20, 18, 0]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: bins_by_response([1.0], [1.0, 2.0], 1),
        lambda: bins_by_response([np.nan], [1.0], 1),
        lambda: bins_by_response([1.0], [0.0], 1),
        lambda: bins_by_response([1.0, 2.0], [2.0, -1.0], 1),
        lambda: bins_by_response([1.0], [1.0], 0),
        lambda: regroup([1.0], np.array([0, 1]), 2),
    ],
)
def test_what_cannot_be_grouped_is_refused(call):
    with pytest.raises(SampleUnusableError, match="expected"):
        call()
