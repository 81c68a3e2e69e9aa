"""What a scan and its variants cost together: shared events count once, Ray starts once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import ConfigError
from rayscan.scan.checking import check
from rayscan.scan.config.study import load_study, parse_study
from rayscan.scan.cost import study as forecast
from rayscan.scan.cost.capacity import disk_bytes
from rayscan.scan.cost.stages import stages
from rayscan.scan.cost.study import costs
from rayscan.scan.cost.workload import workload
from rayscan.scan.pools.inputs import open_each

TEXT = """\
name: toy
storage: results/toy
processes:
  bkg: {role: background, generate: {process: znunu_jet, events: 90000, source: density}}
  sig: {role: signal, generate: {process: spin1_on, events: 20000, source: density}}
selection:
  cuts: [jet1_pt > 130]
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800}
mixtures: {background: 100, s_over_sqrt_b: [1, 2]}
architectures: [{name: logistic_regression}]
resources: {workers: 2}
"""
VARIANTS = """\
variants:
  bins: {binning: {axes: {jet1_pt: {bins: 5}}}}
  cut: {selection: {cuts: [jet1_pt > 200]}}
  more: {processes: {sig: {generate: {events: 40000}}}, training: {repeats: 6}}
"""


@pytest.fixture
def study():
    return parse_study(TEXT + VARIANTS)


def workloads(study):
    return forecast.workloads(study, open_each(study.scans, Path()))


def test_each_scan_has_a_row_and_all_have_the_sum(study):
    found = costs(workloads(study)).scans.set_index("scan")
    assert list(found.index) == ["base", "bins", "cut", "more", "all"]
    assert list(found["trained"]) == ["3", "3", "3", "6", "15"]
    assert found.loc["all", "points"] == "4"


def test_events_that_scans_share_are_made_and_read_once(study):
    loads = workloads(study)
    made = {name: set(load.made) for name, load in loads.items()}
    read = {name: set(load.read) for name, load in loads.items()}
    assert made == {"base": set(), "bins": {"bkg", "sig"}, "cut": {"bkg", "sig"}, "more": {"bkg"}}
    assert read == {"base": set(), "bins": {"bkg", "sig"}, "cut": set(), "more": {"bkg"}}
    alone = {each.name: each for each in stages(workload(study.variants["bins"]))}
    after = {each.name: each for each in stages(loads["bins"])}
    for name in ("generate events", "read events"):
        assert alone[name].wall > 0
        assert after[name].wall == after[name].cpu == 0
    assert after["train"] == alone["train"]
    assert disk_bytes(loads["bins"])["cache"] == 0
    assert disk_bytes(loads["cut"])["cache"] > 0


def test_files_are_read_once_whatever_reads_them(study):
    files = TEXT.replace(
        "generate: {process: znunu_jet, events: 90000, source: density}",
        "files: [b.root], cross_section: 1",
    )
    loads = workloads(parse_study(files + VARIANTS))
    assert "bkg" in loads["bins"].read
    assert "bkg" not in loads["cut"].read


def test_ray_starts_once(study):
    twin = replace(study, variants={"twin": study.base})
    twice, alone = costs(workloads(twin)), costs(workloads(replace(study, variants={})))
    again = twice.cpu_seconds - alone.cpu_seconds
    shared = ("start", "generate events", "read events")
    own = [each.cpu for each in stages(workload(study.base)) if each.name not in shared]
    assert again == pytest.approx(sum(own))


def test_a_scan_without_variants_has_one_row():
    assert list(costs(workloads(parse_study(TEXT))).scans["scan"]) == ["base"]


def test_a_warning_of_a_variant_names_it():
    text = TEXT + "variants:\n  hungry: {mixtures: {background: 9000}}\n"
    warnings = costs(workloads(parse_study(text))).warnings
    assert any(line.startswith("hungry: a histogram takes 9,") for line in warnings)


def test_plan_and_check_show_every_variant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("scan.yaml").write_text(TEXT + VARIANTS)
    planned = CliRunner().invoke(app, ["plan", "scan.yaml"], catch_exceptions=False)
    assert planned.exit_code == 0
    for name in ("base", "bins", "cut", "more", "all"):
        assert f" {name} " in planned.stdout
    checked = CliRunner().invoke(app, ["check", "scan.yaml"], catch_exceptions=False)
    assert "variant bins: other binning.axes" in checked.stdout
    assert "  sig: 40000 events to generate" in checked.stdout


def test_status_names_every_variant_of_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("scan.yaml").write_text(TEXT + VARIANTS)
    told = CliRunner().invoke(app, ["status", "scan.yaml"], catch_exceptions=False)
    assert "results/toy: no run has begun here" in told.stdout
    assert [line.split() for line in told.stdout.splitlines()[1:]] == [
        [f"{name}:", "not", "begun"] for name in ("bins", "cut", "more")
    ]


def test_a_check_opens_inputs_of_variants_and_tells_all_with_lines(tmp_path):
    path = tmp_path / "scan.yaml"
    text = TEXT.replace("storage: results/toy", f"storage: {tmp_path / 'results'}") + VARIANTS
    other = "{sig: {generate: null, files: [absent.root], cross_section: 1}}"
    path.write_text(f"{text}  files: {{processes: {other}}}\n")
    with pytest.raises(ConfigError) as caught:
        check(path)
    (problem,) = caught.value.problems
    assert problem.where == "variants.files.processes.sig.files"
    assert problem.line == 18
    assert "no such file" in problem.what
    path.write_text(text)
    assert check(path).study == load_study(path)
