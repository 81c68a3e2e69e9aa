"""Sums over events picked at random."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rayscan.ensembles import event_sums
from rayscan.ensembles.event_sums import sums_with_replacement, sums_without_replacement


@pytest.mark.parametrize("n", [0, 1, 50, 1500, 2500, 3500, 4950, 4999, 5000])
def test_sums_without_replacement_have_the_exact_moments(n: int) -> None:
    rng = np.random.default_rng(n)
    values = rng.normal(1, 2, size=5000) ** 3
    N = 3000
    found = sums_without_replacement(rng, values, np.full(N, n))
    variance = n * (5000 - n) / 4999 * values.var()
    if variance == 0:
        assert np.allclose(found, n * values.mean(), rtol=1e-9)
        return
    assert abs(found.mean() - n * values.mean()) < 4.5 * np.sqrt(variance / N)
    spread = (found - n * values.mean()) ** 2
    assert abs(spread.mean() - variance) < 5 * spread.std() / np.sqrt(N)


def test_many_events_are_summed_as_by_picking_them_one_by_one() -> None:
    rng = np.random.default_rng(2)
    values = rng.exponential(size=6000)
    n, N = 2000, 3000
    picked = [values[rng.permutation(6000)[:n]].sum() for _ in range(N)]
    assert (
        stats.ks_2samp(picked, sums_without_replacement(rng, values, np.full(N, n))).pvalue > 1e-4
    )


def test_every_event_is_picked_equally_often_and_with_every_other() -> None:
    # Marked events: their number in a draw is hypergeometric, wherever in the pool they are.
    rng = np.random.default_rng(3)
    for marked in (slice(0, 40), slice(4960, 5000), slice(0, None, 125)):
        values = np.zeros(5000)
        values[marked] = 1
        found = sums_without_replacement(rng, values, np.full(4000, 1500)).round().astype(int)
        law = stats.hypergeom(5000, 40, 1500)
        edges = np.arange(6, 19)
        wanted = np.diff(np.concatenate([[0], law.cdf(edges), [1]])) * 4000
        seen = np.bincount(np.searchsorted(edges, found), minlength=len(edges) + 1)
        assert stats.chisquare(seen, wanted).pvalue > 1e-5


def test_totals_may_differ_between_histograms() -> None:
    rng = np.random.default_rng(4)
    totals = rng.integers(0, 5001, size=400)
    assert np.allclose(sums_without_replacement(rng, np.ones(5000), totals), totals)
    assert np.allclose(sums_with_replacement(rng, np.ones(5000), totals), totals)
    assert len(sums_without_replacement(rng, np.ones(5), totals[:0])) == 0


def test_sums_with_replacement_have_the_exact_moments() -> None:
    rng = np.random.default_rng(5)
    values = rng.exponential(size=300)
    found = sums_with_replacement(rng, values, np.full(4000, 900))
    variance = 900 * values.var()
    assert abs(found.mean() - 900 * values.mean()) < 4.5 * np.sqrt(variance / 4000)
    assert abs(found.var() / variance - 1) < 4.5 * np.sqrt(2 / 4000)


def test_a_long_list_is_worked_off_in_blocks() -> None:
    totals = np.array([event_sums.EVENTS_AT_ONCE, 5, 0, event_sums.EVENTS_AT_ONCE // 2, 7])
    blocks = event_sums._blocks(totals)
    assert [i for block in blocks for i in range(block.start, block.stop)] == list(range(5))
    assert max(totals[block].sum() for block in blocks) <= 2 * event_sums.EVENTS_AT_ONCE


@pytest.mark.parametrize("sums", [sums_without_replacement, sums_with_replacement])
def test_several_numbers_of_the_events_are_summed_over_the_same_picks(sums) -> None:
    """To the last bit, also where few are picked, many, or nearly all."""
    values = np.random.default_rng(6).normal(size=(5, 5000)) ** 3
    totals = np.array([0, 1, 7, 40, 900, 1500, 2500, 3700, 4960, 5000] * 3)
    together = sums(np.random.default_rng(7), values, totals)
    assert together.shape == (5, 30)
    for numbers, found in zip(values, together, strict=True):
        np.testing.assert_array_equal(found, sums(np.random.default_rng(7), numbers, totals))
