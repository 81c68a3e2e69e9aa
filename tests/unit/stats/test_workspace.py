"""Tests that pyhf reads our workspaces and finds the same model in them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pyhf
import pytest

from rayscan.stats.limits import upper_limits
from rayscan.stats.referee import cls_values
from rayscan.stats.workspace import signal_unit_of, template_of, workspace


def test_the_workspace_passes_the_schema_of_pyhf_and_survives_json(make_template):
    spec = json.loads(json.dumps(workspace(make_template())))
    model = pyhf.Workspace(spec).model()
    assert model.config.poi_name == "mu"
    assert set(model.config.samples) == {"signal", "zjets", "wjets", "top"}
    assert set(model.config.modifiers) == {
        ("mu", "normfactor"),
        ("luminosity", "normsys"),
        ("stat_histogram", "staterror"),
        *((f"{name}_normalisation", "normsys") for name in ("signal", "zjets", "wjets", "top")),
    }


def test_the_command_line_of_pyhf_reads_a_written_workspace(make_template, tmp_path):
    template = make_template(bins=3)
    path = tmp_path / "limit.json"
    path.write_text(json.dumps(workspace(template)))
    script = "from pyhf.cli import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", script, "cls", str(path), "--test-poi", "1.5"],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    spec = pyhf.Workspace(workspace(template))
    observed, expected = pyhf.infer.hypotest(
        1.5, spec.data(spec.model()), spec.model(), test_stat="qtilde", return_expected_set=True
    )
    assert answer["CLs_obs"] == pytest.approx(float(observed), rel=1e-6)
    assert answer["CLs_exp"] == pytest.approx([float(each) for each in expected], rel=1e-6)


def test_yields_are_those_of_the_template(make_template):
    template = make_template()
    model = pyhf.Workspace(workspace(template)).model()
    parameters = model.config.suggested_init()
    parameters[model.config.poi_index] = 2.0
    expected = model.expected_data(parameters, include_auxdata=False)
    np.testing.assert_allclose(expected, template.background + 2.0 * template.signal)


def test_the_widths_of_the_gammas_do_not_depend_on_the_unit_of_the_signal(make_template):
    for template in (make_template(), make_template(signal_stat=None)):
        for unit in (1.0, 1e-3, 1e3):
            model = pyhf.Workspace(workspace(template, signal_unit=unit)).model()
            widths = model.config.param_set("stat_histogram").sigmas
            np.testing.assert_allclose(widths, template.gamma_widths, rtol=1e-12)


def test_another_unit_of_the_signal_is_the_same_model(make_template):
    template = make_template(bins=3)
    plain = cls_values(workspace(template), 1.5)
    scaled = cls_values(workspace(template, signal_unit=1.5), 1.0)
    # Two runs of SLSQP, each ending within about 1e-6 of the minimum of -2 ln L.
    assert scaled.expected == pytest.approx(plain.expected, abs=1e-5)
    assert scaled.observed == pytest.approx(plain.observed, abs=1e-5)


def test_without_uncertainties_no_modifier_but_the_strength_is_written(make_template):
    spec = workspace(
        make_template(
            signal_stat=None, background_stat=None, normalisation={}, luminosity_uncertainty=0.0
        )
    )
    found = [m["name"] for s in spec["channels"][0]["samples"] for m in s["modifiers"]]
    assert found == ["mu"]


def test_without_observed_events_the_data_are_the_expected_background(make_template):
    template = make_template(observed=None)
    np.testing.assert_allclose(workspace(template)["observations"][0]["data"], template.background)


def test_the_strength_can_reach_any_limit_of_a_weak_signal(make_template):
    template = make_template(signal=np.full(5, 1e-4), signal_stat=None)
    parameter = workspace(template)["measurements"][0]["config"]["parameters"][0]
    assert parameter["bounds"][0][1] * 5e-4 > template.background.sum()


@pytest.mark.parametrize("signal_stat", [True, False])
def test_a_workspace_says_what_its_strength_means_and_is_read_back(make_template, signal_stat):
    template = make_template(observed=None, **({} if signal_stat else {"signal_stat": None}))
    for unit in (1.0, 3.7e-5, 2.0e4):
        spec = json.loads(json.dumps(workspace(template, signal_unit=unit)))
        assert signal_unit_of(spec) == unit
        back = template_of(spec)
        np.testing.assert_allclose(back.signal, template.signal, rtol=1e-12)
        np.testing.assert_allclose(back.gamma_widths, template.gamma_widths, rtol=1e-12)
    assert signal_unit_of(workspace(template)) == 1.0


@pytest.mark.parametrize("scale", [1e5, 1.0, 1e-5])
def test_plain_pyhf_fits_a_signal_far_from_its_limit(make_template, tmp_path, scale):
    """At a limit of mu = 1e-4 plain pyhf fails or sees CLs = 1 with the signal as it is."""
    template = make_template(bins=12, observed=None, signal_stat=None)
    template = replace(template, signal=template.signal * scale)
    (limit,) = upper_limits([template])
    path = tmp_path / "limit.json"
    path.write_text(json.dumps(workspace(template, signal_unit=limit.expected[2])))
    script = "from pyhf.cli import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", script, "cls", str(path)], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer["CLs_exp"][2] == pytest.approx(0.05, abs=1e-3)
    assert answer["CLs_obs"] == pytest.approx(0.05, abs=1e-3)
