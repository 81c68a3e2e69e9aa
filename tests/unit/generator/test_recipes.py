"""The catalogue of processes."""

from __future__ import annotations

from importlib.resources import files

import pytest

from rayscan.generator.recipes import LEVELS, catalogue, recipe
from rayscan.yaml_text import values

MINIMAL = """
title: a process
note: for a test
normalisation: lo
pythia: ['Top:gg2ttbar = on']
preselection: {met_min: 30}
"""


def test_every_data_file_is_a_recipe_with_a_title_and_a_note():
    for name, found in catalogue().items():
        assert found.name == name
        assert found.title
        assert found.note.endswith(".")
        assert found.pythia
        assert set(found.pt_hat_min) <= set(found.levels)


def test_the_studies_find_their_processes():
    spins = {f"spin{s}_{regime}" for s in (0, 1, 2) for regime in ("on", "off", "ps")}
    backgrounds = {"znunu_jet", "wlnu_jet", "wtaunu_jet", "ttbar", "ww_2l2nu", "zll_jet"}
    assert spins | backgrounds | {"alp", "slepton_280_275"} <= set(catalogue())


def test_stand_ins_say_so_and_arbitrary_couplings_too():
    for name, found in catalogue().items():
        if name.startswith("spin"):
            assert "neutrinos" in found.note
            assert found.dark_matter is not None
            assert found.normalisation == "arbitrary"
            assert "only shapes mean something" in found.note


def test_dark_matter_is_lighter_than_half_the_lowest_mediator_mass():
    for found in catalogue().values():
        if found.dark_matter is None:
            continue
        lowest = [line for line in found.pythia if ":mMin" in line]
        assert 2 * found.dark_matter.mass <= float(lowest[0].split("=")[1])


def test_every_spectrum_is_shipped():
    for found in catalogue().values():
        if found.spectrum is not None:
            assert files("rayscan.generator").joinpath("processes", found.spectrum).is_file()


def test_a_minimal_recipe_has_every_level_and_keeps_all_hard_processes():
    found = recipe("made", values(MINIMAL))
    assert found.levels == LEVELS
    assert found.dark_matter is None
    assert found.preselection.met_min == 30


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("finite_tops: {mass_min: 1, mass_max: 2}", "finite_tops"),
        ("levels: [partn]", "partn"),
        ("normalisation: nlo", "nlo"),
        ("pythia: ['Top:gg2ttbar on']", "key = value"),
        ("dark_matter: {mediator_spin: 3, mass: 1}", "mediator_spin"),
        ("dark_matter: {mediator_spin: 1, mass: -1}", "negative"),
        ("preselection: {same_flavour_pair: true}", "counts"),
        ("preselection: {counts: [{object: tau}]}", "tau"),
        ("preselection: {counts: [{object: jet, at_least: 2, at_most: 1}]}", "at_most"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_name(line: str, message: str):
    with pytest.raises(ValueError, match=f"process 'made'.*{message}"):
        recipe("made", values(MINIMAL) | values(line))
