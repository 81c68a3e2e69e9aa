"""Placements by merging, against the matrix of all pairs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import SampleUnusableError
from rayscan.stats.placements import narrow, placements, twice_all_ordered, twice_ordered

scores = st.lists(st.integers(-3, 3).map(float) | st.floats(-10, 10), min_size=2, max_size=30)


def pairs(null, alternative):
    """1 where rightly ordered, 1/2 where tied, shape (M, N)."""
    null, alternative = np.asarray(null), np.asarray(alternative)
    return (alternative[:, None] > null) + 0.5 * (alternative[:, None] == null)


@given(scores, scores)
def test_placements_are_the_means_over_all_pairs(null, alternative):
    matrix, found = pairs(null, alternative), placements(null, alternative)
    np.testing.assert_allclose(found.null, matrix.mean(axis=0), rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.alternative, matrix.mean(axis=1), rtol=0, atol=1e-15)


@given(scores, scores)
def test_merged_ranks_count_pairs_exactly(null, alternative):
    low, high = np.sort(null), np.sort(alternative)
    of_null, of_alternative = twice_ordered(low, high)
    np.testing.assert_array_equal(of_null, 2 * pairs(low, high).sum(axis=0))
    np.testing.assert_array_equal(of_alternative, 2 * pairs(low, high).sum(axis=1))
    assert twice_all_ordered(np.array(null), np.array(alternative)) == of_alternative.sum()


singles = st.lists(
    st.sampled_from([-1.0, -0.0, 0.0, 1.0]) | st.floats(width=32, allow_nan=False),
    min_size=2,
    max_size=30,
)


@given(singles, singles)
def test_single_precision_is_ordered_by_its_bits(null, alternative):
    """Subnormal and infinite numbers and both zeros included."""
    matrix, found = pairs(null, alternative), placements(null, alternative)
    np.testing.assert_allclose(found.null, matrix.mean(axis=0), rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.alternative, matrix.mean(axis=1), rtol=0, atol=1e-15)
    whole = twice_all_ordered(np.array(null), np.array(alternative))
    assert whole == 2 * matrix.sum()


def test_only_scores_that_single_precision_holds_are_narrowed():
    single = np.array([0.1, -3.0, np.inf, -np.inf], np.float32).astype(np.float64)
    assert narrow(single).dtype == np.float32
    for close in (0.1, 1e300, 1e-300):
        assert narrow(np.append(single, close)).dtype == np.float64


def test_scores_closer_than_single_precision_keep_their_order():
    assert placements([0.1, 0.1 + 1e-12], [0.1 + 2e-12, 0.1 + 3e-12]).null.tolist() == [1.0, 1.0]


def test_one_score_has_no_placement_to_spread():
    with pytest.raises(SampleUnusableError, match="at least 2"):
        placements([1.0], [1.0, 2.0])
