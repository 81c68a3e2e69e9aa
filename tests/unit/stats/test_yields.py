"""Yields, and AUC and limit in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from rayscan.errors import SampleUnusableError
from rayscan.stats.limits import upper_limits
from rayscan.stats.template import SIGNAL, Template
from rayscan.stats.workspace import template_of, workspace
from rayscan.stats.yields import (
    Yields,
    closed_form_auc,
    closed_form_limit,
    counting_limit,
    yields,
)

GIVEN = {
    "cross_section_signal": 0.05,
    "efficiency_signal": 0.8,
    "cross_section_background": 53.6,
    "efficiency_background": 0.78,
    "luminosity": 1.0,
}


def test_the_published_background_of_an_inverse_femtobarn():
    """arXiv:2105.12018, Table 3: 53.6 pb x 0.78 of Z(nu nu) + jet."""
    found = yields(**GIVEN)
    assert found.background == pytest.approx(41_808)
    assert found.signal == pytest.approx(40)
    assert found.s_over_b == pytest.approx(40 / 41_808)
    assert found.s_over_sqrt_b == pytest.approx(40 / 204.47, rel=1e-4)
    assert found.s_over_sqrt_total == pytest.approx(40 / math.sqrt(41_848))


def test_significance_grows_with_the_root_of_the_luminosity():
    one, hundred = yields(**GIVEN), yields(**{**GIVEN, "luminosity": 100.0})
    assert hundred.s_over_sqrt_b == pytest.approx(10 * one.s_over_sqrt_b)
    assert hundred.s_over_b == pytest.approx(one.s_over_b)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"luminosity": 0.0}, "luminosity"),
        ({"efficiency_signal": 1.2}, "efficiency of the signal"),
        ({"efficiency_background": -0.1}, "efficiency of the background"),
        ({"cross_section_signal": math.nan}, "cross-section of the signal"),
        ({"cross_section_background": math.inf}, "cross-section of the background"),
    ],
)
def test_a_number_that_cannot_be_is_named(changes, what):
    with pytest.raises(SampleUnusableError, match=what):
        yields(**{**GIVEN, **changes})


def test_yields_are_positive():
    with pytest.raises(SampleUnusableError, match="background events"):
        Yields(signal=1.0, background=0.0)


@pytest.mark.parametrize(("k", "x"), [(0.29, 1.0), (1.18, 2.0), (1.18, 0.5)])
def test_the_ceiling_is_that_of_two_gaussians(k, x):
    value, error = closed_form_auc(k, x, 0.02)
    assert value == pytest.approx(norm.cdf(k * x / math.sqrt(2)))
    step = closed_form_auc(k + 0.001, x)[0] - closed_form_auc(k - 0.001, x)[0]
    assert error == pytest.approx(0.02 * step / 0.002, rel=1e-4)


def two_bins(background, uncertainty, signal_share=0.7):
    """Half of the background and 70 % of the signal in the first bin: k = 0.4."""
    share = np.array([signal_share, 1 - signal_share])
    return Template(
        signal=share * math.sqrt(background),
        backgrounds=(("b", np.array([0.5, 0.5]) * background),),
        normalisation={"b": uncertainty},
    )


@pytest.mark.parametrize("uncertainty", [0.0, 0.001, 0.05])
def test_the_closed_form_is_the_fitted_limit_of_many_events(uncertainty):
    background = 1e6
    k = math.sqrt(0.7**2 / 0.5 + 0.3**2 / 0.5 - 1)
    fitted = upper_limits([two_bins(background, uncertainty)])[0].expected[2]
    exact = closed_form_limit(background, k, uncertainty)
    assert fitted * math.sqrt(background) == pytest.approx(exact, rel=0.01)


def test_the_counting_limit_is_the_closed_form_without_a_shape():
    for uncertainty in (0.0, 0.01):
        found = counting_limit(1e6, background_uncertainty=uncertainty).expected
        exact = norm.ppf(0.975) * math.hypot(1e3, uncertainty * 1e6)
        assert found[2] == pytest.approx(exact, rel=0.02)
        assert np.all(np.diff(found) >= 0)


def test_few_events_are_counted_with_their_fluctuations():
    """A counting experiment of B = 10: pyhf's own formula, not 1.96 sqrt(B) = 6.2."""
    assert counting_limit(10.0).expected[2] == pytest.approx(7.7, abs=0.5)


def test_impossible_uncertainties_are_refused():
    with pytest.raises(SampleUnusableError, match="background uncertainty"):
        closed_form_limit(100.0, 1.0, -0.1)
    with pytest.raises(SampleUnusableError, match="k"):
        closed_form_limit(100.0, math.nan)


# --------------------------------------------------------- workspaces, read back and scaled


@pytest.mark.parametrize("signal_stat", [None, np.array([1.0, 2.0, 1.0])])
@pytest.mark.parametrize("background_stat", [None, np.array([3.0, 2.0, 4.0])])
def test_a_workspace_is_read_back_as_the_template_it_was_written_from(signal_stat, background_stat):
    made = Template(
        signal=np.array([4.0, 5.0, 6.0]),
        backgrounds=(("zvv", np.array([90.0, 40.0, 70.0])), ("wtau", np.array([10.0, 5.0, 8.0]))),
        signal_stat=signal_stat,
        background_stat=background_stat,
        normalisation={"zvv": 0.05, "wtau": 0.2, SIGNAL: 0.03},
        luminosity_uncertainty=0.017,
    )
    back = template_of(workspace(made))
    np.testing.assert_allclose(back.signal, made.signal)
    assert [name for name, _ in back.backgrounds] == ["zvv", "wtau"]
    assert back.normalisation == pytest.approx(made.normalisation)
    assert back.luminosity_uncertainty == pytest.approx(0.017)
    np.testing.assert_allclose(back.gamma_widths, made.gamma_widths)
    one, two = (upper_limits([each])[0].expected for each in (made, back))
    assert two == pytest.approx(one, rel=1e-9)


def test_an_uncertain_shape_is_read_back_and_scaled_with_its_background():
    shape = {"zvv": (np.array([85.0, 40.0, 75.0]), np.array([95.0, 40.0, 65.0]))}
    made = Template(
        signal=np.array([4.0, 5.0, 6.0]),
        backgrounds=(("zvv", np.array([90.0, 40.0, 70.0])),),
        shape=shape,
    )
    back = template_of(workspace(made))
    assert list(back.shape) == ["zvv"]
    for told, varied in zip(back.shape["zvv"], shape["zvv"], strict=True):
        np.testing.assert_array_equal(told, varied)
    for more, varied in zip(back.scaled(3.0).shape["zvv"], shape["zvv"], strict=True):
        np.testing.assert_allclose(more, 3.0 * varied)


def test_something_else_is_no_workspace():
    with pytest.raises(ValueError, match="not a workspace"):
        template_of({"channels": []})


def test_a_scaled_template_is_that_of_more_data():
    small, large = two_bins(1e4, 0.02), two_bins(1e6, 0.02)
    scaled = small.scaled(100.0)
    assert scaled.background == pytest.approx(large.background)
    in_events = [upper_limits([t])[0].expected[2] * t.signal.sum() for t in (scaled, large)]
    assert in_events[0] == pytest.approx(in_events[1], rel=1e-6)
