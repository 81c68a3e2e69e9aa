"""The exact sampler of draws without replacement."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rayscan.ensembles.hypergeometric import SMALL_DRAW, Hypergeometric
from rayscan.errors import PoolExhaustedError

Counts = npt.NDArray[np.integer]


def outcomes(pool: tuple[int, ...], n: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """Every histogram of n events and its probability, by counting combinations."""
    for found in itertools.product(*(range(k + 1) for k in pool)):
        if sum(found) == n:
            ways = math.prod(math.comb(k, c) for k, c in zip(pool, found, strict=True))
            yield found, ways / math.comb(sum(pool), n)


def enumerated_p_value(drawn: Counts, pool: tuple[int, ...], n: int) -> float:
    """Chi-square of drawn histograms against all possible ones."""
    exact = dict(outcomes(pool, n))
    found = dict.fromkeys(exact, 0)
    for row in map(tuple, drawn.tolist()):
        found[row] += 1  # an impossible histogram is a KeyError
    wanted = np.array(list(exact.values())) * len(drawn)
    seen = np.array(list(found.values()))
    few = wanted < 5
    if few.any():
        wanted = np.append(wanted[~few], wanted[few].sum())
        seen = np.append(seen[~few], seen[few].sum())
    return 1.0 if len(wanted) < 2 else float(stats.chisquare(seen, wanted).pvalue)


def covariance(pool: Counts, n: int) -> npt.NDArray[np.float64]:
    """n (N - n)/(N - 1) (diag(p) - p p^T)."""
    N = int(pool.sum())
    p = pool / N
    return n * (N - n) / max(N - 1, 1) * (np.diag(p) - np.outer(p, p))


@pytest.mark.parametrize("n", range(15))
def test_a_tiny_pool_gives_every_histogram_as_often_as_counting_says(n: int) -> None:
    pool = (2, 0, 3, 1, 1, 0, 7)
    drawn = Hypergeometric(np.array(pool), n).draw(np.random.default_rng(n), 20_000)
    assert enumerated_p_value(drawn, pool, n) > 1e-5


@pytest.mark.parametrize("pool", [(1, 1, 1, 1), (1, 2, 1, 30), (40, 1, 0, 1, 1), (6, 6, 6, 6)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_events_give_every_histogram_as_often_as_counting_says(
    pool: tuple[int, ...], n: int
) -> None:
    drawn = Hypergeometric(np.array(pool), n).draw(np.random.default_rng(7), 20_000)
    assert enumerated_p_value(drawn, pool, n) > 1e-5


@pytest.mark.parametrize(
    ("pool", "n"),
    [((5,), 3), ((0, 5, 0), 5), ((3, 2), 2), ((0, 0), 0), ((), 0), ((1,), 1), ((4, 0, 3, 2), 0)],
)
def test_degenerate_pools_are_drawn(pool: tuple[int, ...], n: int) -> None:
    drawn = Hypergeometric(np.array(pool, dtype=np.int64), n).draw(np.random.default_rng(1), 2000)
    assert drawn.shape == (2000, len(pool))
    assert enumerated_p_value(drawn, pool, n) > 1e-5


@pytest.mark.parametrize(
    ("size", "share"), [(300, 0.03), (5_000, 0.3), (5_000, 0.5), (5_000, 0.97), (400_000, 0.002)]
)
def test_means_variances_and_covariances_are_exact(size: int, share: float) -> None:
    rng = np.random.default_rng(11)
    pool = rng.multinomial(size, rng.dirichlet(np.full(30, 0.3)))
    n, N = int(share * size), 20_000
    away = Hypergeometric(pool, n).draw(rng, N) - n * pool / size
    exact = covariance(pool, n)
    some = pool > 0
    spread = np.sqrt(np.diag(exact)[some] / N)
    assert np.abs(away.mean(axis=0)[some] / spread).max() < 5
    # The products x_i x_j have mean C_ij; their own spread is the error of the mean. Pairs of rare
    # bins meet in too few histograms for a normal error and are left out; so are bins of one or two
    # events, whose squared distance from the mean may not vary at all.
    first, second = np.triu_indices(len(pool))
    often = (n * pool / size * min(1 - share, 1) > 0.05) & (pool > 2)
    pairs = often[first] & often[second]
    products = away[:, first[pairs]] * away[:, second[pairs]]
    pull = (products.mean(axis=0) - exact[first[pairs], second[pairs]]) / products.std(axis=0)
    assert np.abs(pull * np.sqrt(N)).max() < 5.5


def test_it_is_what_picking_and_binning_events_gives() -> None:
    rng = np.random.default_rng(3)
    density = np.sort(rng.dirichlet(np.full(40, 0.4)))
    events = rng.choice(40, size=3000, p=density)
    n, N = 700, 4000
    picked = np.array(
        [np.bincount(rng.permutation(events)[:n], minlength=40) for _ in range(N)], dtype=np.int64
    )
    drawn = Hypergeometric(np.bincount(events, minlength=40), n).draw(rng, N).astype(np.int64)
    for k in range(40):
        top = int(max(picked[:, k].max(), drawn[:, k].max())) + 1
        table = np.array([np.bincount(x[:, k], minlength=top) for x in (picked, drawn)])
        few = table.sum(axis=0) < 10
        table = np.column_stack([table[:, ~few], table[:, few].sum(axis=1)])
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] > 1:
            assert stats.chi2_contingency(table).pvalue > 1e-6, k
    # A random direction sees the correlations as well.
    direction = rng.normal(size=40)
    assert stats.ks_2samp(picked @ direction, drawn @ direction).pvalue > 1e-4


def test_counts_above_16_bits_are_kept() -> None:
    pool = np.array([300_000, 5, 0, 200_000, 7, 70_000])
    n, N = 400_000, 1000
    drawn = Hypergeometric(pool, n).draw(np.random.default_rng(2), N)
    assert drawn.dtype == np.uint32
    assert np.all(drawn.sum(axis=1, dtype=np.int64) == n)
    pull = (drawn.mean(axis=0) - n * pool / pool.sum())[pool > 0]
    assert np.abs(pull / np.sqrt(np.diag(covariance(pool, n))[pool > 0] / N)).max() < 5


def test_16_bits_are_used_where_they_suffice() -> None:
    pool = np.array([65_535, 10, 20, 70_000])
    rng = np.random.default_rng(2)
    assert Hypergeometric(pool, 65_535).draw(rng, 100).dtype == np.uint16
    assert Hypergeometric(pool, 65_536).draw(rng, 100).dtype == np.uint32
    # Nearly everything: the complement is drawn, and a pool count does not fit.
    wide = np.array([65_540, 3, 2, 1])
    drawn = Hypergeometric(wide, 65_535).draw(rng, 500)
    assert drawn.dtype == np.uint16
    assert np.all(drawn.sum(axis=1, dtype=np.int64) == 65_535)
    assert np.all(drawn <= wide)


def test_histograms_of_more_than_16_bits_in_all_are_exact() -> None:
    rng = np.random.default_rng(12)
    pool = rng.integers(8_000, 12_000, size=60)
    n, N = 250_000, 3000
    drawn = Hypergeometric(pool, n).draw(rng, N)
    assert drawn.dtype == np.uint16
    assert np.all(drawn.sum(axis=1, dtype=np.int64) == n)
    exact = np.diag(covariance(pool, n))
    away = drawn - n * pool / pool.sum()
    assert np.abs(away.mean(axis=0) / np.sqrt(exact / N)).max() < 4.5
    assert np.abs(away.var(axis=0) / exact - 1).max() < 5 * np.sqrt(2 / N)


def test_what_is_left_out_may_need_more_bits_than_what_is_drawn() -> None:
    # Typical totals are drawn by their complement; here some totals are so small that the
    # complement of a bin exceeds 16 bits though its count does not.
    pool = np.array([200_000, 150_000, 90_000, 80_000, 70_000, 3])
    totals = np.repeat([1000, 100_000], 400)
    rng = np.random.default_rng(13)
    drawn = Hypergeometric(pool, 400_000).draw(rng, 800, totals=totals).astype(np.int64)
    assert np.array_equal(drawn.sum(axis=1), totals)
    for n in (1000, 100_000):
        exact = np.diag(covariance(pool, n))
        away = drawn[totals == n] - n * pool / pool.sum()
        assert np.abs(away.mean(axis=0) / np.sqrt(exact / 400)).max() < 4.5
        assert np.abs(away.var(axis=0) / exact - 1)[:5].max() < 5 * np.sqrt(2 / 400)


awkward = st.lists(st.integers(0, 40), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(pool=awkward, share=st.floats(0, 1), histograms=st.sampled_from([0, 1, 5, 70, 200]))
def test_every_pool_gives_full_histograms_of_its_own_events(
    pool: list[int], share: float, histograms: int
) -> None:
    n = round(share * sum(pool))
    sampler = Hypergeometric(np.array(pool), n)
    drawn = sampler.draw(np.random.default_rng(1), histograms)
    assert drawn.shape == (histograms, len(pool))
    assert drawn.flags.c_contiguous
    assert np.all(drawn.sum(axis=1) == n)
    assert np.all(drawn <= np.array(pool))
    assert np.array_equal(drawn, sampler.draw(np.random.default_rng(1), histograms))


@settings(max_examples=60, deadline=None)
@given(pool=awkward, seed=st.integers(0, 1000), typical=st.floats(0, 1))
def test_histograms_may_have_totals_of_their_own(
    pool: list[int], seed: int, typical: float
) -> None:
    rng = np.random.default_rng(seed)
    totals = rng.integers(0, sum(pool) + 1, size=150)
    drawn = Hypergeometric(np.array(pool), round(typical * sum(pool))).draw(rng, 150, totals=totals)
    assert np.array_equal(drawn.sum(axis=1), totals)
    assert np.all(drawn <= np.array(pool))


@pytest.mark.parametrize("typical", [1, 5, 9])
def test_totals_far_from_the_typical_one_stay_exact(typical: int) -> None:
    pool = (4, 1, 3, 2, 2)
    totals = np.tile(np.arange(13), 4000)
    sampler = Hypergeometric(np.array(pool), typical)
    drawn = sampler.draw(np.random.default_rng(8), len(totals), totals=totals)
    for n in range(13):
        assert enumerated_p_value(drawn[totals == n], pool, n) > 1e-5


def test_equal_seeds_give_equal_histograms_whatever_was_drawn_before() -> None:
    pool = np.random.default_rng(0).integers(0, 200, 50)
    fresh = Hypergeometric(pool, 900)
    used = Hypergeometric(pool, 900)
    used.draw(np.random.default_rng(1), 10 * SMALL_DRAW)
    for histograms in (3, SMALL_DRAW, 1000):
        first = fresh.draw(np.random.default_rng(4), histograms)
        second = used.draw(np.random.default_rng(4), histograms)
        assert np.array_equal(first, second)
    assert not np.array_equal(first, fresh.draw(np.random.default_rng(5), 1000))


def test_it_writes_into_the_array_it_is_given() -> None:
    pool = np.array([50, 0, 20, 30, 40])
    out = np.full((300, 5), 9, dtype=np.uint32)
    drawn = Hypergeometric(pool, 60).draw(np.random.default_rng(1), 300, out)
    assert drawn is out
    assert np.all(out.sum(axis=1) == 60)
    assert np.all(out[:, 1] == 0)


def test_it_refuses_arrays_the_histograms_do_not_fit_in() -> None:
    sampler = Hypergeometric(np.array([100_000, 5, 5, 5]), 80_000)
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match=r"out: expected \(2, 4\) of uint32"):
        sampler.draw(rng, 2, np.empty((2, 4), dtype=np.uint16))
    with pytest.raises(ValueError, match=r"out: expected \(2, 4\)"):
        sampler.draw(rng, 2, np.empty((2, 5), dtype=np.uint32))
    with pytest.raises(ValueError, match="totals: expected 2 numbers"):
        sampler.draw(rng, 2, totals=np.array([1, -1]))


def test_it_refuses_more_events_than_the_pool_has() -> None:
    with pytest.raises(PoolExhaustedError, match=r"pool 'zvv' has 5 events .* needs 6 without"):
        Hypergeometric(np.array([2, 3]), 6, pool="zvv")
    with pytest.raises(PoolExhaustedError, match="needs 7"):
        Hypergeometric(np.array([2, 3]), 2).draw(np.random.default_rng(), 1, totals=np.array([7]))


def test_it_refuses_counts_that_cannot_be() -> None:
    for counts, n in (([-1, 3], 1), ([[1, 2]], 1), ([1, 2], -1)):
        with pytest.raises(ValueError, match="counts"):
            Hypergeometric(np.array(counts), n)
    with pytest.raises(ValueError, match="fewer than 10\\^9"):
        Hypergeometric(np.array([10**9, 1]), 1)
