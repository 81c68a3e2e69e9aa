"""A whole scan on real Ray: tables, determinism, resume, repeated tests."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import ray
from small_scan import SCAN, Silent

from rayscan.cluster.run import Result, run_scan
from rayscan.cluster.tasks import mapped
from rayscan.errors import StorageError
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan
from rayscan.stats.referee import cls_values


def scan_text(storage: Path, cache: Path, *, workers: int = 2, strength: str = "highest") -> str:
    return str(SCAN.format(storage=storage, cache=cache, workers=workers, strength=strength))


def run(text: str, **options: bool) -> tuple[Result, Silent]:
    reporter = Silent()
    return run_scan(parse_scan(text), reporter=reporter, **options), reporter


def comparable(tables: Tables, name: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(tables, name)
    return frame.drop(columns=list(LAYOUTS[name].measured))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, Result, Silent]:
    storage = tmp_path_factory.mktemp("results") / "two-workers"
    result, reporter = run(scan_text(storage, cache))
    return storage, result, reporter


def test_a_scan_goes_from_events_to_tables(finished: tuple[Path, Result, Silent]) -> None:
    storage, result, reporter = finished
    assert result.failed == {}
    assert reporter.stages == [
        "generate events",
        "read events",
        "fill pools",
        "train",
        "cross-test",
        "limits",
    ]
    tables = read_tables(storage)
    # 2 benchmarks x 3 architectures x 2 repeats, each on 2 benchmarks x 2 strengths.
    assert len(tables.trials) == 12
    assert set(tables.trials["status"]) == {"ok"}
    assert len(tables.auc) == 48
    assert set(tables.points["status"]) == {"done"}
    # Methods response and score: every trial on every benchmark; template: one per benchmark.
    assert tables.limits["method"].value_counts().to_dict() == {
        "response": 24,
        "score": 24,
        "template": 2,
    }


def test_every_published_table_carries_units_and_meanings(
    finished: tuple[Path, Result, Silent],
) -> None:
    storage = finished[0]
    for name, layout in LAYOUTS.items():
        schema = pq.read_schema(storage / "tables" / f"{name}.parquet")
        assert schema.equals(layout.schema, check_metadata=True)
        frame = pd.read_parquet(storage / "tables" / f"{name}.parquet")
        pd.testing.assert_frame_equal(frame, getattr(read_tables(storage), name))


def test_the_trained_likelihood_ratio_is_that_of_the_ceiling(
    finished: tuple[Path, Result, Silent],
) -> None:
    auc = read_tables(finished[0]).auc
    own = auc[
        (auc["architecture"] == "likelihood_ratio")
        & (auc["train_benchmark"] == auc["test_benchmark"])
        & (auc["train_signal"] == auc["test_signal"])
    ]
    assert len(own) == 4
    assert (own["auc"] - own["auc_likelihood_ratio"]).abs().max() < 1e-12


def test_no_classifier_passes_the_ceiling_beyond_its_error(
    finished: tuple[Path, Result, Silent],
) -> None:
    auc = read_tables(finished[0]).auc
    assert not auc["leakage_flag"].any()


def test_pyhf_confirms_a_sample_of_the_limits(finished: tuple[Path, Result, Silent]) -> None:
    limits = read_tables(finished[0]).limits
    judged = limits["referee_cls"].dropna()
    assert len(judged) >= 1
    assert (judged - 0.05).abs().max() < 1e-3


def test_pyhf_excludes_strength_1_of_the_workspaces_as_they_are_written(
    finished: tuple[Path, Result, Silent],
) -> None:
    limits = read_tables(finished[0]).limits
    written = limits[limits["method"] == "response"]
    assert (written["calculator"] == "asymptotic").all()
    for row in written.itertuples():
        spec = json.loads((finished[0] / row.workspace).read_text())
        assert len(spec["observations"][0]["data"]) == row.channels
        assert cls_values(spec, 1.0).expected[2] == pytest.approx(0.05, abs=1e-3)


def test_one_worker_gives_the_tables_of_two(
    finished: tuple[Path, Result, Silent], tmp_path: Path, cache: Path
) -> None:
    run(scan_text(tmp_path / "one", cache, workers=1))
    one, two = read_tables(tmp_path / "one"), read_tables(finished[0])
    for name in LAYOUTS:
        if name != "provenance":
            pd.testing.assert_frame_equal(comparable(one, name), comparable(two, name))


def test_the_same_command_again_trains_and_tests_nothing(
    finished: tuple[Path, Result, Silent], cache: Path
) -> None:
    storage, first, _ = finished
    parts = {p: p.stat().st_mtime_ns for p in (storage / "ledger" / "trials").iterdir()}
    tests = {p: p.stat().st_mtime_ns for p in (storage / "ledger" / "auc").iterdir()}
    again, reporter = run(scan_text(storage, cache))
    assert again.rows == first.rows
    assert reporter.done["train"] == 12
    assert {p: p.stat().st_mtime_ns for p in (storage / "ledger" / "trials").iterdir()} == parts
    assert {p: p.stat().st_mtime_ns for p in (storage / "ledger" / "auc").iterdir()} == tests


def test_a_missing_trial_is_trained_again_and_the_tables_are_equal(
    finished: tuple[Path, Result, Silent], cache: Path
) -> None:
    storage = finished[0]
    before = read_tables(storage)
    victims = sorted((storage / "ledger" / "trials").iterdir())[:2]
    for victim in victims:
        victim.unlink()
    for part in (storage / "ledger" / "auc").iterdir():
        part.unlink()
    run(scan_text(storage, cache))
    after = read_tables(storage)
    for name in ("trials", "auc", "limits", "points"):
        pd.testing.assert_frame_equal(comparable(after, name), comparable(before, name))


def test_another_scan_file_is_refused_at_the_same_storage(
    finished: tuple[Path, Result, Silent], cache: Path
) -> None:
    text = scan_text(finished[0], cache).replace("bins: 10", "bins: 12")
    with pytest.raises(StorageError, match=r"binning\.axes"):
        run(text)


def test_stored_classifiers_are_tested_again_without_training(
    finished: tuple[Path, Result, Silent], cache: Path
) -> None:
    storage = finished[0]
    trials = read_tables(storage).trials
    text = scan_text(storage, cache)
    more = text.replace("luminosity: [139]", "luminosity: [36, 300]").replace(
        "test: 800", "test: 900"
    )
    _, reporter = run(more, retest=True)
    tables = read_tables(storage)
    assert "train" not in reporter.stages
    pd.testing.assert_frame_equal(tables.trials, trials)
    assert set(tables.auc["histograms"]) == {900}
    binned = tables.limits[tables.limits["method"] != "score"]
    assert set(binned["luminosity"]) == {36.0, 300.0}
    run(text, retest=True)


def test_the_dashboard_calls_tasks_by_their_stage() -> None:
    def named(row: dict[str, object]) -> dict[str, object]:
        return row | {"task": ray.get_runtime_context().get_task_name()}

    (found,) = mapped(named, [{"index": 0}], stage="read events")
    assert found["task"] == "Map(read events)"


def test_tasks_share_rows_where_there_are_many_a_core() -> None:
    def numbered(row: dict[str, object]) -> dict[str, object]:
        return row | {"task": ray.get_runtime_context().get_task_id()}

    cores, rows = int(ray.cluster_resources()["CPU"]), [{"index": k} for k in range(30)]
    found = list(mapped(numbered, rows, stage="read events", most=3))
    assert sorted(row["index"] for row in found) == list(range(30))
    assert len({row["task"] for row in found}) == min(30, 3 * cores)
