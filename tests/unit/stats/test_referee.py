"""Tests of pyhf as referee and as solver of models we do not cover."""

from __future__ import annotations

import numpy as np
import pyhf
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from rayscan.errors import FitFailedError, LimitUnboundedError
from rayscan.stats.limits import upper_limits
from rayscan.stats.referee import cls_values, pyhf_limits, referee
from rayscan.stats.template import Template
from rayscan.stats.workspace import workspace


def two_bins(**changes):
    values = {
        "signal": [3.0, 6.0],
        "backgrounds": (("b", [50.0, 20.0]),),
        "normalisation": {"b": 0.1},
        "observed": [55.0, 22.0],
    }
    return Template(**{**values, **changes})


def test_the_referee_finds_the_closed_form_of_a_counting_experiment():
    mu, s, b = 2.0, 5.0, 10.0
    root = np.sqrt(2 * (mu * s - b * np.log(1 + mu * s / b)))
    found = referee(Template(signal=[s], backgrounds=(("b", [b]),)), mu)
    assert found == pytest.approx(norm.sf(root) / 0.5, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_the_referee_accepts_our_limits_of_any_scale(scale):
    template = two_bins(signal=scale * np.array([3.0, 6.0]))
    (limit,) = upper_limits([template])
    assert referee(template, limit.expected[2]) == pytest.approx(0.05, abs=1e-4)


def test_the_referee_finds_its_way_among_bins_of_very_different_contents():
    """From its own start SLSQP ends far above the minimum here (-2 ln L of 1e5 and not 19)."""
    background = np.array([2.3e5, 259.0, 0.0165, 3.4e5])
    template = Template(
        signal=[0.13, 147.0, 0.31, 0.1],
        backgrounds=(("one", 0.4 * background), ("two", 0.6 * background)),
        background_stat=background * [1e-3, 0.03, 1.0, 1e-3],
        normalisation={"one": 0.4, "two": 0.3},
        luminosity_uncertainty=0.05,
        observed=np.round(0.8 * background),
    )
    (limit,) = upper_limits([template])
    assert referee(template, limit.expected[2]) == pytest.approx(0.05, abs=1e-3)


def test_the_referee_rejects_a_wrong_limit():
    (limit,) = upper_limits([two_bins()])
    assert abs(referee(two_bins(), 1.1 * limit.expected[2]) - 0.05) > 5e-3


def test_what_was_set_in_pyhf_is_put_back():
    before = pyhf.get_backend()
    referee(two_bins(), 1.0)
    after = pyhf.get_backend()
    assert (after[0].name, after[1]) == (before[0].name, before[1])


def test_the_limits_of_pyhf_are_ours():
    found = pyhf_limits(workspace(two_bins()), 0.05)
    (ours,) = upper_limits([two_bins()])
    assert found.observed == pytest.approx(ours.observed, rel=1e-4)
    assert found.expected == pytest.approx(ours.expected, rel=1e-4)


def test_a_limit_beyond_the_range_of_the_strength_is_unbounded():
    spec = workspace(two_bins())
    spec["measurements"][0]["config"]["parameters"][0]["bounds"] = [[0.0, 1.5]]
    with pytest.raises(LimitUnboundedError, match=r"mu = 1\.5"):
        pyhf_limits(spec, 0.05)


def test_a_broken_workspace_is_a_failed_fit():
    spec = workspace(two_bins())
    del spec["channels"]
    with pytest.raises(FitFailedError, match="InvalidSpecification"):
        cls_values(spec, 1.0)


@pytest.mark.slow
def test_all_limits_are_the_roots_of_pyhf(make_template):
    template = make_template(bins=3)
    (ours,) = upper_limits([template])
    spec = workspace(template)

    def value(mu, which):
        found = cls_values(spec, mu)
        return [found.observed, *found.expected][which] - 0.05

    for which, limit in enumerate([ours.observed, *ours.expected]):
        root = brentq(value, 0.7 * limit, 1.4 * limit, (which,), rtol=1e-7)
        assert limit == pytest.approx(root, rel=1e-4)
