"""Ensembles of one mixture, against exact moments and event-by-event picking."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from rayscan.ensembles.draw import Background, Ensembles, EventEnsembles, Method, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.errors import PoolExhaustedError

METHODS: tuple[Method, ...] = ("without_replacement", "multinomial", "poisson")
Array = npt.NDArray[np.float64]


def pools(seed: int = 0) -> tuple[Background, Pool]:
    rng = np.random.default_rng(seed)
    z = rng.multinomial(4000, rng.dirichlet(np.full(20, 0.7)))
    w = rng.multinomial(1500, rng.dirichlet(np.full(20, 0.7)))
    s = rng.multinomial(600, rng.dirichlet(np.full(20, 0.7)))
    return Background((Pool("z", z), Pool("w", w)), (3.0, 1.0)), Pool("s", s)


def assert_moments(drawn: Array, mean: Array, variance: Array) -> None:
    """Sample moments against exact ones, with errors from the sample's own spread."""
    N = len(drawn)
    away = drawn - mean
    still = variance < 1e-12
    assert np.allclose(away[:, still], 0)
    pull = away.mean(axis=0)[~still] / np.sqrt(variance[~still] / N)
    assert np.abs(pull).max() < 4.5
    square = away[:, ~still] ** 2
    pull = (square.mean(axis=0) - variance[~still]) / square.std(axis=0) * np.sqrt(N)
    assert np.abs(pull).max() < 5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("totals", ["fixed", "poisson"])
@pytest.mark.parametrize("null", ["matched", "background"])
def test_histograms_have_the_exact_moments(
    method: Method, totals: Literal["fixed", "poisson"], null: Literal["matched", "background"]
) -> None:
    background, signal = pools()
    mixture = Mixture(signal=90, background=800, totals=totals, null=null)
    ensembles = Ensembles(background, signal, mixture, method=method)
    rng = np.random.default_rng(5)
    null_counts, counts = ensembles.null(rng, 8000), ensembles.alternative(rng, 8000)
    assert null_counts.shape == counts.shape == (8000, 20)
    assert null_counts.dtype == counts.dtype == np.uint16
    assert_moments(null_counts, ensembles.null_mean, ensembles.null_variance)
    assert_moments(counts, ensembles.alternative_mean, ensembles.alternative_variance)
    assert ensembles.null_mean.sum() == pytest.approx(890 if null == "matched" else 800)


@pytest.mark.parametrize("totals", ["fixed", "poisson"])
def test_mixed_backgrounds_are_what_picking_events_gives(
    totals: Literal["fixed", "poisson"],
) -> None:
    background, signal = pools(1)
    mixture = Mixture(signal=60, background=600, totals=totals)
    ensembles = Ensembles(background, signal, mixture)
    rng = np.random.default_rng(6)
    N = 5000
    events = [np.repeat(np.arange(20), pool.counts) for pool in background.pools]
    picked = np.zeros((N, 20))
    for row in picked:
        total = 660 if totals == "fixed" else rng.poisson(660)
        first = rng.binomial(total, 0.75)
        for source, n in zip(events, (first, total - first), strict=True):
            np.add.at(row, rng.choice(source, n, replace=False), 1)
    assert_moments(picked, ensembles.null_mean, ensembles.null_variance)
    drawn = ensembles.null(rng, N)
    for weights in (rng.normal(size=20), rng.normal(size=20)):
        assert stats.ks_2samp(picked @ weights, drawn @ weights).pvalue > 1e-4


@pytest.mark.parametrize("method", ["without_replacement", "multinomial"])
def test_fixed_totals_are_equal_in_both_classes(method: Method) -> None:
    background, signal = pools()
    rng = np.random.default_rng(1)
    matched = Ensembles(background, signal, Mixture(signal=90, background=800), method=method)
    assert np.all(matched.null(rng, 300).sum(axis=1) == 890)
    assert np.all(matched.alternative(rng, 300).sum(axis=1) == 890)
    mixture = Mixture(signal=90, background=800, null="background")
    unmatched = Ensembles(background, signal, mixture, method=method)
    assert np.all(unmatched.null(rng, 300).sum(axis=1) == 800)
    assert np.all(unmatched.alternative(rng, 300).sum(axis=1) == 890)


