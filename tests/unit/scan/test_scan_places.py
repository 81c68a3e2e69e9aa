"""A storage is relative to its scan file; results that lie below the working directory are said."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from rayscan.errors import ConfigError
from rayscan.results.storage import Storage
from rayscan.scan.config.file import load_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.study import load_study, storage_of

ROOT = Path(__file__).parents[3]
TEXT = """\
name: toy
storage: results/toy
processes:
  bkg: {role: background, files: ["bkg_*.root"], cross_section: 10}
  sig: {role: signal, files: [sig.root], cross_section: 0.1}
binning:
  axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]
mixtures: {background: 100, s_over_sqrt_b: [1]}
architectures: [{name: mlp}]
variants:
  five: {binning: {axes: {jet1_pt: {bins: 5}}}}
"""


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scan file in a folder below the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study").mkdir()
    (tmp_path / "study/scan.yaml").write_text(TEXT)
    return Path("study/scan.yaml")


def as_if_run(scan: Path, storage: str, name: str = "base") -> None:
    """What a run of an earlier version left at a place."""
    Storage(storage).write("scan.yaml", dump(load_study(scan).scans[name]).encode())


def test_storage_and_cache_start_from_the_folder_of_the_scan_file(scan, monkeypatch):
    scan.write_text(TEXT + "cache: ../cache\n")
    study = load_study(scan)
    assert load_scan(scan) == study.base
    assert (study.base.storage, study.base.cache) == ("study/results/toy", "cache")
    assert study.variants["five"].storage == "study/results/toy/variants/five"
    assert study.variants["five"].cache == "cache"
    assert storage_of("study/scan.yaml") == "study/results/toy"
    assert storage_of("study/results/toy") == "study/results/toy"
    monkeypatch.chdir("study")
    assert load_scan("scan.yaml").storage == "results/toy"


def test_a_step_up_behind_a_link_is_that_of_the_file_system(tmp_path, scan):
    (tmp_path / "far/away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far/away")
    (tmp_path / "link/scan.yaml").write_text(TEXT.replace("results/toy", "../toy"))
    assert Path(load_scan("link/scan.yaml").storage).resolve() == tmp_path / "far/toy"


@pytest.mark.parametrize("folder", [".", "jobs"])
def test_results_of_the_scans_of_a_clone_land_where_the_readme_says(folder, monkeypatch):
    monkeypatch.chdir(ROOT / folder)
    scans = [path for path in (ROOT / "jobs").glob("*.yaml") if "storage: ../" in path.read_text()]
    assert len(scans) == 8
    for path in scans:
        for written in (path, os.path.relpath(path)):
            assert Path(load_scan(written).storage).resolve() == ROOT / "results" / path.stem


@pytest.mark.parametrize("place", ["s3://bucket/toy?region=eu", "/abs/toy", "~no-such-user/toy"])
def test_what_is_not_relative_stays(place, scan):
    scan.write_text(TEXT.replace("results/toy", place))
    assert load_scan(scan).storage == place


def test_a_home_is_that_of_who_runs_it(scan):
    scan.write_text(TEXT.replace("results/toy", "~/toy"))
    assert load_scan(scan).storage == str(Path.home() / "toy")


@pytest.mark.parametrize("name", ["base", "five"])
def test_results_of_this_scan_below_the_working_directory_are_said(name, scan, tmp_path):
    as_if_run(scan, "results/toy" if name == "base" else "results/toy/variants/five", name)
    with pytest.raises(ConfigError) as caught:
        load_study(scan)
    (problem,) = caught.value.problems
    assert (problem.line, problem.where) == (2, "storage")
    assert f"but {tmp_path}/results/toy holds results of this scan" in problem.what
    move = problem.what.partition("to go on with them: ")[2].partition("; to begin anew")[0]
    assert shlex.split(move)[0] == "mkdir"
    subprocess.run(move, shell=True, check=True)  # what it says to do, done
    assert load_study(scan).base.storage == "study/results/toy"
    assert Path("study/results/toy").is_dir()


def test_results_of_another_scan_there_are_none_of_its_business(scan):
    as_if_run(scan, "results/toy")
    scan.write_text(TEXT.replace("bins: 10", "bins: 20"))
    assert load_study(scan).base.storage == "study/results/toy"


def test_who_begins_anew_is_not_asked_again(scan):
    as_if_run(scan, "results/toy")
    Path("study/results/toy").mkdir(parents=True)
    assert load_study(scan).base.storage == "study/results/toy"


def test_a_damaged_file_there_is_no_result(scan):
    Storage("results/toy").write("scan.yaml", b"a: [\xff")
    assert load_study(scan).base.storage == "study/results/toy"


def test_a_host_that_a_url_names_is_said_before_anybody_asks_it(scan, caplog):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host = f"127.0.0.1:{server.getsockname()[1]}"
        url = f"s3://bucket/toy?scheme=http&endpoint_override={host}"
        text = TEXT.replace("results/toy", url).replace("sig.root", f'"{url}"')
        scan.write_text(text)
        load_study(scan)
        with pytest.raises(BlockingIOError):  # nobody has
            server.accept()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{host} is asked, named by the URL of storage, files of sig, cache; go")


def test_where_no_url_names_a_host_nothing_is_said(scan, caplog):
    scan.write_text(TEXT.replace("results/toy", "s3://bucket/toy?region=eu"))
    load_study(scan)
    assert not caplog.records
