"""The contract of limit methods: what each says of itself is what it makes; a new one is a file."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from toy_scan import limits_on, make_config, make_pools, train_all

from rayscan.errors import ConfigError, MemberError
from rayscan.registry import Family, instances
from rayscan.report import cautions, views
from rayscan.report.figures.limits import limits as figures
from rayscan.report.frames.limits import from_scores, of_classifiers
from rayscan.results.ledger import Ledger, rows_to_table
from rayscan.results.names import NO_TRIAL
from rayscan.results.read import Tables, read_tables
from rayscan.results.storage import Storage
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.limits import METHODS, Limits, Method
from rayscan.scan.config.scan import EnsembleSizes
from rayscan.scan.cost.workload import workload
from rayscan.scan.steps.exclusion.score import METHOD as SCORED

ROOT = Path(__file__).parents[3]
SIZES = EnsembleSizes(train=50, validation=50, test=50)


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("methods")
    limits = Limits(luminosity=(1.0, 10.0), ensembles=200, channels=5, referee=0, workspaces=False)
    config = make_config(signals=("hard",), limits=limits, ensembles=SIZES)
    _, _, candidates = train_all(config, make_pools(signals=("hard",)), folder)
    return config, make_pools(signals=("hard",)), candidates, Storage(str(folder))


@pytest.mark.parametrize("name", METHODS)
def test_a_method_makes_what_it_says(scan, name):
    config, binned, candidates, storage = scan
    method = METHODS[name]
    asked = replace(config, limits=replace(config.limits, methods=(name,)))
    rows = limits_on("hard", candidates, config=asked, binned=binned, storage=storage)
    table = rows_to_table("limits", rows).to_pandas()
    assert set(table["method"]) == {name}
    assert not table.duplicated(list(LAYOUTS["limits"].key)).any()
    assert len(table) == method.count(asked, len(candidates), len(candidates))
    load = workload(asked)
    assert load.limits(fitted=True) + load.limits(fitted=False) == len(table)
    fits = ~from_scores(table)
    assert fits.all() if method.channels(asked) else not fits.any()
    assert (table.loc[fits, "channels"] <= method.channels(asked)).all()
    assert bool(method.strengths) == (not fits.all())
    assert set(table["status"]) <= {"ok", "partial"}
    assert (table["mu_expected_0"] > 0).all()
    needs_none = method.count(asked, 0, 0) > 0
    assert (table["trial"] == NO_TRIAL).all() == needs_none
    assert len(limits_on("hard", (), config=asked, binned=binned, storage=storage)) == (
        len(table) if needs_none else 0
    )


@pytest.mark.parametrize("name", METHODS)
def test_readers_show_limits_of_a_method_that_they_do_not_know(scan, name):
    config, binned, candidates, storage = scan
    rows = limits_on(
        "hard", candidates, methods=(name,), config=config, binned=binned, storage=storage
    )
    tables = Tables(limits=rows_to_table("limits", rows).to_pandas())
    shown = views.limits(tables)
    assert set(shown["method"]) == {name}
    used = of_classifiers(tables.limits).any()
    assert (shown["classifier"] == "-").all() == (not used)
    assert len(dict(figures(tables))) == (1 if from_scores(tables.limits).any() else 2)
    assert isinstance(cautions.warnings(tables), list)


def test_a_trait_cannot_be_forgotten():
    for name in ("limits", "count", "channels", "strengths"):
        known = {n: getattr(SCORED, n) for n in Method.__slots__ if n != name}
        with pytest.raises(TypeError, match=name):
            Method(**known)
    wrong = Family("limit method", {"none": "math:pi"}, instances("limit method", Method))
    with pytest.raises(MemberError, match=r"limit method 'none': 3.14.* is no Method"):
        wrong["none"]


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"'scores' is not one of template.*nearest: 'score'"):
        parse_scan("limits: {methods: [scores]}\n")


METHOD = '''
"""Limits of the number of events alone."""

import numpy as np

from rayscan.results.names import NO_TRIAL
from rayscan.scan.config.limits import Method
from rayscan.scan.pools.folds import every_event
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.exclusion.base import Found, Model
from rayscan.scan.steps.exclusion.channels import Channels


def limits(task):
    pools = every_event(task.scan.binned)
    names = (*pools.backgrounds, task.benchmark)
    counts = {name: np.array([pools.processes[name].counts["test"].sum()]) for name in names}
    row = dict.fromkeys(("trial", "point", "architecture"), NO_TRIAL)
    row |= {"label": "events", "filled_from": "all"}
    channels = Channels(counts, np.zeros(task.scan.config.binning.bins, int))
    return Found([Model(row, channels, PooledScan(task.scan.config, pools))])


METHOD = Method(
    limits=limits,
    count=lambda config, teams, scored: len(config.limits.luminosity),
    channels=lambda config: 1,
    strengths=0,
)
'''
TABLE = '''
"""A table of marks."""

from rayscan.results.tables.base import INT, TEXT, Column, TableLayout

MARKS = TableLayout(
    name="marks",
    row="one mark",
    key=("trial",),
    columns=(Column("trial", TEXT, "", "whose"), Column("mark", INT, "", "how good")),
)
'''


@pytest.mark.skipif("marks" in LAYOUTS, reason="this is the inner run")
def test_a_method_and_a_table_are_a_file_and_a_line_each(tmp_path):
    folder = tmp_path / "throwaway-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: throwaway\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rayscan.limits]\ncounting = counting:METHOD\n[rayscan.tables]\nmarks = marks:MARKS\n"
    )
    (tmp_path / "counting.py").write_text(METHOD)
    (tmp_path / "marks.py").write_text(TABLE)
    path = os.pathsep.join([str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")])
    inner = [sys.executable, "-m", "pytest", "-q", __file__, "-p", "no:cacheprovider"]
    inner += ["-k", "counting or inner"]
    found = subprocess.run(
        inner,
        env=os.environ | {"PYTHONPATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:]
    assert "3 passed" in found.stdout


@pytest.mark.skipif("marks" not in LAYOUTS, reason="needs a table of another package")
def test_readers_of_a_storage_without_a_table_see_it_empty_inner(tables, tmp_path):
    old = Ledger(str(tmp_path / "old"))
    rows = [{"kind": "scan", "name": "seed", "value": "1"}]
    old.commit("provenance", "inputs", rows)
    for read in (read_tables(tmp_path / "old"), tables):
        assert list(read.marks.columns) == ["trial", "mark"]
        assert read.marks.empty
    assert views.sections(tables)
    old.commit("marks", "all", [{"trial": "a", "mark": 3}])
    assert old.publish()["marks"] == 1
    again = read_tables(tmp_path / "old").marks
    pd.testing.assert_frame_equal(again, pd.DataFrame({"trial": ["a"], "mark": [3]}))
