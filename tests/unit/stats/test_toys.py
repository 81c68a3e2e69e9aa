"""Limits of toys: against the exact count, against pyhf's toys, and never below the bound."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pyhf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import poisson

from rayscan.stats.counting import exact_limits
from rayscan.stats.limits import upper_limits
from rayscan.stats.profile import BANDS, profile_limits
from rayscan.stats.template import Template
from rayscan.stats.toys import TOYS, of_like_bins, toy_limits
from rayscan.stats.workspace import workspace

LOWEST = -math.log(0.05)


def few(seed=1, bins=4, **changes):
    """A falling background of few events with every uncertainty of the background."""
    rng = np.random.default_rng(seed)
    background = 10 ** rng.uniform(-1.5, 1.0, bins)
    values = {
        "signal": rng.uniform(0.1, 1.0, bins),
        "backgrounds": (("one", 0.7 * background), ("two", 0.3 * background)),
        "background_stat": 0.15 * background,
        "normalisation": {"one": 0.1, "two": 0.3},
    }
    return Template(**{**values, **changes})


@pytest.mark.parametrize("background", [0.5, 1.0, 3.0, 5.0])
def test_toys_of_one_bin_are_the_exact_count(background):
    """A band can be that of a neighbouring count only where Phi(band) is within 3 errors of it."""
    template = Template(signal=[1.0], backgrounds=(("b", [background]),), observed=[1.0])
    found = toy_limits(template, 0.05)
    seen, expected = exact_limits(background, 1.0, BANDS, 0.05)
    # Of the mean weight over the toys below: at most its spread, 3 of 1/sqrt(0.02 x 4,000).
    assert found.observed == pytest.approx(seen, rel=0.03)
    assert found.expected == pytest.approx(expected, rel=0.03)
    assert 0 <= found.error < 0.02 * expected[2]


def never_below_three(seed):
    """CLs >= exp(-S) for any test statistic; 1 % for a root of ln CLs found to 0.01."""
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(1, 8))
    background = 10 ** rng.uniform(-2.5, 2, bins)
    template = Template(
        signal=10 ** rng.uniform(-2, 1, bins),
        backgrounds=(("one", background),),
        background_stat=background * rng.uniform(0, 0.4, bins) if rng.random() < 0.7 else None,
        normalisation={"one": float(rng.uniform(0, 0.5))} if rng.random() < 0.7 else {},
        observed=rng.poisson(background).astype(float),
    )
    (limit,) = upper_limits([template])
    assert limit.status == "ok"
    lowest = np.min([limit.observed, *limit.expected]) * template.signal.sum()
    assert lowest >= LOWEST * 0.99
    assert np.all(np.diff(limit.expected) > -1e-9 * limit.expected[2])


def test_toys_of_two_bins_are_the_sum_over_all_counts():
    """q-tilde of every pair of counts, and its probabilities, with known background."""
    signal, background = np.array([1.0, 0.5]), np.array([0.6, 3.0])
    counts = np.stack(np.meshgrid(np.arange(25.0), np.arange(35.0)), axis=-1).reshape(-1, 2)

    def cost(mu):
        expected = mu * signal + background
        return (expected - counts * np.log(expected)).sum(axis=1)

    strengths = np.linspace(0.0, 50.0, 5001)
    scanned = np.array([cost(mu) for mu in strengths])
    best, smallest = strengths[scanned.argmin(axis=0)], scanned.min(axis=0)
    without = poisson.pmf(counts, background).prod(axis=1)

    def excess(mu, share):
        # Rounded: the scan finds minima to about 1e-5.
        q = np.where(best > mu, 0.0, np.round(2 * np.maximum(cost(mu) - smallest, 0), 4))
        order = np.argsort(-q, kind="stable")
        seen = q[order][np.searchsorted(np.cumsum(without[order]), share)]
        beyond = q >= seen - 1e-9
        with_signal = poisson.pmf(counts, mu * signal + background).prod(axis=1)
        return with_signal[beyond].sum() / without[beyond].sum() - 0.05

    template = Template(signal=signal, backgrounds=(("b", background),))
    (found,) = upper_limits([template])
    assert found.calculator == "toys"
    for band, limit in zip(BANDS, found.expected, strict=True):
        share = ndtr(band)
        step = 3 * math.sqrt(share * (1 - share) / TOYS)
        low, high = (brentq(excess, 0.3, 30, args=(share + by,)) for by in (-step, step))
        # Limits of neighbouring outcomes; 2 % for the mean weight of the toys beyond.
        assert low * 0.98 <= limit <= high * 1.02


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_with_known_efficiency_no_limit_lies_below_three_events(seed):
    never_below_three(seed)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_with_known_efficiency_no_limit_of_many_lies_below_three_events(seed):
    never_below_three(seed)


def test_toys_decide_where_few_events_do_and_nowhere_else():
    sparse = few()
    rich = sparse.scaled(1000.0)
    first, second = upper_limits([sparse, rich])
    assert (first.calculator, second.calculator) == ("toys", "asymptotic")
    assert first.error > 0
    assert second.error is None
    assert second.expected == pytest.approx(profile_limits([rich], 0.05).expected[0], rel=1e-9)


def test_with_more_events_toys_and_formulae_agree():
    """Formulae are off by about 0.2/sqrt(b) (7 % at b = 10, exact count); toys by 1/sqrt(4,000)."""
    template = few(bins=3).scaled(300.0)
    found, formula = toy_limits(template, 0.05), profile_limits([template], 0.05)
    assert found.expected[2] == pytest.approx(formula.expected[0, 2], rel=0.04)
    assert found.expected[[1, 3]] == pytest.approx(formula.expected[0, [1, 3]], rel=0.06)


def test_toys_repeat_and_do_not_depend_on_neighbours_or_on_the_unit_of_the_signal():
    template = few(observed=np.array([0.0, 2.0, 1.0, 0.0]))
    (alone,) = upper_limits([template])
    _, beside = upper_limits([few(5), template])
    assert beside == alone
    (scaled,) = upper_limits([replace(template, signal=template.signal * 1e4)])
    assert np.array(scaled.expected) * 1e4 == pytest.approx(alone.expected, rel=1e-5)
    (other,) = upper_limits([template], seed=1)
    assert other.expected != alone.expected
    # Both medians have this error; 4 of their difference.
    assert abs(other.expected[2] - alone.expected[2]) < 4 * math.sqrt(2) * alone.error


def test_the_error_is_the_spread_of_other_toys():
    template = few(3)
    found = [toy_limits(template, 0.05, seed=seed, toys=400) for seed in range(12)]
    spread = np.std([each.expected[2] for each in found], ddof=1)
    # A standard deviation of 12 numbers is known to 1/sqrt(22) = 21 %.
    assert np.mean([each.error for each in found]) == pytest.approx(spread, rel=0.65)


def test_an_uncertain_signal_weakens_and_a_deficit_stays_in_the_band():
    known = few()
    unsure = replace(known, normalisation={**known.normalisation, "signal": 0.3})
    assert toy_limits(unsure, 0.05).expected[2] > toy_limits(known, 0.05).expected[2]
    empty = replace(known, observed=np.zeros(4))
    found = toy_limits(empty, 0.05)
    assert found.observed <= found.expected[2]
    assert found.observed * known.signal.sum() >= LOWEST * 0.99


@pytest.mark.parametrize("which", ["signal", "luminosity"])
def test_without_background_an_uncertain_efficiency_weakens_the_limit(which):
    """No event is ever seen: CLs = exp(-S f), f the efficiency that fits best, S f = -ln(level).

    -ln L = S f(alpha) + alpha^2/2 is least at alpha = -ln(kappa) S f, where S f = -ln(level).
    """
    known = {"signal": 0.1} if which == "signal" else {}
    template = Template(
        signal=[1.0],
        backgrounds=(("b", [0.0]),),
        normalisation=known,
        luminosity_uncertainty=0.0 if known else 0.1,
    )
    (limit,) = upper_limits([template])
    assert (limit.status, limit.calculator) == ("ok", "toys")
    factor = 1.1 ** (-math.log(1.1) * LOWEST)
    # pyhf's polynomial inside one sigma differs from the exponential by up to 1e-3.
    assert limit.expected == pytest.approx([LOWEST / factor] * 5, rel=2e-3)


def test_bins_of_like_purity_taken_together_keep_the_information():
    """Of three decades of signal and background the limit may lose 1.5 %, where toys know 0.7 %."""
    rng = np.random.default_rng(1)
    signal, background = 10 ** rng.uniform(-4, -1, (2, 900))
    template = Template(signal=signal, backgrounds=(("b", background),), normalisation={"b": 0.1})
    merged = of_like_bins(template, 24)
    assert len(merged.signal) <= 24
    assert merged.background.sum() == pytest.approx(background.sum())
    whole, part = (profile_limits([t], 0.05).expected[0] for t in (template, merged))
    assert np.all((whole <= part) & (part < 1.015 * whole))
    alike = Template(signal=np.ones(50), backgrounds=(("b", np.full(50, 0.1)),))
    assert of_like_bins(alike, 24).background == pytest.approx([5.0])


@pytest.mark.slow
@pytest.mark.parametrize("band", [0, 2, 4])
def test_toys_of_pyhf_agree(band):
    """pyhf's own toy calculator at our limit; both estimates of CLs have binomial errors."""
    toys = 500
    template = Template(
        signal=[1.0, 1.0, 2.0],
        backgrounds=(("b", [20.0, 4.0, 1.0]),),
        normalisation={"b": 0.1},
        background_stat=[2.0, 0.8, 0.2],
    )
    (limit,) = upper_limits([template])
    assert limit.calculator == "toys"
    share = [0.0228, 0.1587, 0.5, 0.8413, 0.9772][band]
    found = cls_of_pyhf(workspace(template, signal_unit=limit.expected[band]), share, toys)
    # CLs+b and CLb of pyhf's toys, and the same of ours with 4 times as many.
    relative = math.sqrt((1 / (0.05 * share) + 1 / share) * (1 / toys + 1 / TOYS))
    assert found == pytest.approx(0.05, rel=3 * relative)


def cls_of_pyhf(spec, share, toys):
    """CLs at strength 1 by pyhf's toys, for the data that a share of background-only toys gives.

    Its own ``expected_pvalues`` asks numpy for an argument that is gone.
    """
    document = pyhf.Workspace(spec)
    model = document.model()
    before = np.random.get_state()  # noqa: NPY002  pyhf draws its toys from it
    np.random.seed(7)  # noqa: NPY002, TID251
    calculator = pyhf.infer.calculators.ToyCalculator(
        document.data(model), model, ntoys=toys, test_stat="qtilde", track_progress=False
    )
    with_signal, without = (
        np.asarray(each.samples) for each in calculator.distributions(1.0, track_progress=False)
    )
    np.random.set_state(before)  # noqa: NPY002
    seen = np.sort(without)[::-1][int(np.ceil(share * toys)) - 1] - 1e-6
    return float(np.mean(with_signal >= seen) / np.mean(without >= seen))
