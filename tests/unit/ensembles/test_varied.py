"""Ensembles of several strengths: totals that tell nothing, and exact moments."""

from __future__ import annotations

import numpy as np
import pytest

from rayscan.ensembles.draw import Background, Ensembles, Pool
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.varied import Varied
from rayscan.seeds import stream

BACKGROUND = Background((Pool("b", np.array([4000, 3000, 2000, 1000])),))
SIGNAL = Pool("s", np.array([100, 200, 300, 400]))
MIXTURES = [Mixture(signal=s, background=500) for s in (5, 40, 120)]
N = 6000


def varied(mixtures=MIXTURES, **options):
    return Varied([Ensembles(BACKGROUND, SIGNAL, mixture, **options) for mixture in mixtures])


def test_both_classes_have_the_totals_of_all_mixtures_equally_often():
    sampler, rng = varied(), stream(1, "totals")
    for draw in (sampler.null, sampler.alternative):
        totals, often = np.unique(draw(rng, N).sum(axis=1), return_counts=True)
        assert totals.tolist() == [505, 540, 620]
        # Binomial numbers around N/3; 5 sigma.
        assert np.abs(often - N / 3).max() < 5 * np.sqrt(N * 2 / 9)


def test_moments_are_those_within_and_between_mixtures():
    sampler = varied()
    drawn = sampler.null(stream(2, "moments"), N).astype(float)
    error = np.sqrt(sampler.null_variance / N)
    assert np.abs((drawn.mean(axis=0) - sampler.null_mean) / error).max() < 5
    # The relative error of a variance is sqrt((kurtosis - 1)/N), at most sqrt(2/N) here.
    ratio = drawn.var(axis=0) / sampler.null_variance
    assert np.abs(ratio - 1).max() < 5 * np.sqrt(2 / N)


def test_one_mixture_has_the_moments_of_its_own_ensembles():
    sampler, one = varied(MIXTURES[:1]), Ensembles(BACKGROUND, SIGNAL, MIXTURES[0])
    np.testing.assert_array_equal(sampler.null_mean, one.null_mean)
    np.testing.assert_array_equal(sampler.null_variance, one.null_variance)


def test_a_mixture_that_was_never_picked_leaves_no_hole():
    drawn = varied().alternative(stream(3, "few"), 1)
    assert drawn.shape == (1, 4)
    assert drawn.sum() in {505, 540, 620}


def test_no_mixture_is_refused():
    with pytest.raises(ValueError, match="expected one per mixture"):
        Varied([])
