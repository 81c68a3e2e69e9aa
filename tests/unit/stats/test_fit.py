"""Tests of fits, against pyhf's."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest

from rayscan.stats.fit import STRENGTH, background_fit, fit
from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.workspace import workspace


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("signal_moves", [True, False])
def test_fits_are_those_of_pyhf(make_template, seed, signal_moves):
    template = make_template(seed, bins=4, **({} if signal_moves else {"signal_stat": None}))
    document = pyhf.Workspace(workspace(template))
    model = document.model()
    rows = Likelihoods.of([template], np.ones(1))
    free = fit(rows, np.zeros((1, 6)))
    held = fit(rows, np.array([[2.0, 0, 0, 0, 0, 0]]), STRENGTH)
    assert free.converged.all()
    assert held.converged.all()
    data = document.data(model)
    _, best = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    _, fixed = pyhf.infer.mle.fixed_poi_fit(2.0, data, model, return_fitted_val=True)
    # SLSQP ends within about 1e-6 of the minimum of -2 ln L, never below it.
    ours = 2.0 * (held.point.value - free.point.value)
    assert ours[0] == pytest.approx(float(fixed - best), abs=5e-5)


def test_a_fit_that_starts_far_away_comes_back(make_template):
    rows = Likelihoods.of([make_template()] * 3, np.ones(3))
    start = np.array([[0.0] * 6, [50.0, 4, -4, 4, -4, 4], [1e-3, -5, -5, -5, -5, -5]])
    found = fit(rows, start)
    assert found.converged.all()
    np.testing.assert_allclose(found.point.value, found.point.value[0], atol=1e-9)


def test_a_strong_pull_stops_where_pyhf_stops_it(make_template):
    template = make_template(
        bins=2,
        observed=[5000.0, 1500.0],
        background_stat=None,
        signal_stat=None,
        normalisation={"zjets": 0.1},
        luminosity_uncertainty=0.0,
        signal=[1e-3, 2.0],
    )
    rows = Likelihoods.of([template], np.ones(1))
    found = fit(rows, np.array([[1.0, 0, 0, 0, 0, 0]]), STRENGTH)
    assert found.theta[0, 2] == 5.0
    assert found.converged.all()


def test_an_excess_that_signal_or_background_explains_is_fitted(make_template):
    """Many events in one bin make a narrow, bent valley in mu and the normalisation."""
    template = make_template(
        bins=1,
        signal=[1.0],
        backgrounds=(("b", [1e5]),),
        signal_stat=None,
        background_stat=None,
        normalisation={"b": 0.65},
        observed=[1.7e5],
    )
    found = fit(Likelihoods.of([template], np.array([1e4])), np.array([[0.0, 0, 0.5, 0]]))
    assert found.converged.all()
    assert found.theta[0, 0] == pytest.approx(7.0, rel=1e-4)
    assert found.point.value[0] == pytest.approx(0.0, abs=1e-9)


def test_the_background_only_fit_holds_the_strength(make_template):
    found = background_fit(make_template(), 2.0)
    assert found.converged.all()
    assert found.theta[0, 0] == 0.0
