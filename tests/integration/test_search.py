"""Hyperparameter searches on real Ray: one study per point, deterministic, resumable."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from small_scan import SCAN, Silent

from rayscan.cluster.run import run_scan
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan


def search_text(storage: Path, cache: Path, *, search: str, workers: int = 1) -> str:
    base = SCAN.format(storage=storage, cache=cache, workers=workers, strength="highest")
    head, tail = base.split("architectures:")
    _, rest = tail.split("training:")
    choice = (
        "architectures:\n"
        "  - name: logistic_regression\n"
        "    hyperparameters: {C: {low: 1.0e-6, high: 1.0, log: true}}\n"
    )
    return f"{head}{choice}training:{rest}search: {search}\n"


def trials(tables: Tables) -> pd.DataFrame:
    return tables.trials.drop(columns=list(LAYOUTS["trials"].measured))


@pytest.mark.parametrize(
    "sampler", ["random", "tpe", "nsga2", *(["gp"] if find_spec("torch") else [])]
)
def test_every_sampler_searches_every_point(sampler: str, tmp_path: Path, cache: Path) -> None:
    text = search_text(
        tmp_path, cache, search=f"{{sampler: {sampler}, trials: 5, batch: 2, objective: auc}}"
    )
    run_scan(parse_scan(text), reporter=Silent())
    found = read_tables(tmp_path)
    assert found.trials.groupby("point").size().tolist() == [5, 5]
    values = found.trials["hyperparameters"].map(lambda text: json.loads(text)["C"])
    assert values.between(1e-6, 1.0).all()
    # A child of a genetic search may inherit its knobs; its first population, of 2, is all new.
    new = values[found.trials["repeat"] < 2] if sampler == "nsga2" else values
    assert new.nunique() == len(new) == (4 if sampler == "nsga2" else 10)
    best = found.trials.loc[found.trials.groupby("point")["objective_value"].idxmax(), "trial"]
    assert set(found.auc.loc[found.auc["selected"], "trial"]) == set(best)
    assert set(found.points["best_trial"]) == set(best)


def test_a_search_does_not_depend_on_workers_and_resumes(tmp_path: Path, cache: Path) -> None:
    search = "{sampler: tpe, trials: 6, batch: 3, objective: limit}"
    two = parse_scan(search_text(tmp_path / "two", cache, search=search, workers=2))
    run_scan(two, reporter=Silent())
    one = parse_scan(search_text(tmp_path / "one", cache, search=search))
    run_scan(one, reporter=Silent())
    expected = trials(read_tables(tmp_path / "two"))
    pd.testing.assert_frame_equal(trials(read_tables(tmp_path / "one")), expected)
    for victim in sorted((tmp_path / "one" / "ledger" / "trials").iterdir())[::2]:
        victim.unlink()
    run_scan(one, reporter=Silent())
    pd.testing.assert_frame_equal(trials(read_tables(tmp_path / "one")), expected)


def test_the_pruner_stops_bad_members_early(tmp_path: Path, cache: Path) -> None:
    text = search_text(
        tmp_path, cache, search="{sampler: random, trials: 12, batch: 6, pruner: median}"
    )
    text = text.replace("logistic_regression", "mlp").replace(
        "{C: {low: 1.0e-6, high: 1.0, log: true}}",
        "{epochs: 6, learning_rate: {low: 1.0e-7, high: 1.0e-2, log: true}}",
    )
    run_scan(parse_scan(text), reporter=Silent())
    found = read_tables(tmp_path).trials
    pruned = found[found["status"] == "pruned"]
    assert len(pruned) > 0
    assert (pruned["epochs"] < 6).all()
    assert pruned["classifier"].notna().all()
    whole = found[found["status"] == "ok"]
    assert pruned["objective_value"].max() < whole.groupby("point")["objective_value"].max().min()
