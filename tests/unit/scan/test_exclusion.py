"""Limits from templates and from channels of response."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from toy_scan import CROSS_SECTIONS, EFFICIENCY, limits_on, make_config, make_pools, train_all

from rayscan.results.ledger import rows_to_table
from rayscan.results.storage import Storage
from rayscan.scan.config.limits import Limits
from rayscan.scan.pools.binned import POOL_NAMES
from rayscan.scan.pools.folds import every_event
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.exclusion.base import band_columns
from rayscan.scan.steps.exclusion.channels import by_response, plain
from rayscan.scan.steps.exclusion.fits import fit_template
from rayscan.stats.referee import cls_values, referee
from rayscan.stats.response import Grouping
from rayscan.stats.workspace import signal_unit_of


def scaled(binned, process, factor):
    """Pools of a process whose cross-section the scan file gives otherwise."""
    part = binned.processes[process]
    flow = tuple({**row, "cross_section": row["cross_section"] * factor} for row in part.flow)
    changed = replace(part, cross_section=part.cross_section * factor, flow=flow)
    return replace(binned, processes={**binned.processes, process: changed})


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("limits")
    config = make_config(
        backgrounds=("bkg", "bkg2"), signals=("hard",), limits=Limits(channels=10, referee=0)
    )
    binned = make_pools(backgrounds=("bkg", "bkg2"), signals=("hard",))
    _, _, candidates = train_all(config, binned, folder)
    return config, binned, candidates, Storage(str(folder))


def limits(scan, **changes):
    config, binned, candidates, storage = scan
    changes = {"workspaces": False, "methods": ("template", "response"), **changes}
    changed = replace(config, limits=replace(config.limits, **changes))
    rows = limits_on("hard", candidates, config=changed, binned=binned, storage=storage)
    return {(row["method"], row["luminosity"]): row for row in rows}


@pytest.mark.parametrize("luminosity", [1.0, 139.0])
def test_templates_hold_cross_section_times_luminosity_events(scan, luminosity):
    config, binned, *_ = scan
    channels = plain(binned, "hard", pool="test", minimum=10)
    template = fit_template(PooledScan(config, binned), "hard", channels, luminosity=luminosity)
    events = {
        name: CROSS_SECTIONS[name] * EFFICIENCY * luminosity * 1000 for name in CROSS_SECTIONS
    }
    assert template.signal.sum() == pytest.approx(events["hard"])
    for name, expected in template.backgrounds:
        assert expected.sum() == pytest.approx(events[name])


def test_the_monte_carlo_uncertainty_is_that_of_the_weighted_background_events(scan):
    config, binned, *_ = scan
    channels = plain(binned, "hard", pool="test", minimum=10)
    template = fit_template(PooledScan(config, binned), "hard", channels, luminosity=139)
    variance = np.zeros(channels.size)
    for name, expected in template.backgrounds:
        weight = expected.sum() / channels.counts[name].sum()
        variance += channels.counts[name] * weight**2
    np.testing.assert_allclose(template.background_stat, np.sqrt(variance))


def test_rows_fit_the_table_and_there_is_one_for_each_method_and_luminosity(scan):
    found = limits(scan, luminosity=(10.0, 139.0))
    assert rows_to_table("limits", list(found.values())).num_rows == 4
    assert set(found) == {(m, lumi) for m in ("template", "response") for lumi in (10.0, 139.0)}
    for row in found.values():
        band = [row[f"mu_expected_{tag}"] for tag in ("m2", "m1", "0", "p1", "p2")]
        assert band == sorted(band)
        assert row["status"] == "ok"


def test_more_luminosity_excludes_smaller_cross_sections(scan):
    found = limits(scan, luminosity=(10.0, 139.0))
    for method in ("template", "response"):
        column = "cross_section_expected_0"
        assert found[method, 139.0][column] < found[method, 10.0][column]


def test_the_limit_on_the_cross_section_does_not_depend_on_the_one_that_is_given(scan):
    config, binned, candidates, storage = scan
    other = (config, scaled(binned, "hard", 7.0), candidates, storage)
    for key, row in limits(scan).items():
        same = limits(other)[key]
        for tag in ("m2", "0", "p2"):
            assert same[f"mu_expected_{tag}"] * 7 == pytest.approx(
                row[f"mu_expected_{tag}"], rel=1e-5
            )
            for column in ("cross_section", "signal_events"):
                name = f"{column}_expected_{tag}"
                assert same[name] == pytest.approx(row[name], rel=1e-5)


def test_without_uncertainties_channels_cannot_beat_all_bins(scan):
    found = limits(
        scan,
        background_uncertainty=0.0,
        signal_uncertainty=0.0,
        luminosity_uncertainty=0.0,
        monte_carlo_statistics=False,
        min_pool_count=0,
    )
    whole, grouped = found["template", 139.0], found["response", 139.0]
    assert whole["channels"] > 10 >= grouped["channels"] > 5
    # 1e-4 covers the accuracy at which limits are solved.
    assert whole["mu_expected_0"] < grouped["mu_expected_0"] * (1 + 1e-4)
    # A likelihood ratio cut into ten channels keeps most of the information.
    one = limits(
        scan,
        channels=1,
        background_uncertainty=0.0,
        signal_uncertainty=0.0,
        luminosity_uncertainty=0.0,
        monte_carlo_statistics=False,
    )["response", 139.0]
    assert grouped["mu_expected_0"] < one["mu_expected_0"]


def test_one_channel_without_uncertainties_gives_the_counting_limit(scan):
    _, binned, *_ = scan
    row = limits(
        scan,
        channels=1,
        background_uncertainty=0.0,
        signal_uncertainty=0.0,
        luminosity_uncertainty=0.0,
        monte_carlo_statistics=False,
    )["response", 139.0]
    background = binned.background_cross_section * 139 * 1000
    assert row["background_events"] == pytest.approx(background)
    # 1.96 sqrt(b) up to corrections of order 1/sqrt(b), here 1e-3 x a few.
    assert row["signal_events_expected_0"] == pytest.approx(1.96 * np.sqrt(background), rel=5e-3)
    mu = row["mu_expected_0"]
    events = CROSS_SECTIONS["hard"] * EFFICIENCY * 139 * 1000
    assert row["signal_events_expected_0"] == pytest.approx(mu * events)
    assert row["cross_section_expected_0"] == pytest.approx(mu * CROSS_SECTIONS["hard"])


def test_pyhf_judges_the_smallest_models_and_agrees(scan):
    found = limits(scan, channels=3, referee=1)
    judged = [row for row in found.values() if "referee_cls" in row]
    assert [row["method"] for row in judged] == ["response"]
    assert judged[0]["referee_cls"] == pytest.approx(0.05, abs=5e-4)


@pytest.mark.parametrize("times", [1.0, 1e4])
def test_plain_pyhf_excludes_strength_1_of_every_workspace(scan, times):
    """What is written is what the referee judges: the signal in units of its limit."""
    config, binned, candidates, storage = scan
    other = (config, scaled(binned, "hard", times), candidates, storage)
    found = limits(other, workspaces=True, channels=4, min_pool_count=600)
    for row in found.values():
        spec = json.loads(storage.read(row["workspace"]))
        assert len(spec["channels"][0]["samples"]) == 3
        assert len(spec["channels"][0]["samples"][0]["data"]) == row["channels"]
        assert row["calculator"] == "asymptotic"
        assert cls_values(spec, 1.0).expected[2] == pytest.approx(0.05, abs=1e-3)
        assert row["workspace_signal"] == signal_unit_of(spec) == row["mu_expected_0"]


def test_few_expected_events_are_left_to_toys(scan):
    """1e-4 fb^-1 of 7.5 pb: 0.75 background events. No limit below three, efficiency known."""
    for row in limits(scan, luminosity=(1e-4,), signal_uncertainty=0.0).values():
        assert (row["status"], row["calculator"]) == ("ok", "toys")
        assert row["signal_events_expected_m2"] >= -np.log(0.05) * 0.99
        assert 0 < row["limit_error"] < 0.05 * row["signal_events_expected_0"]
        assert "referee_cls" not in row
    assert [r["calculator"] for r in limits(scan).values()] == ["asymptotic"] * 2


def test_only_the_methods_asked_for_are_used(scan):
    assert {m for m, _ in limits(scan, methods=("template",))} == {"template"}
    assert {m for m, _ in limits(scan, methods=("score",))} == {"score"}
    assert limits(scan, methods=()) == {}


def test_a_band_keeps_what_there_is():
    found = band_columns((0.5, None, 1.0, 1.5, None), events=20.0, cross_section=3.0)
    assert found["signal_events_expected_0"] == 20.0
    assert found["cross_section_expected_p1"] == 4.5
    assert found["mu_expected_m1"] is found["signal_events_expected_m1"] is None


def test_a_template_of_channels_is_what_pyhf_reads(scan):
    config, binned, candidates, storage = scan
    from rayscan.scan.steps.scoring import stored

    classifier = stored(storage.uri, candidates[0].row["classifier"])
    mixture = config.mixtures.expand()[0]
    channels = by_response(
        classifier, binned, "hard", mixture=mixture, grouping=Grouping(channels=2), pool="test"
    )
    template = fit_template(PooledScan(config, binned), "hard", channels, luminosity=1.0)
    assert 0 < referee(template, 1.0) < 1


def test_the_template_holds_every_event_once():
    apart = make_pools(signals=("hard",))
    for name, part in every_event(apart).processes.items():
        every = sum(apart.processes[name].counts[pool] for pool in POOL_NAMES)
        np.testing.assert_array_equal(part.counts["test"], every)
    shared = make_pools(signals=("hard",), mode="shared_pool")
    for name, part in every_event(shared).processes.items():
        of = shared.processes[name].counts
        np.testing.assert_array_equal(part.counts["test"], of["train"] + of["unseen"])


@pytest.mark.parametrize(("mode", "pools"), [("disjoint", 3), ("shared_pool", 2)])
def test_where_simulation_rules_the_limit_falls_with_the_root_of_all_events(mode, pools, tmp_path):
    size = 20_000
    config = make_config(
        signals=("hard",),
        limits=Limits(
            methods=("template",),
            luminosity=(1e6,),
            min_pool_count=10**9,  # all bins are one
            background_uncertainty=0.0,
            signal_uncertainty=0.0,
            luminosity_uncertainty=0.0,
            referee=0,
            workspaces=False,
        ),
    )
    binned = make_pools(size=size, signals=("hard",), mode=mode)
    (row,) = limits_on("hard", (), config=config, binned=binned, storage=Storage(str(tmp_path)))
    b, simulated = row["background_events"], pools * size
    # b = 5e9 known to 1/sqrt(simulated): 1.96 sigma, up to corrections of order 1/sqrt(simulated)
    assert row["channels"] == 1
    assert row["filled_from"] == "all"
    expected = 1.96 * b / np.sqrt(simulated)
    assert row["signal_events_expected_0"] == pytest.approx(expected, rel=2 / np.sqrt(simulated))
