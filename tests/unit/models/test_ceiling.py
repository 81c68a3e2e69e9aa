"""The ceiling found from noisy templates, against densities that are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import ndtr

from rayscan.models.contract import Templates
from rayscan.models.ratio.ceiling import TemplateNoise, ceiling, pool_difference, template_noise
from rayscan.models.ratio.likelihood_ratio import closed_form, weights
from rayscan.models.ratio.separation import Endless

Floats = npt.NDArray[np.float64]

BINS = np.arange(200)
POOLS = 40


def density(scale: float) -> npt.NDArray[np.float64]:
    falling = np.exp(-BINS / scale)
    return np.asarray(falling / falling.sum())


def law(*, S: int = 63, B: int = 1000, signal: float = 40.0) -> Templates:
    return Templates(
        background=density(25.0),
        signal=density(signal),
        S=S,
        B=B,
        background_size=10**9,
        signal_size=10**9,
    )


def filled(truth: Templates, rng: np.random.Generator, background: int, signal: int) -> Templates:
    return replace(
        truth,
        background=rng.multinomial(background, truth.background) / background,
        signal=rng.multinomial(signal, truth.signal) / signal,
        background_size=background,
        signal_size=signal,
    )


def distance(truth: Templates, found: npt.NDArray[np.float64]) -> float:
    moments = Endless(truth).separation(found)
    width = math.sqrt(moments.null_variance + moments.alternative_variance)
    return moments.difference / width


def test_the_correction_gives_back_most_of_what_noisy_templates_cost() -> None:
    truth, rng = law(), np.random.default_rng(1)
    ideal = distance(truth, weights(truth))
    seen, corrected = [], []
    for _ in range(POOLS):
        templates = filled(truth, rng, 45_000, 8_000)
        noise = template_noise(
            templates, test_background=15_000, test_signal=3_000, shared=False, rng=rng
        )
        seen.append(distance(truth, weights(templates)))
        corrected.append(seen[-1] * noise.factor)
    loss, left = ideal - np.mean(seen), ideal - np.mean(corrected)
    error = np.std(corrected, ddof=1) / np.sqrt(POOLS)
    # To first order in the noise n of k^2 the loss is n/2 and what is left of order n^2.
    assert loss > 0.1 * ideal
    assert -4 * error < left < 0.4 * loss


def test_the_correction_of_a_shared_pool_goes_down() -> None:
    truth, rng = law(), np.random.default_rng(2)
    ideal = distance(truth, weights(truth))
    seen, corrected = [], []
    for _ in range(POOLS):
        templates = filled(truth, rng, 45_000, 8_000)
        noise = template_noise(
            templates, test_background=45_000, test_signal=8_000, shared=True, rng=rng
        )
        assert noise.factor < 1
        seen.append(distance(templates, weights(templates)))
        corrected.append(seen[-1] * noise.factor)
    gain, left = np.mean(seen) - ideal, np.mean(corrected) - ideal
    error = np.std(corrected, ddof=1) / np.sqrt(POOLS)
    assert gain > 0.1 * ideal
    assert -4 * error < left < 0.4 * gain


@pytest.mark.parametrize("signal", [35.0, 40.0, 60.0])
def test_of_small_pools_the_truth_lies_between_the_first_order_and_the_next(signal: float) -> None:
    """Where the first order is too low by far more than its own error."""
    truth, rng = law(signal=signal), np.random.default_rng(6)
    ideal = distance(truth, weights(truth))
    first, following = [], []
    for _ in range(POOLS):
        templates = filled(truth, rng, 3_000, 1_000)
        noise = template_noise(
            templates, test_background=1_000, test_signal=300, shared=False, rng=rng
        )
        seen = distance(truth, weights(templates))
        first.append(seen * (noise.factor - noise.order))
        following.append(seen * (noise.factor + noise.order))
        assert ceiling(0.7, 1e-9, noise).error > ceiling(0.7, 1e-9, replace(noise, order=0.0)).error
    errors = [4 * np.std(each, ddof=1) / np.sqrt(POOLS) for each in (first, following)]
    assert np.mean(first) + errors[0] < ideal < np.mean(following) + errors[1]


def test_the_pool_error_is_the_spread_of_the_ceiling_around_the_best_classifier() -> None:
    truth, rng = law(), np.random.default_rng(3)
    best = weights(truth)
    rest, errors, ideal = [], [], []
    for _ in range(200):
        templates = filled(truth, rng, 45_000, 8_000)
        tested = filled(truth, rng, 15_000, 3_000)
        noise = template_noise(
            templates, test_background=15_000, test_signal=3_000, shared=False, rng=rng
        )
        ideal.append(distance(tested, best))
        rest.append(ideal[-1] - noise.factor * distance(tested, weights(templates)))
        errors.append(noise.relative_error)
    spread = np.std(rest, ddof=1) / np.mean(ideal)
    # A spread from 200 pools is known to 5 %, and the factor of each pool has a noise of its own.
    assert np.mean(errors) == pytest.approx(spread, rel=0.2 + 4 * 0.05)


def test_endless_pools_need_no_correction() -> None:
    noise = template_noise(
        law(),
        test_background=10**9,
        test_signal=10**9,
        shared=False,
        rng=np.random.default_rng(4),
    )
    assert noise.factor == pytest.approx(1.0, abs=1e-4)
    assert noise.relative_error < 1e-3
    found = ceiling(0.8, 0.01, noise)
    assert found.auc == pytest.approx(0.8, abs=1e-4)
    assert found.error == pytest.approx(0.01, rel=1e-2)


def test_a_signal_like_background_has_a_ceiling_of_one_half() -> None:
    truth, rng = law(signal=25.0), np.random.default_rng(5)
    areas, seen = [], []
    for _ in range(POOLS):
        templates = filled(truth, rng, 45_000, 8_000)
        test = filled(truth, rng, 15_000, 3_000)
        noise = template_noise(
            templates, test_background=15_000, test_signal=3_000, shared=False, rng=rng
        )
        seen.append(float(ndtr(distance(test, weights(templates)))))
        areas.append(ceiling(seen[-1], 1e-4, noise).auc)
    assert np.mean(seen) == pytest.approx(0.5, abs=4 * np.std(seen, ddof=1) / np.sqrt(POOLS))
    for below, area in zip(np.less(seen, 0.5), areas, strict=True):
        assert (area == 0.5) == below


def test_errors_of_test_set_and_pools_add_in_quadrature() -> None:
    noise = TemplateNoise(factor=1.0, relative_error=0.1)
    found = ceiling(0.8, 0.01, noise)
    distance_seen = 0.8416212335729143  # Phi^-1(0.8)
    slope = np.exp(-(distance_seen**2) / 2) / np.sqrt(2 * np.pi)
    assert found.pool_error == pytest.approx(0.1 * distance_seen * slope, rel=1e-9)
    assert found.error == pytest.approx(np.hypot(0.01, found.pool_error), rel=1e-9)


def test_a_perfect_area_stays_perfect() -> None:
    found = ceiling(1.0, 0.0, TemplateNoise(factor=1.3, relative_error=0.1))
    assert (found.auc, found.error, found.pool_error) == (1.0, 0.0, 0.0)


def test_the_closed_form_agrees_where_both_are_exact() -> None:
    truth = law()
    assert float(ndtr(distance(truth, weights(truth)))) == pytest.approx(closed_form(truth).auc)


@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_test_pools_set_classifiers_apart_by_what_they_do_not_have_in_common(tilt: float) -> None:
    """4,000 test pools, the exact AUC of two linear scores on each: their difference scatters."""
    rng = np.random.default_rng(3)
    S, B, pools = 500, 5000, 4000
    signal_pool, background_pool = 24_000, 120_000
    b = rng.dirichlet(np.full(50, 5.0))
    s = b * np.linspace(1 - tilt, 1 + tilt, 50)
    s /= s.sum()
    other = rng.normal(size=50)
    best = np.log((B * b + S * s) / ((S + B) * b)) if tilt else rng.normal(size=50)

    def centred(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return (w - b @ w) / np.sqrt(b @ (w - b @ w) ** 2)

    weights = np.stack([centred(best), centred(centred(best) + 0.5 * other if tilt else other)])

    def areas(
        background: npt.NDArray[np.float64], signal: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        means = weights @ (signal - background)
        spreads = [weights**2 @ p - (weights @ p) ** 2 for p in (background, signal)]
        return np.asarray(ndtr(S * means / np.sqrt((2 * B + S) * spreads[0] + S * spreads[1])))

    drawn = np.array(
        [
            areas(
                rng.multinomial(background_pool, b) / background_pool,
                rng.multinomial(signal_pool, s) / signal_pool,
            )
            for _ in range(pools)
        ]
    )
    shift = S / np.sqrt(S + B) * np.sqrt(1 / signal_pool + 1 / background_pool)
    expected = pool_difference(areas(b, s)[1], b @ weights.prod(axis=0), shift)
    scatter = (drawn[:, 1] - drawn[:, 0]).std()
    # To first order in S/B, and of a single event under signal as under background: a tenth.
    assert scatter == pytest.approx(expected, rel=0.1 + 4 / np.sqrt(2 * pools))


def test_what_is_perfect_or_the_same_is_not_set_apart() -> None:
    assert pool_difference(1.0, 0.0, 0.1) == pool_difference(0.7, 1.0, 0.1) == 0.0


def test_no_ceiling_is_below_a_classifier_that_looks_at_nothing() -> None:
    found = ceiling(0.46, 0.006, TemplateNoise(factor=1.1, relative_error=0.3))
    assert found.auc == 0.5
    assert found.error == pytest.approx(0.006 * 1.1)
