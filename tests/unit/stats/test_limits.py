"""Tests of limits of many templates: judged by pyhf, robust where yields are odd."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayscan.errors import SampleUnusableError
from rayscan.stats.limits import Limit, _limit, upper_limits
from rayscan.stats.profile import profile_limits
from rayscan.stats.referee import cls_values
from rayscan.stats.template import Template
from rayscan.stats.workspace import workspace


def judged(template, limit):
    """CLs of pyhf at each of our six limits."""
    spec = workspace(template)
    values = [cls_values(spec, limit.observed).observed]
    return values + [cls_values(spec, mu).expected[band] for band, mu in enumerate(limit.expected)]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("signal_moves", [True, False])
def test_pyhf_finds_the_level_at_each_of_six_limits(make_template, seed, signal_moves):
    template = make_template(seed, bins=4, **({} if signal_moves else {"signal_stat": None}))
    (limit,) = upper_limits([template])
    assert limit.status == "ok"
    assert limit.solver == "profile"
    assert judged(template, limit) == pytest.approx([0.05] * 6, abs=1e-4)


def test_another_level_is_kept_too(make_template):
    template = make_template(bins=3)
    (limit,) = upper_limits([template], level=0.1)
    assert cls_values(workspace(template), limit.observed).observed == pytest.approx(0.1, abs=1e-4)


def test_limits_come_in_the_order_of_their_templates(make_template):
    rng = np.random.default_rng(1)
    templates = [make_template(seed, bins=int(rng.integers(2, 6))) for seed in range(150)]
    templates[7] = replace(
        templates[7], backgrounds=(("all", templates[7].background),), normalisation={}
    )
    limits = upper_limits(templates)
    for place in (0, 7, 8, 149):
        assert limits[place].observed == pytest.approx(
            upper_limits([templates[place]])[0].observed, rel=1e-7
        )


def test_without_data_there_is_no_observed_limit(make_template):
    with_data, without = make_template(1), make_template(1, observed=None)
    limits = upper_limits([with_data, without])
    assert limits[0].observed is not None
    assert limits[1].observed is None
    assert limits[1].status == "ok"


def test_no_templates_have_no_limits():
    assert upper_limits([]) == []


def test_no_signal_is_unbounded_and_no_background_is_counted(make_template):
    limits = upper_limits(
        [
            make_template(signal=np.zeros(5), signal_stat=None),
            Template(signal=[1.0], backgrounds=(("b", [0.0]),)),
            make_template(),
        ]
    )
    assert [limit.status for limit in limits] == ["unbounded", "ok", "ok"]
    assert limits[0].expected == (None,) * 5
    assert "no signal" in limits[0].message
    assert "no background" in limits[1].message
    assert limits[1].expected == pytest.approx([-np.log(0.05)] * 5)


def test_signal_in_a_bin_without_background_makes_no_infinities(make_template):
    backgrounds = (("b", [50.0, 20.0, 0.0, 0.0]),)
    template = Template(
        signal=[1.0, 3.0, 5.0, 0.0],
        backgrounds=backgrounds,
        observed=[45.0, 25.0, 2.0, 0.0],
        background_stat=[5.0, 3.0, 0.0, 0.0],
        normalisation={"b": 0.1},
    )
    merged = Template(
        signal=[1.0, 8.0],
        backgrounds=(("b", [50.0, 20.0]),),
        observed=[45.0, 27.0],
        background_stat=[5.0, 3.0],
        normalisation={"b": 0.1},
    )
    odd, plain = upper_limits([template, merged])
    assert odd.status == "ok"
    assert odd.message == "merged 2 bins without background"
    assert odd.expected == pytest.approx(plain.expected, rel=1e-9)
    assert odd.observed == pytest.approx(plain.observed, rel=1e-9)
    assert judged(template, odd) == pytest.approx([0.05] * 6, abs=1e-4)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_a_tiny_and_a_huge_signal_have_their_limit(make_template, scale):
    template = make_template(signal_stat=None)
    scaled = replace(template, signal=scale * template.signal)
    plain, other = upper_limits([template, scaled])
    assert other.observed * scale == pytest.approx(plain.observed, rel=1e-6)
    assert np.array(other.expected) * scale == pytest.approx(plain.expected, rel=1e-6)


def odd_template(seed):
    rng = np.random.default_rng(seed)
    bins = int(rng.integers(1, 30))
    yields = 10 ** rng.uniform(-2, 4, (2, bins)) * (rng.random((2, bins)) < 0.8)
    yields[0, 0] = 1.0
    signal = 10 ** rng.uniform(-4, 3, bins) * (rng.random(bins) < 0.7)
    signal[-1] = 0.1
    return Template(
        signal=signal,
        backgrounds=(("one", yields[0]), ("two", yields[1])),
        signal_stat=signal * rng.uniform(0, 1, bins) if rng.random() < 0.5 else None,
        background_stat=np.sqrt(yields.sum(axis=0) * rng.uniform(0, 1)),
        normalisation={"one": float(rng.uniform(0, 1)), "two": 0.3},
        luminosity_uncertainty=float(rng.uniform(0, 0.1)),
        observed=rng.poisson(yields.sum(axis=0) * rng.uniform(0.5, 1.5)).astype(float),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_formulae_have_limits_of_any_template_with_signal_and_background(seed):
    found = profile_limits([odd_template(seed).without_empty_bins()], 0.05)
    assert np.all(np.array([*found.observed, *found.expected[0]]) > 0)
    assert np.all(np.diff(found.expected) > 0)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_any_template_with_signal_and_background_has_limits(seed):
    """Toys of most of them: bins of less than an event decide."""
    (limit,) = upper_limits([odd_template(seed)])
    assert (limit.status, limit.solver) == ("ok", "profile")
    assert np.all(np.array([limit.observed, *limit.expected]) > 0)
    assert np.all(np.diff(limit.expected) > -1e-9 * limit.expected[2])


def test_another_model_goes_to_pyhf_itself():
    template = Template(signal=[3.0], backgrounds=(("b", [20.0]),), observed=[25.0])
    spec = workspace(template)
    shape = {"lo_data": [18.0], "hi_data": [22.0]}
    spec["channels"][0]["samples"][1]["modifiers"].append(
        {"name": "shape", "type": "histosys", "data": shape}
    )
    plain, shaped = upper_limits([template, spec])
    assert (shaped.status, shaped.solver) == ("ok", "pyhf")
    assert shaped.expected[2] > plain.expected[2]
    assert cls_values(spec, shaped.observed).observed == pytest.approx(0.05, abs=1e-4)


def test_a_template_on_which_the_fast_solver_gives_up_goes_to_pyhf():
    template = Template(signal=[3e3], backgrounds=(("b", [20.0]),), observed=[25.0])
    for data in (template.observed, None):
        asked = replace(template, observed=data)
        (expected,) = upper_limits([asked])
        found = _limit(asked, np.nan, np.full(5, np.nan), merged=0, level=0.05)
        assert (found.status, found.solver) == ("ok", "pyhf")
        assert found.expected == pytest.approx(expected.expected, rel=1e-4)
        if data is None:
            assert found.observed is None
        else:
            assert found.observed == pytest.approx(expected.observed, rel=1e-4)


def test_what_pyhf_cannot_solve_is_a_limit_with_a_status():
    template = Template(signal=[3.0], backgrounds=(("b", [20.0]),))
    narrow = workspace(template)
    narrow["measurements"][0]["config"]["parameters"][0]["bounds"] = [[0.0, 1.0]]
    broken = workspace(template) | {"version": "0.0.0"}
    limits = upper_limits([narrow, broken])
    assert [limit.status for limit in limits] == ["unbounded", "failed"]
    assert all(limit.solver == "pyhf" and limit.message for limit in limits)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, np.nan])
def test_an_impossible_level_is_refused(make_template, level):
    with pytest.raises(SampleUnusableError, match="between 0 and 1"):
        upper_limits([make_template()], level=level)


def test_templates_and_limits_travel_between_processes(make_template):
    template = pickle.loads(pickle.dumps(make_template()))
    (limit,) = upper_limits([template])
    assert isinstance(limit, Limit)
    assert pickle.loads(pickle.dumps(limit)) == limit


@pytest.mark.parametrize("normalisation", [0.0, 0.1])
def test_a_limit_with_uncertain_shape_is_that_of_the_gaussian_limit(normalisation):
    """pyhf solves it; with many events mu has the variance 1 / (s^T (V + sum g g^T)^-1 s).

    The median limit is then 1.96 of its roots. Left out are terms of relative order 1/sqrt(b), 1.6
    % in the smallest bin, and the square of the uncertainties, 1 % for a normalisation of 10 %.
    """
    background, signal = (
        np.array([40_000.0, 20_000, 9_000, 4_000]),
        np.array([100.0, 150, 200, 250]),
    )
    slope = np.exp(0.01 * np.array([-1.0, 0, 1, 2]))
    up, down = (
        varied * background.sum() / varied.sum()
        for varied in (background * slope, background / slope)
    )
    template = Template(
        signal=signal,
        backgrounds=(("z", background),),
        normalisation={"z": normalisation},
        shape={"z": (up, down)},
    )
    (limit,) = upper_limits([template])
    moves = np.array([background * np.log1p(normalisation), (up - down) / 2])
    covariance = np.diag(background) + moves.T @ moves
    expected = 1.96 / np.sqrt(signal @ np.linalg.solve(covariance, signal))
    assert (limit.solver, limit.status) == ("pyhf", "ok")
    assert limit.expected[2] == pytest.approx(expected, rel=0.026)
    assert limit.observed is None
    spec = workspace(template, signal_unit=limit.expected[2])
    assert cls_values(spec, 1.0).expected[2] == pytest.approx(0.05, abs=1e-4)


def test_a_shape_is_one_of_a_background_and_keeps_its_bins():
    def template(**shape):
        return Template(signal=[1, 1, 1], backgrounds=(("z", [9, 0, 4]),), shape=shape)

    merged = template(z=([10, 1, 3], [8, 0, 5])).without_empty_bins()
    assert [values.tolist() for values in merged.shape["z"]] == [[10, 4], [8, 5]]
    with pytest.raises(ValueError, match="no backgrounds"):
        template(w=([1, 1, 1], [1, 1, 1]))
    with pytest.raises(ValueError, match="shape of z"):
        template(z=([1, 1], [1, 1, 1]))
