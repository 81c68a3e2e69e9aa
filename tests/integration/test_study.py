"""A scan and two variants on real Ray: equal to runs of their own, resumed, chosen by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from small_scan import Silent

from rayscan.cluster.run import run_scan
from rayscan.cluster.study import StudyResult, run_study
from rayscan.errors import ConfigError, StorageBusyError
from rayscan.report.cautions import warnings
from rayscan.results.lock import Lock
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.results.variants import read_study
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.study import parse_study
from rayscan.scan.plan.finished import rows_of, stamps

SCAN = """
name: tiny
seed: 11
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 12000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 6000, source: density}}}}
selection:
  cuts: ["jet1_pt > 130"]
binning:
  axes:
    - {{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}}
mixtures: {{background: 200, s_over_sqrt_b: [1, 2]}}
ensembles: {{train: 200, validation: 100, test: 200}}
architectures: [{{name: logistic_regression, hyperparameters: {{draws: 1}}}}]
training: {{repeats: 2}}
limits: {{luminosity: [1], methods: [template], referee: 0}}
resources: {{workers: 1}}
variants:
  bins-4: {{binning: {{axes: {{jet1_pt: {{bins: 4}}}}}}}}
  shared: {{pools: {{split: histograms}}}}
"""


def text(storage: Path, cache: Path) -> str:
    return SCAN.format(storage=storage, cache=cache)


def run(scan: str, **options) -> tuple[StudyResult, Silent]:
    reporter = Silent()
    return run_study(parse_study(scan), reporter=reporter, **options), reporter


def written(folder: Path) -> dict[Path, int]:
    """Everything in a folder, with the time it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.stat().st_mtime_ns for path in files}


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("study-cache")


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, shared_cache: Path
) -> tuple[Path, StudyResult, Silent]:
    storage = tmp_path_factory.mktemp("study") / "tiny"
    return storage, *run(text(storage, shared_cache))


def test_the_scan_and_its_variants_are_run(finished: tuple[Path, StudyResult, Silent]) -> None:
    storage, result, reporter = finished
    assert (result.exit_code, result.complaints) == (0, ())
    assert reporter.begun == ["tiny (1 of 3)", "tiny.bins-4 (2 of 3)", "tiny.shared (3 of 3)"]
    tables = read_study(storage)
    assert tables.trials.groupby("variant", sort=False).size().to_dict() == {
        "base": 2,
        "bins-4": 2,
        "shared": 2,
    }
    assert set(tables.auc.loc[tables.auc["variant"] == "shared", "pool_mode"]) == {"shared_pool"}


