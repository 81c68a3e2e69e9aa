"""Which knobs are fixed, and over which ranges the others are searched."""

from __future__ import annotations

import pytest

from rayscan.models.architectures.registry import architectures
from rayscan.models.knobs import Choice, Float, Integer
from rayscan.scan.config.scan import ArchitectureChoice
from rayscan.scan.config.search_space import check, search_ranges, starting_knobs


def mlp(**hyperparameters):
    return ArchitectureChoice(name="mlp", hyperparameters=hyperparameters)


def test_fixed_knobs_override_the_preset_and_the_preset_the_defaults():
    choice = ArchitectureChoice(
        name="mlp", preset="published", hyperparameters={"dropout": 0.3, "units": {"choices": [8]}}
    )
    knobs = starting_knobs(choice)
    assert knobs == {**architectures()["mlp"].preset("published"), "dropout": 0.3}


def test_ranges_have_the_type_of_their_knob():
    found = search_ranges(
        mlp(
            learning_rate={"low": 1e-4, "high": 1e-2, "log": True},
            units={"low": 8, "high": 64},
            batch_size={"choices": [128, 256]},
        )
    )
    assert found == {
        "learning_rate": Float(1e-4, 1e-2, log=True),
        "units": Integer(8, 64),
        "batch_size": Choice((128, 256)),
    }


def test_search_frees_every_knob_that_is_not_fixed():
    choice = ArchitectureChoice(name="mlp", search=True, hyperparameters={"units": 20})
    ranges = search_ranges(choice)
    assert set(ranges) == set(architectures()["mlp"].knobs.ranges()) - {"units"}
    check(choice)


def test_a_choice_without_open_knobs_has_no_ranges():
    assert search_ranges(mlp(units=20)) == {}
    assert not mlp(units=20).searches


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"unit": 3}, "unit: 'mlp' has no such knob .nearest: 'units'"),
        ({"units": 0}, "units: 0 must be at least 1"),
        ({"units": "many"}, "'many' is not a whole number"),
        ({"units": {"lower": 1, "high": 2}}, "unknown key 'lower' .nearest: 'low'"),
        ({"units": {"low": 1}}, "expected 'low' and 'high', or 'choices'"),
        ({"units": {"low": 9, "high": 2}}, "expected low < high"),
        ({"units": {"low": 1.5, "high": 2}}, "expected whole numbers"),
        ({"units": {"low": 0, "high": 2}}, "units: 0 must be at least 1"),
        ({"dropout": {"low": 0.0, "high": 0.5, "log": True}}, "> 0 if log"),
        ({"dropout": {"low": 0.1, "high": 0.5, "log": "no"}}, "'log' true or false"),
        ({"dropout": {"low": "a", "high": 0.5}}, "expected numbers"),
        ({"dropout": {"low": 0.1, "high": float("inf")}}, "expected numbers"),
        ({"dropout": {"low": False, "high": 0.5}}, "expected numbers"),
        ({"dropout": {"low": 0.1, "high": 1.5}}, "must be below 1"),
        ({"units": {"choices": 5}}, "a list of at least one value"),
        ({"units": {"choices": "abc"}}, "a list of at least one value"),
        ({"units": {"choices": []}}, "a list of at least one value"),
        ({"units": {"choices": [1], "low": 1}}, "'choices' alone"),
        ({"units": {"choices": [8, "x"]}}, "'x' is not a whole number"),
        ({"colour": {"low": 1, "high": 2}}, "no such knob"),
    ],
)
def test_a_knob_or_range_that_cannot_be_used_is_refused(knobs, why):
    with pytest.raises(ValueError, match=why):
        check(mlp(**knobs))


def test_nothing_to_search_is_refused():
    with pytest.raises(ValueError, match="has no knob to search"):
        check(ArchitectureChoice(name="likelihood_ratio", search=True))


def test_an_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="preset: 'mlp' has no preset 'x', only: published"):
        check(ArchitectureChoice(name="mlp", preset="x"))
