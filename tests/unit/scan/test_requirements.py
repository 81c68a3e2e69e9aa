"""Pools that cannot serve a scan are named before anything is trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from toy_scan import make_config, make_pools

from rayscan.ensembles.mixture import Mixtures
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.plan.points import mixtures
from rayscan.scan.plan.requirements import pool_problems


def problems(config, binned):
    return [str(p) for p in pool_problems(config, binned, mixtures(config, binned))]


def test_large_pools_have_no_problem():
    assert problems(make_config(), make_pools()) == []


def test_too_few_background_events_are_counted_and_what_is_possible_is_said():
    config = make_config(mixtures=Mixtures(signal=(10, 20), background=1000))
    found = problems(config, make_pools(sizes={"bkg": 900}))
    assert len(found) == 3  # train, validation and test, each once for all strengths
    for pool, text in zip(("train", "validation", "test"), found, strict=True):
        assert f"'bkg ({pool})' has 900 events" in text
        assert "needs 1020" in text
        assert "at most 900" in text


def test_too_few_signal_events_are_found_beside_too_few_background_events():
    config = make_config(mixtures=Mixtures(signal=(10, 50), background=1000))
    found = problems(config, make_pools(sizes={"bkg": 900, "central": 30}))
    assert sum("'bkg (" in text for text in found) == 3
    assert sum("'central (" in text and "needs 50" in text for text in found) == 3
    assert len(found) == 6


def test_pools_without_end_are_never_too_small():
    sizes = EnsembleSizes(method="multinomial")
    assert problems(make_config(ensembles=sizes), make_pools(sizes={"bkg": 900})) == []


def test_an_empty_pool_is_named_with_its_events():
    binned = make_pools()
    part = binned.processes["hard"]
    counts = {**part.counts, "validation": np.zeros(96, dtype=np.int64)}
    empty = replace(part, counts=counts, selected={**part.selected, "validation": 3})
    other = replace(binned, processes={**binned.processes, "hard": empty})
    (text,) = problems(make_config(), other)
    assert "none of the 3 events of 'hard (validation)' lies inside the binning" in text


def test_a_pool_made_small_by_unweighting_names_the_weights():
    binned = make_pools(sizes={"bkg": 900})
    light = replace(binned.processes["bkg"], unweighting=(2700, 27_000, 5000.0))
    other = replace(binned, processes={**binned.processes, "bkg": light})
    config = make_config(mixtures=Mixtures(signal=(10, 20), background=1000))
    for text in problems(config, other):
        assert "unweighting kept 2700 of 27000 selected events" in text
        assert "weighs 10 times the mean" in text
    assert not any("unweighting" in text for text in problems(config, binned))
