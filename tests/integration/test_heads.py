"""Every head in one scan on real Ray: tables, any number of workers, resume."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_scan import Silent

from rayscan.cluster.run import Result, run_scan
from rayscan.report.frames.heads import against_signal, counting_shares, multimodel_ratio
from rayscan.report.views import sections
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan

SCAN = """
name: heads
seed: 5
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 30000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 12000, source: density}}}}
  spin0: {{role: signal, generate: {{process: spin0_on, events: 12000, source: density}}}}
  alp:
    role: signal
    held_out: true
    generate: {{process: alp, events: 12000, source: density}}
selection:
  cuts: ["jet1_pt > 130", "abs(jet1_eta) < 4"]
binning:
  axes:
    - {{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 4, low: -4, high: 4}}
mixtures: {{background: 300, s_over_sqrt_b: [2, 4]}}
ensembles: {{train: 400, validation: 200, test: 400}}
architectures:
  - {{name: logistic_regression}}
  - {{name: logistic_regression, head: multimodel}}
  - {{name: mlp, head: multiclass, hyperparameters: {{epochs: 3}}}}
  - {{name: likelihood_ratio, against: alp}}
training: {{strength: highest, repeats: 2}}
limits: {{luminosity: [139], referee: 0, channels: 6, ensembles: 300, workspaces: false}}
resources: {{workers: {workers}}}
"""


def run(storage: Path, cache: Path, workers: int = 2) -> tuple[Result, Silent]:
    reporter = Silent()
    config = parse_scan(SCAN.format(storage=storage, cache=cache, workers=workers))
    return run_scan(config, reporter=reporter), reporter


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Path, Tables]:
    storage = tmp_path_factory.mktemp("heads") / "two-workers"
    result, _ = run(storage, cache)
    assert result.failed == {}
    return storage, read_tables(storage)


def test_every_head_has_its_rows(finished: tuple[Path, Tables]) -> None:
    tables = finished[1]
    # 3 single, 1 joint, 1 for each of 2 strengths, spin1 and spin0 against alp; 2 repeats of each.
    kinds = tables.points.fillna({"train_against": "SM"}).groupby(["head", "train_against"])
    assert kinds.size().to_dict() == {
        ("binary", "alp"): 2,
        ("binary", "SM"): 3,
        ("multiclass", "SM"): 2,
        ("multimodel", "SM"): 1,
    }
    against = tables.auc["test_against"].notna()
    # Three benchmarks at two strengths; against alp two.
    assert len(tables.auc[~against]) == (3 + 1) * 2 * 3 * 2
    assert len(tables.auc[against]) == 2 * 2 * 2 * 2
    # Four hypotheses by SM, spin1, spin0 and undecided, at the strength of the training.
    assert len(tables.multiclass) == 2 * 2 * 4 * 4
    assert set(tables.multiclass["true_process"]) == {"SM", "spin1", "spin0", "alp"}
    limits = tables.limits
    assert set(limits["head"].dropna()) == {"binary", "multimodel"}
    assert limits["train_against"].isna().all()
    assert len(limits) == 3 + 2 * 3 * (3 + 1) * 2


def test_no_classifier_passes_its_ceiling(finished: tuple[Path, Tables]) -> None:
    assert not finished[1].auc["leakage_flag"].any()


def test_what_the_figures_need_is_there(finished: tuple[Path, Tables]) -> None:
    tables = finished[1]
    ratio = multimodel_ratio(tables)
    assert len(ratio) == 3 * 2
    assert set(ratio.loc[ratio["held_out"], "test_benchmark"]) == {"alp"}
    # The network of its own is the better one at a strength that is not saturated, by little.
    assert ratio["ratio"].between(0.8, 1.1).all()
    pairs = against_signal(tables)
    assert set(zip(pairs["test_benchmark"], pairs["test_against"], strict=True)) == {
        ("spin1", "alp"),
        ("spin0", "alp"),
    }
    assert len(counting_shares(tables)) == 2 * 4 * 4
    assert len([title for title in sections(tables) if "counts for a class" in title]) == 1


def test_one_worker_gives_the_tables_of_two(
    finished: tuple[Path, Tables], tmp_path: Path, cache: Path
) -> None:
    run(tmp_path / "one", cache, workers=1)
    one, two = read_tables(tmp_path / "one"), finished[1]
    for name, layout in LAYOUTS.items():
        if name != "provenance":
            drop = list(layout.measured)
            pd.testing.assert_frame_equal(
                getattr(one, name).drop(columns=drop), getattr(two, name).drop(columns=drop)
            )


def test_what_is_missing_is_made_again_and_nothing_else(
    finished: tuple[Path, Tables], cache: Path
) -> None:
    storage, first = finished
    parts = {p: p.stat().st_mtime_ns for p in (storage / "ledger").rglob("*.parquet")}
    gone = [next((storage / "ledger" / "multiclass").iterdir())]
    of_pairs = [p for p in (storage / "ledger" / "auc").iterdir() if "against" in p.name]
    gone.append(of_pairs[0])
    for path in gone:
        path.unlink()
    again, reporter = run(storage, cache)
    assert again.failed == {}
    tables = read_tables(storage)
    for name in ("trials", "auc", "multiclass", "limits", "points"):
        pd.testing.assert_frame_equal(getattr(tables, name), getattr(first, name))
    made = {"trials", "auc", "multiclass", "limits"}
    kept = [p for p in parts if p not in gone and p.parent.name in made]
    assert [p for p in kept if p.stat().st_mtime_ns != parts[p]] == []
    assert reporter.done["train"] == len(first.trials)