@pytest.mark.parametrize("method", METHODS)
def test_poisson_totals_have_the_mean_and_variance_of_a_poisson(method: Method) -> None:
    background, signal = pools()
    mixture = Mixture(signal=90, background=800, totals="poisson")
    ensembles = Ensembles(background, signal, mixture, method=method)
    rng = np.random.default_rng(2)
    for counts in (ensembles.null(rng, 6000), ensembles.alternative(rng, 6000)):
        total = counts.sum(axis=1)
        assert abs(total.mean() - 890) < 4.5 * np.sqrt(890 / 6000)
        assert abs(total.var() / 890 - 1) < 4.5 * np.sqrt((2 + 1 / 890) / 6000)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("null", ["matched", "background"])
def test_the_separation_of_a_linear_statistic_is_exact(
    method: Method, null: Literal["matched", "background"]
) -> None:
    background, signal = pools(2)
    mixture = Mixture(signal=90, background=800, null=null)
    ensembles = Ensembles(background, signal, mixture, method=method)
    rng = np.random.default_rng(3)
    weights = rng.normal(size=20)
    exact = ensembles.separation(weights)
    N = 8000
    null_scores = ensembles.null(rng, N) @ weights
    scores = ensembles.alternative(rng, N) @ weights
    error = np.sqrt((exact.null_variance + exact.alternative_variance) / N)
    assert abs(scores.mean() - null_scores.mean() - exact.difference) < 4.5 * error
    # Scores are nearly normal: the variance of a variance is 2 sigma^4/N.
    assert abs(null_scores.var() / exact.null_variance - 1) < 5 * np.sqrt(2 / N)
    assert abs(scores.var() / exact.alternative_variance - 1) < 5 * np.sqrt(2 / N)


@pytest.mark.parametrize("totals", ["fixed", "poisson"])
def test_the_separation_knows_the_noise_of_its_pools(totals: Literal["fixed", "poisson"]) -> None:
    rng = np.random.default_rng(4)
    z, w, s = (rng.dirichlet(np.ones(10)) for _ in range(3))
    weights = rng.normal(size=10)
    mixture = Mixture(signal=150, background=500, totals=totals)
    found = []
    for _ in range(1500):
        drawn = [Pool(n, rng.multinomial(size, p)) for n, size, p in (("z", 900, z), ("w", 700, w))]
        other = Pool("s", rng.multinomial(400, s))
        background = Background(tuple(drawn), (0.6, 0.4))
        found.append(Ensembles(background, other, mixture).separation(weights))
    spread = np.std(
        [f.difference / np.sqrt(f.null_variance + f.alternative_variance) for f in found]
    )
    claimed = np.mean([f.distance_error for f in found])
    # sigma of a standard deviation: 1/sqrt(2 n).
    assert abs(spread / claimed - 1) < 4.5 / np.sqrt(2 * 1500)


def test_everything_of_a_pool_has_no_variance() -> None:
    counts = np.array([5, 0, 7, 1])
    ensembles = Ensembles(Background((Pool("z", counts),)), None, Mixture(signal=0, background=13))
    assert np.all(ensembles.null(np.random.default_rng(), 100) == counts)
    assert not ensembles.null_variance.any()
    assert ensembles.draw_fraction == 1
    both = Ensembles(
        Background((Pool("z", counts),)), Pool("s", counts), Mixture(signal=4, background=9)
    )
    assert both.separation(np.ones(4)).distance_error == 0


def test_pure_signal_is_drawn_without_background() -> None:
    background, signal = pools()
    ensembles = Ensembles(background, signal, Mixture(signal=100, background=0))
    rng = np.random.default_rng(1)
    assert np.all(ensembles.alternative(rng, 200) <= signal.counts)
    assert np.all(ensembles.alternative(rng, 200).sum(axis=1) == 100)
    assert np.all(ensembles.null(rng, 200).sum(axis=1) == 100)


def test_large_counts_take_32_bits() -> None:
    background = Background((Pool("z", np.array([200_000, 100_000])),))
    signal = Pool("s", np.array([10_000, 10]))
    rng = np.random.default_rng(1)
    for method in METHODS:
        mixture = Mixture(signal=1000, background=110_000)
        drawn = Ensembles(background, signal, mixture, method=method).alternative(rng, 50)
        assert drawn.dtype == np.uint32
        assert drawn.max() > 65_535


def test_the_draw_fraction_is_that_of_the_pool_used_most() -> None:
    background, signal = pools()
    ensembles = Ensembles(background, signal, Mixture(signal=60, background=800))
    assert ensembles.draw_fraction == pytest.approx(max(860 * 0.75 / 4000, 860 * 0.25 / 1500, 0.1))
    other = Mixture(signal=6, background=800, null="background")
    assert Ensembles(background, signal, other).draw_fraction == pytest.approx(600 / 4000)


