"""A scan with folds, on real Ray: whole, right, and the same again after a part was lost."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from small_scan import Silent

from rayscan.cluster.run import run_scan
from rayscan.report.frames.auc import own
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan

SCAN = """
name: folds
seed: 5
storage: {storage}
cache: {cache}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 30000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 12000, source: density}}}}
selection:
  cuts: ["jet1_pt > 130", "abs(jet1_eta) < 4"]
binning:
  axes:
    - {{observable: jet1_pt, bins: 8, low: 130, high: 800, scale: log, overflow: last}}
    - {{observable: jet1_eta, bins: 4, low: -4, high: 4}}
pools: {{folds: 3}}
mixtures: {{background: 300, s_over_sqrt_b: [2]}}
ensembles: {{train: 200, validation: 200, test: 500}}
architectures:
  - name: likelihood_ratio
  - {{name: event_mlp, hyperparameters: {{epochs: 2}}}}
training: {{repeats: 1}}
limits: {{luminosity: [1], channels: 5, ensembles: 200, referee: 0, workspaces: false}}
resources: {{workers: {workers}}}
"""


def results(folder: Path, cache: Path, workers: int) -> Tables:
    run_scan(
        parse_scan(SCAN.format(storage=folder, cache=cache, workers=workers)), reporter=Silent()
    )
    return read_tables(folder)


def test_folds_are_trained_tested_and_resumed(tmp_path: Path, cache: Path) -> None:
    found = results(tmp_path, cache, 2)
    assert set(found.trials["status"]) == {"ok"}
    assert sorted(found.trials["fold"]) == [0, 0, 1, 1, 2, 2]
    assert sorted(found.auc["fold"]) == [0, 0, 1, 1, 2, 2]
    assert found.points["planned"].tolist() == [3, 3]
    assert set(found.pools["pool"]) == {"fold 0", "fold 1", "fold 2"}
    summary = own(found)
    assert summary["repeats"].tolist() == [1, 1]
    assert ((summary["auc_mean"] - 0.5) / summary["auc_error"]).min() > 3
    # Each network is tested on the events of its fold, all of them together on every one.
    tested = found.auc[found.auc["architecture"] == "event_mlp"]
    inside = found.pools.groupby("role")["events_in_binning"].sum()
    assert tested["background_pool"].sum() == inside["background"]
    assert tested["signal_pool"].sum() == inside["signal"]
    limits = found.limits.set_index(["label", "method"]).sort_index()
    assert set(limits["status"]) <= {"ok", "partial"}  # few pseudo-experiments for some bands
    for label in ("event_mlp", "likelihood_ratio"):
        response = limits.loc[[(label, "response")]]
        assert response["filled_from"].tolist() == ["all"]
        assert response["status"].tolist() == ["ok"]
        assert sorted(limits.loc[[(label, "score")]]["fold"]) == [0, 1, 2]

    lost = next((tmp_path / "ledger" / "trials").iterdir())
    lost.unlink()
    for table in ("auc", "limits"):
        for part in (tmp_path / "ledger" / table).iterdir():
            part.unlink()
    again = results(tmp_path, cache, 1)
    for name in ("trials", "auc", "limits", "roc", "pools"):
        kept = [c for c in getattr(found, name) if c not in LAYOUTS[name].measured]
        pd.testing.assert_frame_equal(getattr(again, name)[kept], getattr(found, name)[kept])
