"""Numbers from tables."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rayscan.ensembles.tabulated import Successes, Table, binomial


@pytest.mark.parametrize(
    ("trials", "probability"),
    [(0, 0.3), (1, 0.5), (3, 1e-9), (40, 0.02), (1000, 0.5), (10**6, 0.03), (10**9 - 1, 0.4)],
)
def test_the_terms_are_those_of_scipy(trials: int, probability: float) -> None:
    low, terms = binomial(trials, probability)
    exact = stats.binom.pmf(np.arange(low, low + len(terms)), trials, probability)
    # scipy goes through log-gamma, whose rounding is about 1e-16 of its size, 20 x trials at most.
    tolerance = 1e-12 + 1e-16 * 50 * max(trials, 1)
    assert np.allclose(terms, exact, rtol=tolerance, atol=1e-17)
    assert terms.sum() == pytest.approx(1, abs=1e-12)


def test_what_is_cut_off_cannot_be_told_from_zero() -> None:
    for trials, probability in [(30, 0.01), (500, 0.2), (10**5, 0.001), (10**6, 0.5)]:
        low, terms = binomial(trials, probability)
        law = stats.binom(trials, probability)
        assert law.cdf(low - 1) + law.sf(low + len(terms) - 1) < 1e-17


@pytest.mark.parametrize(("trials", "probability"), [(1, 0.3), (7, 0.5), (900, 0.4), (10**6, 0.5)])
def test_the_numbers_follow_the_binomial(trials: int, probability: float) -> None:
    rng = np.random.default_rng(5)
    out = np.empty(200_001, dtype=np.uint32)
    Table(*binomial(trials, probability)).fill(rng, out)
    law = stats.binom(trials, probability)
    edges = np.unique(law.ppf(np.linspace(0, 1, 40)[1:-1]))
    expected = np.diff(np.concatenate([[0], law.cdf(edges), [1]])) * out.size
    found = np.bincount(np.searchsorted(edges, out), minlength=len(edges) + 1)
    some = expected > 5
    merged = np.append(found[some], found[~some].sum())
    wanted = np.append(expected[some], expected[~some].sum())
    kept = wanted > 0
    assert stats.chisquare(merged[kept], wanted[kept]).pvalue > 1e-5


def test_the_remainder_makes_up_for_16_bits() -> None:
    # P(X = 1) = 1/3 is no multiple of 2^-16; 4e6 numbers would show the 2^-18 missing only at
    # 0.02 sigma, so the table's own books are checked: slots owned + remainder = the exact law.
    table = Table(*binomial(1, 1 / 3))
    remainder = np.diff(table._remainder, prepend=0.0)
    assert np.allclose((table._multiplicity + remainder) / 65536, [2 / 3, 1 / 3], rtol=1e-14)
    assert table._owned == 65535


@pytest.mark.parametrize("probability", [0.5, 0.3, 0.02, 0.003])
def test_successes_are_independent_trials(probability: float) -> None:
    rng = np.random.default_rng(6)
    found = Successes(probability).places(rng, 400_000)
    assert np.all(np.diff(found) > 0)
    assert found[0] >= 0
    assert found[-1] < 400_000
    number = np.bincount(found // 1000, minlength=400)
    law = stats.binom(1000, probability)
    pull = (number.mean() - law.mean()) / (law.std() / 20)
    # Variance of a variance: 2 sigma^4/(n - 1) for nearly normal numbers.
    spread = (number.var(ddof=1) / law.var() - 1) / np.sqrt(2 / 399)
    assert abs(pull) < 4.5
    assert abs(spread) < 4.5
