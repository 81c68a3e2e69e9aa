"""One bin counted exactly, against brute-force sums of Poisson probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import poisson

from rayscan.stats.counting import decisive_background, exact_limits
from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.limits import upper_limits
from rayscan.stats.template import Template
from rayscan.stats.yields import counting_limit

BANDS = (-2, -1, 0, 1, 2)


def brute_force(background, seen):
    """The signal at which P(N <= n | s + b)/P(N <= n | b) is 0.05, terms added one by one."""

    def cls(signal):
        counts = np.arange(seen + 1)
        with_signal, without = (
            poisson.pmf(counts, mean).sum() for mean in (signal + background, background)
        )
        return with_signal / without - 0.05

    return brentq(cls, 0.0, 500.0, xtol=1e-12)


def count_at(background, band):
    """The smallest n with P(N <= n | b) >= Phi(band), by counting up."""
    n = 0
    while poisson.cdf(n, background) < ndtr(band):
        n += 1
    return n


@pytest.mark.parametrize("background", [0.0, 0.01, 0.5, 1.0, 3.0, 5.0, 9.9, 40.0])
def test_the_band_of_one_bin_is_that_of_the_counts_it_gives(background):
    _, found = exact_limits(background, None, BANDS, 0.05)
    expected = [brute_force(background, count_at(background, band)) for band in BANDS]
    assert found == pytest.approx(expected, rel=1e-9)
    assert min(found) >= -math.log(0.05) * (1 - 1e-9)


def test_without_background_three_events_are_excluded():
    template = Template(signal=[2.0, 1.0], backgrounds=(("b", [0.0, 0.0]),))
    (limit,) = upper_limits([template])
    assert (limit.status, limit.calculator) == ("ok", "exact")
    assert np.array(limit.expected) * 3.0 == pytest.approx([-math.log(0.05)] * 5)


@pytest.mark.parametrize("background", [0.5, 1.0, 3.0, 5.0])
def test_few_events_are_counted_exactly(background):
    limit = counting_limit(background)
    assert limit.calculator == "exact"
    expected = [brute_force(background, count_at(background, band)) for band in BANDS]
    assert limit.expected == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seen", [0.0, 2.0, 9.0])
def test_the_observed_limit_is_that_of_the_count_that_was_seen(seen):
    template = Template(signal=[0.3], backgrounds=(("b", [2.5]),), observed=[seen])
    (limit,) = upper_limits([template])
    assert limit.observed * 0.3 == pytest.approx(brute_force(2.5, int(seen)), rel=1e-9)


def test_many_events_are_left_to_the_formulae():
    assert counting_limit(11.0).calculator == "asymptotic"
    assert counting_limit(1e5).calculator == "asymptotic"


def decisive(template, mu):
    return float(decisive_background(Likelihoods.of([template], np.ones(1)), np.array([mu]))[0])


def test_the_decisive_background_of_one_bin_is_its_background_however_it_is_divided():
    whole = Template(signal=[6.0], backgrounds=(("b", [40.0]),))
    parts = Template(signal=np.full(50, 6 / 50), backgrounds=(("b", np.full(50, 40 / 50)),))
    assert decisive(whole, 2.0) == pytest.approx(40.0)
    assert decisive(parts, 2.0) == pytest.approx(40.0)


def test_a_pure_channel_decides_beside_a_large_one_that_says_nothing():
    """The large one sees S/sqrt(B) = 0.003 at the limit: its share of the statistic is 1e-5."""
    template = Template(signal=[3.0, 3.0], backgrounds=(("b", [1e6, 2.0]),))
    assert decisive(template, 1.0) == pytest.approx(2.0, rel=1e-3)


def test_a_large_channel_decides_only_if_its_background_is_known():
    """S = 6,000 over B = 10^6 is 6 sigma with a known background, 0.1 sigma at 5 %."""
    known = Template(signal=[6000.0, 3.0], backgrounds=(("b", [1e6, 1.0]),))
    unsure = Template(signal=known.signal, backgrounds=known.backgrounds, normalisation={"b": 0.05})
    assert decisive(known, 1.0) > 1000
    # What the large channel still says about the pure one, its normalisation, changes little.
    assert decisive(unsure, 1.0) == pytest.approx(1.0, rel=0.2)
