"""How many events each pool gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rayscan.ensembles.totals import RARE, Totals
from rayscan.errors import PoolExhaustedError


def totals(events: int, *shares: float, poisson: bool = False) -> Totals:
    return Totals(events=events, shares=np.array(shares), poisson=poisson)


def test_a_fixed_total_is_split_among_the_pools() -> None:
    found = totals(1000, 0.7, 0.3).draw(np.random.default_rng(1), 5000)
    assert np.all(found.sum(axis=1) == 1000)
    # Binomial mean and variance; the variance of a variance is 2 sigma^4/n.
    assert abs(found[:, 0].mean() - 700) < 4.5 * np.sqrt(210 / 5000)
    assert abs(found[:, 0].var() / 210 - 1) < 4.5 * np.sqrt(2 / 5000)


def test_poisson_totals_have_their_mean_as_variance() -> None:
    found = totals(1000, 0.7, 0.3, poisson=True).draw(np.random.default_rng(1), 5000).sum(axis=1)
    assert abs(found.mean() - 1000) < 4.5 * np.sqrt(1000 / 5000)
    assert abs(found.var() / 1000 - 1) < 4.5 * np.sqrt((2 + 1 / 1000) / 5000)


@pytest.mark.parametrize(
    ("events", "share"), [(5, 0.5), (100, 0.01), (100, 0.99), (50_000, 0.3), (1, 1e-6)]
)
def test_the_largest_number_is_the_quantile_of_the_binomial(events: int, share: float) -> None:
    found = totals(events, share, 1 - share).largest()[0]
    law = stats.binom(events, share)
    assert law.sf(found) < RARE
    assert found == 0 or law.sf(found - 1) >= RARE


@pytest.mark.parametrize("events", [1, 40, 50_000])
def test_the_largest_number_is_the_quantile_of_the_poisson(events: int) -> None:
    found = totals(events, 1.0, poisson=True).largest()[0]
    assert stats.poisson.sf(found, events) < RARE <= stats.poisson.sf(found - 1, events)


def test_one_pool_and_a_fixed_total_need_exactly_that() -> None:
    assert totals(77, 1.0).largest().tolist() == [77]
    totals(77, 1.0).check(("z",), np.array([77]))
    with pytest.raises(PoolExhaustedError, match=r"pool 'z' has 76 .* needs 77"):
        totals(77, 1.0).check(("z",), np.array([76]))


def test_the_pool_that_is_too_small_is_named() -> None:
    with pytest.raises(PoolExhaustedError) as caught:
        totals(1000, 0.9, 0.1).check(("z", "w"), np.array([2000, 120]))
    assert (caught.value.pool, caught.value.available) == ("w", 120)
    # The mean is 100, the standard deviation 9.5: seven of those up.
    assert 160 < caught.value.needed < 180
