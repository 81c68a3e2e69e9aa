"""Knobs: defaults, presets, refusals with hints, ranges."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rayscan.models.architectures.registry import architectures
from rayscan.models.knobs import Choice, Float, Integer

KNOWN = architectures()


@pytest.mark.parametrize("name", KNOWN)
def test_defaults_are_legal_and_complete(name):
    KNOWN[name].valued(KNOWN[name].knobs.defaults())
    assert KNOWN[name].valued({}) == KNOWN[name].valued(KNOWN[name].knobs.defaults())


def test_the_page_has_every_knob_of_the_networks_and_its_default():
    names = ("mlp", "cnn", "event_mlp")
    page = (Path(__file__).parents[3] / "docs" / "scan_file.md").read_text(encoding="utf-8")
    table = page.partition("| knob |")[2].partition("\n\n")[0].splitlines()[2:]
    told: dict[str, dict[str, str]] = {name: {} for name in names}
    for line in table:
        knob, *values = (cell.strip().strip("`") for cell in line.split("|")[1:5])
        for name, value in zip(names, values, strict=True):
            if value:
                told[name][knob] = value
    expected = {
        name: {
            k: f"{v:g}" if isinstance(v, float) else str(v)
            for k, v in KNOWN[name].knobs.defaults().items()
        }
        for name in names
    }
    assert told == expected


@pytest.mark.parametrize("name", KNOWN)
def test_every_preset_is_legal_and_complete(name):
    for which in KNOWN[name].presets:
        KNOWN[name].valued(KNOWN[name].preset(which))
        assert set(KNOWN[name].preset(which)) == set(KNOWN[name].knobs.defaults())


@pytest.mark.parametrize("name", KNOWN)
def test_every_value_of_a_range_is_legal(name):
    for knob, search in KNOWN[name].knobs.ranges().items():
        ends = search.options if isinstance(search, Choice) else (search.low, search.high)
        for value in ends:
            KNOWN[name].valued({knob: value})
        if isinstance(search, Float | Integer):
            assert search.low < search.high
            assert search.low > 0 or not search.log
        else:
            assert KNOWN[name].knobs.defaults()[knob] in search.options


def test_the_published_recipe_is_that_of_the_paper():
    """arXiv:2105.12018, Table 2."""
    published = KNOWN["mlp"].preset("published")
    assert published["learning_rate"] == 1e-4
    assert published["dropout"] == 0.2
    assert (published["layers"], published["units"]) == (2, 20)
    assert (published["batch_size"], published["epochs"], published["patience"]) == (128, 1500, 100)
    assert (published["input"], published["refresh"]) == ("maximum", "never")
    assert KNOWN["cnn"].preset("published")["filters"] == 32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"learningrate": 1e-3},
            r"learningrate: 'mlp' has no such .* \(nearest: 'learning_rate'\)",
        ),
        ({"learning_rate": 0.0}, "learning_rate: 0.0 must be above 0"),
        ({"learning_rate": math.nan}, "learning_rate: nan must be"),
        ({"learning_rate": math.inf}, "learning_rate: inf must be finite"),
        ({"learning_rate": "fast"}, "learning_rate: 'fast' is not a number"),
        ({"dropout": 1.0}, "dropout: 1.0 must be below 1"),
        ({"dropout": -0.1}, "dropout: -0.1 must be at least 0"),
        ({"epochs": 2.5}, "epochs: 2.5 is not a whole number"),
        ({"epochs": True}, "epochs: True is not a whole number"),
        ({"units": 0}, "units: 0 must be at least 1"),
        ({"input": "standrd"}, r"input: 'standrd' is not one of .* \(nearest: 'standard'\)"),
        ({"schedule": 3}, "schedule: 3 is not a name"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values, message):
    with pytest.raises(ValueError, match=message):
        KNOWN["mlp"].valued(values)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="only: published"):
        KNOWN["mlp"].preset("best")
    with pytest.raises(ValueError, match="only: none"):
        KNOWN["likelihood_ratio"].preset("published")


def test_a_whole_number_serves_as_a_real_one():
    assert KNOWN["logistic_regression"].valued({"C": 1}) == KNOWN["logistic_regression"].valued(
        {"C": 1.0}
    )
