"""Chains of warm starts and uncertain backgrounds on real Ray: determinism, resume, tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_scan import SCAN, Silent

from rayscan.cluster.run import run_scan
from rayscan.results.read import Tables, read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan


def run(
    storage: Path, cache: Path, *, strength: str, workers: int = 1, ensembles: str = ""
) -> Tables:
    text = SCAN.format(storage=storage, cache=cache, workers=workers, strength=strength)
    text = text.replace("test: 800}", f"test: 800{ensembles}}}")
    text = text.replace("luminosity: [139]", "methods: [score], ensembles: 300")
    assert run_scan(parse_scan(text), reporter=Silent()).failed == {}
    return read_tables(storage)


def comparable(tables: Tables, name: str) -> pd.DataFrame:
    frame: pd.DataFrame = getattr(tables, name)
    return frame.drop(columns=list(LAYOUTS[name].measured))


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    storage = tmp_path_factory.mktemp("chains") / "two"
    run(storage, cache, strength="descending", workers=2)
    return storage


def test_a_chain_is_one_tune_trial_and_all_its_members_are_rows(chained: Path) -> None:
    trials = read_tables(chained).trials
    assert trials.groupby("architecture")["train_strength"].unique().map(list).to_dict() == {
        "likelihood_ratio": ["each"],
        "logistic_regression": ["each"],
        "mlp": ["descending"],
    }
    assert len(trials) == 2 * 3 * 2 * 2  # benchmarks, architectures, strengths, repeats
    parts = list((chained / "ledger" / "trials").iterdir())
    assert len(parts) == 2 * 2 * (2 + 2 + 1)


def test_chains_do_not_depend_on_the_workers(chained: Path, tmp_path: Path, cache: Path) -> None:
    one, two = run(tmp_path, cache, strength="descending"), read_tables(chained)
    for name in ("points", "trials", "auc", "limits"):
        pd.testing.assert_frame_equal(comparable(one, name), comparable(two, name))


def test_a_lost_chain_is_trained_again_and_gives_the_same(chained: Path, cache: Path) -> None:
    before = comparable(read_tables(chained), "trials")
    parts = {path: path.stat().st_mtime_ns for path in (chained / "ledger" / "trials").iterdir()}
    lost = next(path for path in parts if "-" in path.name)
    lost.unlink()
    after = comparable(run(chained, cache, strength="descending"), "trials")
    pd.testing.assert_frame_equal(before, after)
    assert {p for p, made in parts.items() if p.stat().st_mtime_ns != made} == {lost}


def test_drawn_strengths_with_an_uncertain_background(tmp_path: Path, cache: Path) -> None:
    tables = run(
        tmp_path,
        cache,
        strength="drawn",
        ensembles=", method: poisson, uncertainty: "
        "{background: 0.1, shape: {observable: jet1_pt, slope: 0.1}}",
    )
    assert set(tables.trials["train_strength"]) == {"highest", "drawn"}
    assert (tables.auc["background_uncertainty"] == 0.1).all()
    assert (tables.auc["shape_observable"] == "jet1_pt").all()
    assert not tables.auc["leakage_flag"].any()
    assert (tables.limits["shape_uncertainty"] == 0.1).all()
    assert set(tables.points["status"]) == {"done"}