def test_a_pool_that_is_too_small_is_named() -> None:
    background, signal = pools()
    with pytest.raises(PoolExhaustedError, match=r"pool 's' has 600 events .* needs 700"):
        Ensembles(background, signal, Mixture(signal=700, background=100))
    with pytest.raises(PoolExhaustedError, match="pool 'w' has 1500 events"):
        Ensembles(Background(background.pools, (2, 1)), signal, Mixture(signal=1, background=4500))
    one = Background((background.pools[0],))
    Ensembles(one, signal, Mixture(signal=100, background=3900))
    with pytest.raises(PoolExhaustedError, match=r"pool 'z' has 4000 events .* needs 4001"):
        Ensembles(one, signal, Mixture(signal=100, background=3901))
    Ensembles(one, signal, Mixture(signal=700, background=9999), method="multinomial")


def test_equal_seeds_give_equal_ensembles() -> None:
    background, signal = pools()
    for method in METHODS:
        ensembles = Ensembles(background, signal, Mixture(signal=6, background=80), method=method)
        first = ensembles.alternative(np.random.default_rng(1), 500)
        assert np.array_equal(first, ensembles.alternative(np.random.default_rng(1), 500))
        assert not np.array_equal(first, ensembles.alternative(np.random.default_rng(2), 500))


def test_class_1_needs_a_signal_pool() -> None:
    background, _ = pools()
    ensembles = Ensembles(background, None, Mixture(signal=5, background=80))
    assert ensembles.null(np.random.default_rng(), 3).sum() == 255
    with pytest.raises(ValueError, match="signal: none was given"):
        ensembles.alternative(np.random.default_rng(), 3)


def test_pools_that_do_not_fit_together_are_refused() -> None:
    z, short = Pool("z", np.array([1, 2])), Pool("s", np.array([3]))
    with pytest.raises(ValueError, match="signal: pool 's' has 1 bins, the background 2"):
        Ensembles(Background((z,)), short, Mixture(signal=1, background=1))
    with pytest.raises(ValueError, match="different numbers of bins"):
        Background((z, short), (1, 1))
    with pytest.raises(ValueError, match="two have the same name"):
        Background((z, z), (1, 1))
    with pytest.raises(ValueError, match="shares: 1 for 2 pools"):
        Background((z, Pool("w", np.array([1, 2]))))
    with pytest.raises(ValueError, match=r"shares: .* above 0"):
        Background((z,), (0.0,))
    with pytest.raises(ValueError, match="pool 'e' expected"):
        Pool("e", np.zeros(3, dtype=int))


def test_background_density_is_weighted_by_yield() -> None:
    background = Background((Pool("z", np.array([1, 3])), Pool("w", np.array([2, 0]))), (3, 1))
    assert background.shares == (0.75, 0.25)
    assert background.density.tolist() == [0.75 * 0.25 + 0.25, 0.75 * 0.75]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("totals", ["fixed", "poisson"])
def test_event_sums_agree_with_histograms_of_the_same_events(
    method: Method, totals: Literal["fixed", "poisson"]
) -> None:
    background, signal = pools(3)
    weights = np.random.default_rng(0).normal(size=20)
    values = [np.repeat(weights, pool.counts) for pool in (*background.pools, signal)]
    mixture = Mixture(signal=90, background=1800, totals=totals)
    binned = Ensembles(background, signal, mixture, method=method)
    sums = EventEnsembles(
        [(values[0], 3.0), (values[1], 1.0)], values[2].astype(np.float32), mixture, method
    )
    rng = np.random.default_rng(9)
    N = 2500
    exact = binned.separation(weights)
    null, alternative = sums.null(rng, N), sums.alternative(rng, N)
    assert abs(null.var() / exact.null_variance - 1) < 5 * np.sqrt(2 / N)
    assert abs(alternative.var() / exact.alternative_variance - 1) < 5 * np.sqrt(2 / N)
    mean = binned.null_mean @ weights
    assert abs(null.mean() - mean) < 4.5 * np.sqrt(exact.null_variance / N)
    assert stats.ks_2samp(null, binned.null(rng, N) @ weights).pvalue > 1e-4
    assert stats.ks_2samp(alternative, binned.alternative(rng, N) @ weights).pvalue > 1e-4


def test_event_pools_that_are_too_small_are_named() -> None:
    with pytest.raises(PoolExhaustedError, match="pool 'background 1' has 10"):
        EventEnsembles([(np.ones(10), 1.0)], np.ones(5), Mixture(signal=2, background=9))
    with pytest.raises(PoolExhaustedError, match="pool 'signal' has 5"):
        EventEnsembles([(np.ones(100), 1.0)], np.ones(5), Mixture(signal=6, background=9))