def test_events_of_equal_selections_are_read_once(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    assert len(list((shared_cache / "events").iterdir())) == 2
    assert len(list((shared_cache / "generated").iterdir())) == 2


def test_a_variant_gives_the_tables_of_its_file_run_alone(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path, tmp_path: Path
) -> None:
    config = parse_study(text(tmp_path / "tiny", shared_cache)).variants["bins-4"]
    run_scan(parse_scan(dump(config)), reporter=Silent())
    alone = read_tables(config.storage)
    mine = read_tables(finished[0] / "variants" / "bins-4")
    for table, layout in LAYOUTS.items():
        if table != "provenance":  # names the storage
            frames = [getattr(t, table).drop(columns=list(layout.measured)) for t in (mine, alone)]
            pd.testing.assert_frame_equal(*frames)


def test_the_same_command_again_does_nothing(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    storage, first, _ = finished
    before = written(storage)
    again, reporter = run(text(storage, shared_cache))
    assert reporter.begun == reporter.stages == []
    assert [line.split()[0] for line in reporter.said] == ["tiny", "tiny.bins-4", "tiny.shared"]
    assert {n: r.rows for n, r in again.results.items()} == {
        n: r.rows for n, r in first.results.items()
    }
    assert written(storage) == before


def test_only_what_is_missing_of_a_variant_is_done(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    storage = finished[0]
    before = read_tables(storage / "variants" / "shared").auc
    for part in (storage / "variants" / "shared" / "ledger" / "auc").iterdir():
        part.unlink()
    trained = written(storage / "variants" / "shared" / "ledger" / "trials")
    others = written(storage / "variants" / "bins-4") | written(storage / "tables")
    _, reporter = run(text(storage, shared_cache))
    assert reporter.begun == ["tiny.shared (1 of 1)"]
    assert written(storage / "variants" / "shared" / "ledger" / "trials") == trained
    assert written(storage / "variants" / "bins-4") | written(storage / "tables") == others
    pd.testing.assert_frame_equal(read_tables(storage / "variants" / "shared").auc, before)


def test_a_variant_is_added_without_running_the_others_again(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    storage = finished[0]
    more = text(storage, shared_cache) + "  B-100: {mixtures: {background: 100}}\n"
    _, reporter = run(more)
    assert reporter.begun == ["tiny.B-100 (1 of 1)"]
    auc = read_study(storage).auc
    assert set(auc.loc[auc["variant"] == "B-100", "test_background"]) == {100}


def test_a_changed_variant_is_refused_before_anything_runs(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    changed = text(finished[0], shared_cache).replace("{bins: 4}", "{bins: 5}")
    changed += "  later: {seed: 5}\n"
    with pytest.raises(ConfigError, match=r"bins-4: .*other values of binning\.axes"):
        run(changed)
    assert not (finished[0] / "variants" / "later").exists()


def test_only_named_variants_are_run_and_one_that_cannot_keeps_no_other_from_it(
    shared_cache: Path, tmp_path: Path
) -> None:
    storage = tmp_path / "named"
    empty = "empty: {selection: {cuts: [jet1_pt > 1e9]}}\n  bins-4:"
    scan = text(storage, shared_cache).replace("bins-4:", empty)
    result, reporter = run(scan, names=["bins-4", "empty"])
    assert reporter.begun == ["tiny.empty (1 of 2)", "tiny.bins-4 (2 of 2)"]
    assert (list(result.results), list(result.errors)) == (["bins-4"], ["empty"])
    assert result.exit_code == 2
    assert any(line.startswith("tiny.empty stopped: ") for line in reporter.said)
    assert set(read_study(storage).trials["variant"]) == {"bins-4"}
    assert not (storage / "tables").exists()


def test_a_second_launch_of_the_whole_study_is_refused(shared_cache: Path, tmp_path: Path) -> None:
    storage = tmp_path / "twice"
    place = Storage(str(storage / "variants"))
    with Lock(place, beat=0.2), pytest.raises(StorageBusyError, match=str(os.getpid())):
        run(text(storage, shared_cache))


def test_stored_classifiers_of_all_variants_are_tested_again_and_a_lost_one_is_told(
    finished: tuple[Path, StudyResult, Silent], shared_cache: Path
) -> None:
    storage = finished[0]
    variant = storage / "variants" / "bins-4"
    trial = read_tables(variant).trials.iloc[0]
    shutil.rmtree(variant / trial["classifier"])
    more = text(storage, shared_cache).replace("test: 200", "test: 250")
    result, reporter = run(more, retest=True)
    assert list(result.results) == ["base", "bins-4", "shared"]
    (told,) = result.complaints
    lost = f"1 of 2 classifiers are lost or were never trained (1 of {trial['point']})"
    assert told.startswith(f"bins-4: {lost}: ")
    assert result.exit_code == 1
    assert any(line.startswith(lost) for line in reporter.said)
    (caution,) = (w for w in warnings(read_tables(variant)) if w.startswith("Missing classifiers"))
    assert lost in caution
    config = parse_study(more).variants["bins-4"]
    assert rows_of(config, stamps(config, storage)) is None  # not finished: a run trains it
    assert "train" not in reporter.stages
    auc = read_study(storage).auc
    assert set(auc.loc[auc["variant"] != "B-100", "histograms"]) == {250}
