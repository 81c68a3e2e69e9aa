"""Backgrounds of several pools that weigh differently, against many redrawn pools of known laws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import poisson

from rayscan.models.contract import Templates
from rayscan.models.ratio.ceiling import template_noise
from rayscan.models.ratio.likelihood_ratio import closed_form, weights
from rayscan.models.ratio.mixed import Part, effective_size, inverse, noise_of, noise_over_density
from rayscan.models.ratio.separation import Endless, squared_separation

Floats = npt.NDArray[np.float64]

BINS = np.arange(40)
SHARES, SIZES = (0.99, 0.01), (5_000, 20_000)
SIGNAL = 8_000


def falling(scale: float) -> Floats:
    found = np.exp(-BINS / scale)
    return np.asarray(found / found.sum())


LAWS = falling(8.0), falling(14.0)
MIXED = np.asarray(SHARES[0] * LAWS[0] + SHARES[1] * LAWS[1])


def parts(densities: tuple[Floats, ...], sizes: tuple[int, ...] = SIZES) -> tuple[Part, ...]:
    return tuple(
        Part(density=density, share=share, size=size)
        for density, share, size in zip(densities, SHARES, sizes, strict=True)
    )


def templates(densities: tuple[Floats, ...], signal: Floats) -> Templates:
    mixed = parts(densities)
    return Templates(
        background=np.asarray(sum(part.share * part.density for part in mixed)),
        signal=signal,
        S=60,
        B=1000,
        background_size=effective_size(SHARES, SIZES),
        signal_size=SIGNAL,
        mixed=mixed,
    )


def drawn(rng: np.random.Generator, signal: Floats, *, share: int = 1) -> Templates:
    pools = tuple(
        rng.multinomial(n // share, p) * share / n for n, p in zip(SIZES, LAWS, strict=True)
    )
    found = templates(pools, rng.multinomial(SIGNAL // share, signal) * share / SIGNAL)
    sizes = tuple(n // share for n in SIZES)
    mixed = parts(pools, sizes)
    return replace(
        found,
        mixed=mixed,
        signal_size=SIGNAL // share,
        background_size=effective_size(SHARES, sizes),
    )


def heavy(mixed: Templates) -> Templates:
    """The same without the light pool."""
    part = mixed.mixed[0]
    return replace(mixed, background=part.density, background_size=part.size, mixed=())


def distance(truth: Templates, found: Floats) -> float:
    moments = Endless(truth).separation(found)
    return moments.difference / math.sqrt(moments.null_variance + moments.alternative_variance)


def test_one_pool_has_its_own_size_and_the_inverse_that_is_known() -> None:
    density = np.array([0.0, 0.25, 0.75])
    alone = (Part(density=density, share=1.0, size=40),)
    twice = (replace(alone[0], share=0.5, size=40), replace(alone[0], share=0.5, size=40))
    np.testing.assert_allclose(inverse(alone), 41 / (40 * density + 1))
    # two pools of equal weight are one pool: sizes add but for the 1 of N + 1
    np.testing.assert_allclose(inverse(twice), 82 / (80 * density + 1), rtol=1e-6)
    np.testing.assert_allclose(noise_over_density(alone, inverse(alone)), 41 / 40 / 40)
    assert effective_size([1.0], [40]) == 40
    assert effective_size([0.5, 0.5], [40, 40]) == pytest.approx(80)


@pytest.mark.parametrize("density", [3e-4, 2e-3, 2e-2])
@pytest.mark.parametrize("light", [0.3, 1.0, 5.0])
def test_the_inverse_has_the_expectation_of_the_true_density(density: float, light: float) -> None:
    """Summed over all Poisson counts of both pools: (1 - exp(-p / max w)) / p exactly."""
    laws = density, light * density
    counts = [
        np.arange(int(n * p + 9 * math.sqrt(n * p) + 12)) for n, p in zip(SIZES, laws, strict=True)
    ]
    first, second = np.meshgrid(*counts, indexing="ij")
    chance = np.outer(*(poisson.pmf(k, n * p) for k, n, p in zip(counts, SIZES, laws, strict=True)))
    grids = tuple(grid.ravel() / n for grid, n in zip((first, second), SIZES, strict=True))
    found = inverse(parts(grids)) @ chance.ravel()
    p = SHARES[0] * laws[0] + SHARES[1] * laws[1]
    heaviest = max(share / (n + 1) for share, n in zip(SHARES, SIZES, strict=True))
    # w is share / (N + 1), the counts are of N: a relative difference of 1/N
    assert found == pytest.approx((1 - math.exp(-p / heaviest)) / p, rel=4 / min(SIZES))


@pytest.mark.parametrize("scale", [8.0, 14.0])
def test_a_light_pool_of_many_events_says_nothing_of_a_heavy_one(scale: float) -> None:
    """k^2 of 300 redrawn pools: the mean of the true densities, the scatter that its error says."""
    signal = MIXED if scale == 8.0 else falling(scale)
    # all of it but for the bins in which the heavy pool may have no event at all
    known = 1 - np.exp(-MIXED * SIZES[0] / SHARES[0])
    true = float(np.sum(signal**2 / MIXED * known) - 1) if scale == 14.0 else 0.0
    assert true == 0.0 or true > 0.95 * np.sum((signal - MIXED) ** 2 / MIXED)
    rng = np.random.default_rng(1)
    pools = [drawn(rng, signal) for _ in range(300)]
    found = np.array([squared_separation(each) for each in pools])
    spread, error = found[:, 0].std(ddof=1), found[:, 2].mean()
    if true == 0.0:
        # what is left of a Gaussian of mean 0 that is cut at 0 has the mean 0.40 of its width
        assert found[:, 0].mean() < 0.4 * error + 4 * spread / math.sqrt(300)
    else:
        assert found[:, 0].mean() == pytest.approx(true, abs=4 * spread / math.sqrt(300))
        # From noisy densities the error comes out too large; not more than with one pool.
        alone = np.array([squared_separation(heavy(each)) for each in pools])
        of_one = alone[:, 2].mean() / alone[:, 0].std(ddof=1)
        assert error > spread * (1 - 4 / math.sqrt(600))
        assert error / spread == pytest.approx(of_one, rel=4 * math.sqrt(2) / math.sqrt(600))


def test_the_noise_of_a_mean_is_its_spread_over_redrawn_pools() -> None:
    rng, values = np.random.default_rng(2), np.sin(BINS / 5.0)
    means = [drawn(rng, MIXED).background @ values for _ in range(1000)]
    expected = math.sqrt(noise_of(parts(LAWS), values))
    assert np.std(means) == pytest.approx(expected, rel=4 / math.sqrt(2000))


def test_the_correction_of_the_ceiling_is_that_of_redrawn_pools() -> None:
    """Ideal over seen separation of 40 pools, and what the bootstrap of each says of it."""
    signal = falling(14.0)
    rng, truth = np.random.default_rng(3), templates(LAWS, signal)
    best, ideal, seen, factors, errors, rest = weights(truth), [], [], [], [], []
    for _ in range(60):
        trained, tested = drawn(rng, signal), drawn(rng, signal, share=4)
        noise = template_noise(
            trained,
            test_background=[n // 4 for n in SIZES],
            test_signal=SIGNAL // 4,
            shared=False,
            rng=rng,
        )
        ideal.append(distance(tested, best))
        seen.append(distance(tested, weights(trained)))
        factors.append(noise.factor)
        errors.append(noise.relative_error)
        rest.append(ideal[-1] - noise.factor * seen[-1])
    loss = np.mean(ideal) / np.mean(seen) - 1
    error = np.std(np.subtract(ideal, seen), ddof=1) / np.mean(seen) / math.sqrt(60)
    assert loss > 4 * error
    # to first order in the noise: what is left is of the order of the square of the loss
    assert np.mean(factors) - 1 == pytest.approx(loss, abs=4 * error + 0.4 * loss)
    spread = np.std(rest, ddof=1) / np.mean(ideal)
    assert np.mean(errors) == pytest.approx(spread, rel=0.2 + 4 / math.sqrt(120))


def test_events_of_no_weight_change_nothing() -> None:
    """20,000 events of 1 % of the yield beside 5,000 of the rest: k and noise as without them."""
    rng, signal = np.random.default_rng(4), falling(14.0)
    both = drawn(rng, signal)
    alone = heavy(both)
    one, two = (
        template_noise(each, test_background=sizes, test_signal=SIGNAL, shared=False, rng=rng)
        for each, sizes in ((alone, [5_000]), (both, [5_000, 20_000]))
    )
    assert two.factor - 1 == pytest.approx(one.factor - 1, rel=0.3)
    assert closed_form(both).k == pytest.approx(
        closed_form(alone).k, abs=closed_form(alone).k_error
    )
