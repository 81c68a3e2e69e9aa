"""Uncertainties inside the ensembles: their laws, exact moments, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.draw import Background, Ensembles, EventEnsembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import (
    CUT,
    Nuisances,
    ShapeUncertainty,
    Uncertainty,
    factor_moments,
    nodes,
    nuisances,
    thetas,
    tilted,
)
from rayscan.errors import PoolExhaustedError
from rayscan.seeds import stream

N = 4000
SIGMA = 5.0
BINNING = Binning(
    axes=(
        Axis(observable="jet1_pt", bins=5, low=100, high=1000, scale="log"),
        Axis(observable="jet1_eta", bins=3, low=-4, high=4),
    )
)
COUNTS = np.outer([8000, 4000, 2000, 900, 300], [1, 3, 1]).ravel()
BACKGROUND = Background((Pool("b", COUNTS), Pool("c", COUNTS[::-1].copy())), (3.0, 1.0))
ONE = Background((Pool("b", COUNTS),))
SIGNAL = Pool("s", np.full(15, 400))
SHAPE = Uncertainty(shape=ShapeUncertainty(observable="jet1_pt", slope=0.3))
BOTH = Uncertainty(background=0.2, shape=ShapeUncertainty(observable="jet1_eta", slope=0.2))


def sampler(uncertainty, pools=ONE, *, method="multinomial", **changes):
    mixture = Mixture(**{"signal": 100, "background": 1000} | changes)
    found = nuisances(uncertainty, BINNING, pools.density)
    return Ensembles(pools, SIGNAL, mixture, method=method, nuisances=found)


@pytest.mark.parametrize("method", ["without_replacement", "multinomial", "poisson"])
def test_without_uncertainty_the_very_same_histograms_come_out(method):
    mixture = Mixture(signal=100, background=1000)
    plain = Ensembles(BACKGROUND, SIGNAL, mixture, method=method)
    unsure = Ensembles(BACKGROUND, SIGNAL, mixture, method=method, nuisances=Nuisances())
    for draw in ("null", "alternative"):
        one, two = (getattr(e, draw)(stream(1, "same"), 200) for e in (plain, unsure))
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(plain.null_variance, unsure.null_variance)
    assert nuisances(Uncertainty(), BINNING, ONE.density) is None


CASES = [
    (Uncertainty(background=0.2), "without_replacement", {}),
    (Uncertainty(background=0.2), "poisson", {"null": "background"}),
    (SHAPE, "multinomial", {}),
    (BOTH, "multinomial", {"null": "background"}),
    (BOTH, "poisson", {}),
]


@pytest.mark.parametrize(("uncertainty", "method", "changes"), CASES)
@pytest.mark.parametrize("background", [ONE, BACKGROUND])
def test_drawn_histograms_have_the_exact_moments(uncertainty, method, changes, background):
    found = sampler(uncertainty, background, method=method, **changes)
    rng = stream(2, method)
    weights = np.linspace(-1, 2, 15)
    separation = found.separation(weights)
    for draw, mean, variance, spread in (
        (found.null, found.null_mean, found.null_variance, separation.null_variance),
        (
            found.alternative,
            found.alternative_mean,
            found.alternative_variance,
            separation.alternative_variance,
        ),
    ):
        drawn = draw(rng, N).astype(float)
        assert np.abs((drawn.mean(axis=0) - mean) / np.sqrt(variance / N)).max() < SIGMA
        statistic = drawn @ weights
        for seen, exact in ((drawn, variance), (statistic, spread)):
            # Log-normal numbers have heavy tails: the error comes from the sample itself.
            kurtosis = np.max(stats.kurtosis(seen, axis=0, fisher=False))
            away = np.abs(seen.var(axis=0) / exact - 1).max()
            assert away < SIGMA * np.sqrt((kurtosis - 1) / N)


def test_matched_totals_stay_matched():
    found = sampler(Uncertainty(background=0.3), method="without_replacement")
    totals = [draw(stream(3, "t"), N).sum(axis=1) for draw in (found.null, found.alternative)]
    assert stats.ks_2samp(*totals).pvalue > 1e-5
    assert found.null_mean.sum() == pytest.approx(found.alternative_mean.sum(), rel=1e-12)
    assert min(totals[0]) > 100  # the S that class 0 has beside its B is not scaled


def test_the_factor_is_log_normal_with_these_moments():
    law = stats.truncnorm(-CUT, CUT)
    for relative in (0.05, 0.4):
        moments = [
            integrate.quad(lambda t, n=n, r=relative: (1 + r) ** (n * t) * law.pdf(t), -CUT, CUT)[0]
            for n in (1, 2)
        ]
        mean, variance = factor_moments(relative)
        assert mean == pytest.approx(moments[0], rel=1e-9)
        assert variance == pytest.approx(moments[1] - moments[0] ** 2, rel=1e-7)
    found = thetas(stream(4, "theta"), 20_000)
    assert stats.kstest(found, "norm").pvalue > 1e-5


def test_the_slope_is_the_change_at_one_standard_deviation():
    found = nuisances(SHAPE, BINNING, ONE.density)
    t = found.tilt / np.log(1.3)
    assert ONE.density @ t == pytest.approx(0, abs=1e-12)
    assert ONE.density @ t**2 == pytest.approx(1)
    rows = t.reshape(5, 3)
    assert np.ptp(rows, axis=1).max() == 0  # along the other axis nothing changes
    assert np.ptp(np.diff(rows[:, 0])) < 1e-12  # even steps in log pT
    up = tilted(ONE.density, found.tilt, np.ones(1))[0]
    ratio = up / ONE.density
    assert np.log(ratio[-1] / ratio[0]) == pytest.approx(np.log(1.3) * (t[-1] - t[0]))


def test_the_nodes_integrate_over_the_cut_gaussian():
    values, chance = nodes()
    assert chance.sum() == pytest.approx(1)
    assert chance @ 1.8**values == pytest.approx(factor_moments(0.8)[0], rel=1e-9)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="method: multinomial"):
        sampler(SHAPE, method="without_replacement")
    wrong = Uncertainty(shape=ShapeUncertainty(observable="met", slope=0.1))
    with pytest.raises(ValueError, match="on no axis"):
        nuisances(wrong, BINNING, ONE.density)
    with pytest.raises(ValueError, match="one bin"):
        nuisances(SHAPE, BINNING, np.eye(15)[0])
    with pytest.raises(ValueError, match="slope"):
        ShapeUncertainty(observable="met", slope=1.5)
    with pytest.raises(ValueError, match="background"):
        Uncertainty(background=1.0)


def test_a_pool_must_hold_what_the_largest_factor_asks_for():
    size = int(COUNTS.sum())
    background = size // 2
    Ensembles(ONE, SIGNAL, Mixture(signal=10, background=background))
    with pytest.raises(PoolExhaustedError) as caught:
        sampler(
            Uncertainty(background=0.2),
            method="without_replacement",
            signal=10,
            background=background,
        )
    assert caught.value.needed == pytest.approx(background * 1.2**CUT + 10, abs=2)


def test_sums_over_events_have_the_moments_of_the_histograms():
    weights = np.linspace(-1, 2, 15)
    values, signal = np.repeat(weights, COUNTS), np.repeat(weights, SIGNAL.counts)
    found = EventEnsembles(
        [(values, 1.0)], signal, Mixture(signal=100, background=1000), relative=0.2
    )
    exact = sampler(Uncertainty(background=0.2), method="without_replacement").separation(weights)
    null, alternative = found.null(stream(5, "e"), N), found.alternative(stream(6, "e"), N)
    spread = exact.null_variance + exact.alternative_variance
    away = alternative.mean() - null.mean() - exact.difference
    assert abs(away) < SIGMA * np.sqrt(spread / N)
    kurtosis = stats.kurtosis(null, fisher=False)
    assert abs(null.var() / exact.null_variance - 1) < SIGMA * np.sqrt((kurtosis - 1) / N)


@pytest.mark.parametrize("method", ["without_replacement", "multinomial", "poisson"])
def test_two_signals_are_known_and_their_background_is_not(method):
    """Both classes have the same uncertain background, and S events of a signal that is known."""
    finite = method == "without_replacement"
    unsure = nuisances(Uncertainty(background=0.2) if finite else BOTH, BINNING, ONE.density)
    second = Pool("a", np.full(15, 400) * (np.arange(15) % 3))
    mixture = Mixture(signal=100, background=1000)
    both = Ensembles(ONE, SIGNAL, mixture, against=second, method=method, nuisances=unsure)
    alone = Ensembles(ONE, None, replace(mixture, signal=0), method=method, nuisances=unsure)
    sure = Ensembles(ONE, SIGNAL, mixture, against=second, method=method)
    for which in ("null", "alternative"):
        counts = getattr(both, which)(stream(9, "pair", which), N).astype(float)
        mean, variance = getattr(both, f"{which}_mean"), getattr(both, f"{which}_variance")
        assert np.abs((counts.mean(axis=0) - mean) / np.sqrt(variance / N)).max() < SIGMA
        spread = (counts - mean) ** 2
        error = spread.std(axis=0) / np.sqrt(N)
        assert np.abs((spread.mean(axis=0) - variance) / error).max() < SIGMA
        certain = Ensembles(ONE, None, replace(mixture, signal=0), method=method)
        more = variance - getattr(sure, f"{which}_variance")
        np.testing.assert_allclose(more, alone.null_variance - certain.null_variance, atol=1e-8)
