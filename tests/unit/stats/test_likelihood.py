"""Tests of the likelihood with profiled gammas, against pyhf's and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest
from scipy.optimize import approx_fprime, minimize_scalar

from rayscan.stats.likelihood import Likelihoods
from rayscan.stats.workspace import workspace

ORDER = ("mu", "signal_normalisation", "zjets_normalisation", "wjets_normalisation")


def parameters(rng, rows, large=1.0):
    theta = rng.normal(0.0, large, (rows, 6))
    theta[:, 0] = rng.uniform(0.0, 3.0, rows)
    return theta


def value_of(likelihood):
    return lambda theta: likelihood.at(theta[None]).value[0]


def gradient_of(likelihood):
    return lambda theta: likelihood.at(theta[None]).gradient[0]


def pyhf_value(template, theta, gamma):
    """-ln L of pyhf with our parameters."""
    document = pyhf.Workspace(workspace(template))
    model = document.model()
    named = dict(zip((*ORDER, "top_normalisation", "luminosity"), theta, strict=True))
    values = np.zeros(model.config.npars)
    for name in model.config.par_order:
        place = model.config.par_slice(name)
        values[place] = gamma if name == "stat_histogram" else named[name]
    return -float(model.logpdf(values, document.data(model))[0])


@pytest.mark.parametrize("large", [0.5, 2.5])
@pytest.mark.parametrize("signal_moves", [True, False])
def test_differences_of_the_likelihood_are_those_of_pyhf(make_template, large, signal_moves):
    template = make_template(**({} if signal_moves else {"signal_stat": None}))
    theta = parameters(np.random.default_rng(1), 4, large)
    at = Likelihoods.of([template] * 4, np.ones(4)).at(theta)
    expected = [pyhf_value(template, *pair) for pair in zip(theta, at.gamma, strict=True)]
    np.testing.assert_allclose(at.value - at.value[0], np.array(expected) - expected[0], atol=1e-8)


@pytest.mark.parametrize("signal_moves", [True, False])
def test_each_gamma_maximises_the_likelihood(make_template, signal_moves):
    template = make_template(bins=1, **({} if signal_moves else {"signal_stat": None}))
    theta = parameters(np.random.default_rng(2), 1)
    at = Likelihoods.of([template], np.ones(1)).at(theta)
    best = minimize_scalar(
        lambda gamma: pyhf_value(template, theta[0], gamma),
        bounds=(0.5, 1.5),
        method="bounded",
        options={"xatol": 1e-10},
    )
    # A minimum is found to the square root of the precision of its value.
    assert at.gamma[0, 0] == pytest.approx(best.x, abs=1e-6)


@pytest.mark.parametrize("large", [0.3, 3.0])
@pytest.mark.parametrize("signal_moves", [True, False])
def test_derivatives_are_those_of_the_value(make_template, large, signal_moves):
    changes = {} if signal_moves else {"signal_stat": None}
    rng = np.random.default_rng(3)
    templates = [make_template(seed, **changes) for seed in range(3)]
    for row, theta in enumerate(parameters(rng, 3, large)):
        one = Likelihoods.of(templates, np.array([0.5, 1.0, 2.0])).take(np.array([row]))
        at = one.at(theta[None])
        step = 1e-6
        slope = approx_fprime(theta, value_of(one), step)
        bend = approx_fprime(theta, gradient_of(one), step)
        scale = np.abs(at.hessian[0]).max()
        # A forward difference errs by half a step times the next derivative.
        np.testing.assert_allclose(at.gradient[0], slope, atol=5 * step * scale)
        np.testing.assert_allclose(at.hessian[0], bend, atol=50 * step * scale)
        np.testing.assert_allclose(at.hessian[0], at.hessian[0].T, rtol=1e-12)


def test_derivatives_hold_where_a_gamma_is_at_the_end_of_its_range(make_template):
    template = make_template(
        observed=np.array([1e5, 0.0, 10.0, 10.0, 10.0]), background_stat=np.full(5, 300.0)
    )
    one = Likelihoods.of([template], np.ones(1))
    theta = np.array([1.0, 0.1, 0.2, 0.3, -0.2, 0.1])
    at = one.at(theta[None])
    assert at.gamma.max() == 10.0
    assert at.gamma.min() == 1e-10
    bend = approx_fprime(theta, gradient_of(one), 1e-6)
    np.testing.assert_allclose(at.hessian[0], bend, rtol=1e-3, atol=1e-3 * np.abs(bend).max())


def test_a_perfect_fit_has_value_and_gradient_zero(make_template):
    templates = [make_template(seed, observed=None) for seed in range(3)]
    at = Likelihoods.of(templates, np.ones(3)).at(np.zeros((3, 6)))
    np.testing.assert_allclose(at.value, 0.0, atol=1e-12)
    np.testing.assert_allclose(at.gradient[:, 1:], 0.0, atol=1e-10)


def test_the_asimov_set_is_a_perfect_fit_where_it_was_made(make_template):
    rows = Likelihoods.of([make_template()], np.ones(1))
    theta = parameters(np.random.default_rng(4), 1)
    made = rows.asimov(theta, rows.at(theta)).at(theta)
    np.testing.assert_allclose(made.value, 0.0, atol=1e-12)
    np.testing.assert_allclose(made.gradient, 0.0, atol=1e-9)


def test_bins_filled_up_to_the_widest_template_change_nothing(make_template):
    narrow, wide = make_template(1, bins=3), make_template(2, bins=7)
    theta = parameters(np.random.default_rng(5), 1)
    alone = Likelihoods.of([narrow], np.ones(1)).at(theta)
    beside = Likelihoods.of([narrow, wide], np.ones(2)).at(np.repeat(theta, 2, axis=0))
    assert beside.value[0] == pytest.approx(alone.value[0], rel=1e-13)
    np.testing.assert_allclose(beside.gradient[0], alone.gradient[0], rtol=1e-12)
    np.testing.assert_allclose(beside.hessian[0], alone.hessian[0], rtol=1e-12)
