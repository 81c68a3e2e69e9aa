"""What `import rayscan` offers: its names, their types, scans as files and as mappings."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml
from typer.testing import CliRunner

import rayscan
from rayscan.cli.app import app
from rayscan.errors import ConfigError, TableError, VariantsStoppedError
from rayscan.models.architectures.linear import LinearClassifier
from rayscan.results.ledger import Ledger
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.given import dump
from rayscan.scan.config.study import load_study

DENSITY = ["--source", "density"]
KEYS = {
    "name": "toy",
    "storage": "results/toy",
    "processes": {
        "bkg": {
            "role": "background",
            "generate": {"process": "znunu_jet", "events": 90000, "source": "density"},
        },
        "sig": {
            "role": "signal",
            "generate": {"process": "spin1_on", "events": 20000, "source": "density"},
        },
    },
    "selection": {"cuts": ["jet1_pt > 130"]},
    "binning": {"axes": [{"observable": "jet1_pt", "bins": 10, "low": 130, "high": 800}]},
    "mixtures": {"background": 9000, "s_over_sqrt_b": [0.5, 1.0, 2.0]},
    "architectures": [{"name": "logistic_regression"}],
    "resources": {"workers": 2},
    "variants": {"five": {"binning": {"axes": {"jet1_pt": {"bins": 5}}}}},
}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "115")


def written(folder: str = ".") -> Path:
    path = Path(folder) / "scan.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(KEYS, sort_keys=False))
    return path


def without(*names: str) -> dict[str, object]:
    return {key: value for key, value in KEYS.items() if key not in names}


def test_the_names_are_these():
    assert sorted(rayscan.__all__) == dir(rayscan) == [
        "Scan", "check", "ensembles", "load_classifier", "load_scan", "plan", "read_study",
        "read_tables", "run",
    ]  # fmt: skip
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        rayscan.runn  # noqa: B018


@pytest.mark.parametrize("name", sorted(set(rayscan.__all__) - {"Scan"}))
def test_each_says_what_it_takes_returns_and_raises(name):
    text = inspect.getdoc(getattr(rayscan, name)) or ""
    assert all(f"\n{section}:\n" in text for section in ("Args", "Returns", "Raises"))


def test_importing_is_quick_and_only_a_run_needs_ray_or_tensorflow():
    code = (
        "import sys, rayscan\n"
        "heavy = {'ray', 'tensorflow', 'keras', 'sklearn', 'optuna'}\n"
        "assert not (heavy | {'numpy', 'pandas', 'pyarrow', 'pydantic'}) & set(sys.modules)\n"
        "for name in rayscan.__all__: getattr(rayscan, name)\n"
        f"rayscan.check({str(written())!r}), rayscan.plan('scan.yaml')\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mapping_is_the_scan_of_a_file_with_these_keys():
    found = load_study(KEYS)
    assert replace(found, path="scan.yaml") == load_study(written())
    arrays = {"background": np.int64(9000), "s_over_sqrt_b": np.array([0.5, 1.0, 2.0])}
    assert load_study(KEYS | {"mixtures": arrays, "storage": Path("results/toy")}) == found
    scan = rayscan.load_scan(without("variants"))
    assert isinstance(scan, rayscan.Scan)
    assert scan == found.base == rayscan.load_scan(scan)
    assert rayscan.load_scan(replace(scan, seed=7)).seed == 7


def test_paths_start_from_the_scan_file_or_from_the_working_directory(tmp_path):
    assert load_study(KEYS).folder == Path()
    inner = load_study(written("inner"))
    assert (inner.folder, inner.base.storage) == (Path("inner"), "inner/results/toy")
    for scan in (KEYS, Path("inner/scan.yaml")):
        moved = load_study(scan, storage="other", workers=5)
        assert moved.base.storage == str(tmp_path / "other")
        assert moved.variants["five"].storage == str(tmp_path / "other/variants/five")
        assert {each.resources.workers for each in moved.scans.values()} == {5}
    assert load_study(without("storage"), storage="s3://b/x").base.storage == "s3://b/x"


def test_problems_of_a_mapping_are_those_of_a_file_without_lines():
    wrong = KEYS | {"bining": {}, "mixtures": {"background": float("nan")}}
    with pytest.raises(ConfigError) as caught:
        rayscan.plan(wrong)
    Path("wrong.yaml").write_text(yaml.safe_dump(wrong, sort_keys=False))
    with pytest.raises(ConfigError) as of_file:
        rayscan.plan("wrong.yaml")
    found, expected = caught.value.problems, of_file.value.problems
    assert {(p.where, p.what) for p in found} == {(p.where, p.what) for p in expected}
    assert {p.where for p in found} >= {"bining", "mixtures.background"}
    assert all(p.line is None for p in found)
    assert str(caught.value).startswith("the configuration has ")
    with pytest.raises(ConfigError, match=r"selection\.cuts\.1: found set, expected text, a num"):
        rayscan.check(KEYS | {"selection": {"cuts": ["met > 1", {1}]}})
    with pytest.raises(ConfigError, match=r"resources\.workers: 0, expected at least 1"):
        rayscan.plan(KEYS, workers=0)
    with pytest.raises(ConfigError, match=r"absent\.yaml has 1 problem"):
        rayscan.run("absent.yaml")


def test_check_and_plan_show_what_their_commands_print():
    path = str(written())
    checked, planned = rayscan.check(path), rayscan.plan(path)
    assert checked.events == {"bkg": 90000, "sig": 20000}
    assert any("a histogram takes 9,190" in line for line in checked.cautions)
    assert set(checked.cautions) <= set(planned.warnings)
    said = CliRunner().invoke(app, ["check", path], catch_exceptions=False).stdout
    assert said == f"{checked!r}; next: rayscan plan scan.yaml\n"
    said = CliRunner().invoke(app, ["plan", path], catch_exceptions=False).stdout
    assert [line.rstrip() for line in said.strip("\n").splitlines()] == repr(planned).splitlines()


def test_a_plan_has_numbers():
    base, both = rayscan.plan(without("variants")), rayscan.plan(KEYS)
    assert (base.points, base.trainings) == (1, 3)
    assert (both.points, both.trainings) == (2, 6)
    assert 0 < base.seconds < both.seconds < 2 * base.seconds  # Ray starts, events are read once
    assert base.memory == both.memory > 0


def test_tables_show_a_line_each(fake, fake_scan):
    tables = fake(fake_scan(repeats=2))
    lines = repr(tables).splitlines()
    assert [line.split()[0] for line in lines] == list(LAYOUTS)
    assert lines[2].split() == ["auc", str(len(tables.auc)), "rows"]


def test_scans_that_stopped_are_named():
    error = VariantsStoppedError(storage="results", why={"cut": "nothing is left"})
    assert str(error).endswith("does what is missing:\n  - cut: nothing is left")


@pytest.fixture
def results(fake, fake_scan) -> str:
    """A storage with a scan and one classifier of its bins, whose score is what they weigh."""
    scan = rayscan.load_scan(without("variants"))
    storage, trials = Path(scan.storage), fake(fake_scan(repeats=1)).trials
    weight = np.arange(10.0)[:, np.newaxis]
    LinearClassifier("logistic_regression", (10,), "standard", weight, np.array([0.5])).save(
        storage / "classifiers/one"
    )
    row = trials.astype(object).where(trials.notna(), None).to_dict("records")[0]
    row |= {"label": "logistic_regression", "classifier": "classifiers/one", "trial": "abc1"}
    other = row | {"trial": "abc2", "classifier": None, "error": "the loss became NaN"}
    Ledger(str(storage)).commit("trials", "all", [row, other])
    (storage / "scan.yaml").write_text(dump(scan))
    return scan.storage


def test_a_stored_classifier_scores_the_events_of_a_new_file(results):
    made = CliRunner().invoke(app, ["generate", "spin1_on", "--events", "400", *DENSITY])
    assert made.exit_code == 0
    classifier = rayscan.load_classifier(results, "abc1")
    assert "(10,) histograms of jet1_pt" in repr(classifier)
    events = classifier.events("events.root")
    assert list(events) == ["jet1_pt"]
    with uproot.open("events.root") as file:
        pt = ak.firsts(file["Delphes"]["Jet.PT"].array()).to_numpy()
    np.testing.assert_array_equal(events["jet1_pt"], pt[pt > 130])
    counts, _ = np.histogram(pt[pt > 130], bins=np.linspace(130, 800, 11))
    assert classifier.scores(events) == pytest.approx([counts @ np.arange(10) + 0.5])
    with pytest.raises(TableError, match="no column jet1_pt"):
        classifier.scores({"met": np.ones(3)})


def test_a_classifier_that_is_not_there_is_said(results):
    with pytest.raises(TableError, match="trial abc2 left no classifier: the loss became NaN"):
        rayscan.load_classifier(results, "abc2")
    with pytest.raises(TableError, match=r"no trial 'abc' \(nearest: 'abc"):
        rayscan.load_classifier(results, "abc")
    path = Path(results) / "scan.yaml"
    path.write_text(path.read_text().replace("min_pool_count: 0", "min_pool_count: 5"))
    merged = rayscan.load_classifier(results, "abc1")
    with pytest.raises(ConfigError, match=r"pools\.min_pool_count: merges bins"):
        merged.scores({"jet1_pt": np.array([200.0])})
