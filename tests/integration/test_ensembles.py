"""The page `docs/ensembles.md` as a user follows it, and shards whatever draws them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from small_scan import SCAN, Silent
from typer.testing import CliRunner

import rayscan
from rayscan.cli.app import app
from rayscan.cluster import drawing
from rayscan.results.storage import Storage
from rayscan.scan.config.study import load_study
from rayscan.scan.steps.shards import Wanted

PAGE = (Path(__file__).parents[2] / "docs" / "ensembles.md").read_text("utf-8")
ASKED = {"pool": "train", "benchmark": "spin1", "strength": 3}


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(cache, tmp_path_factory):
    """A folder with a scan file, and the files of the page."""
    found = tmp_path_factory.mktemp("page")
    small = SCAN.format(storage=found / "results", cache=cache, strength="highest", workers=2)
    (found / "scan.yaml").write_text(small)
    return found


@pytest.fixture(scope="module")
def files(folder):
    """What the commands of the page write, of fewer histograms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in blocks("bash")[0].splitlines():
            short = line.replace("200000", "20000").replace("8000", "1600")
            done = CliRunner().invoke(app, shlex.split(short)[1:], catch_exceptions=False)
            assert done.exit_code == 0
            assert "draw ensembles: " in done.stdout
    return folder / "spin1"


def shards(files, pool="train"):
    return [pq.read_table(path) for path in sorted((files / pool).glob("*.parquet"))]


def columns(dataset):
    return pa.concat_tables([ray.get(each) for each in dataset.to_arrow_refs()])


def test_files_and_dataset_are_the_same_rows_in_order_for_any_workers(files, folder):
    tables = shards(files)
    assert [table.num_rows for table in tables] == [1200] * 16 + [800]
    whole = pa.concat_tables(tables)
    for workers in (1, 2):
        drawn = rayscan.ensembles(folder / "scan.yaml", **ASKED, number=20_000, workers=workers)
        assert columns(drawn).equals(whole)
    drawn.context.target_max_block_size = 40_000  # a few of them make a shard
    assert columns(drawn).equals(whole)
    assert drawn.materialize().num_blocks() > 2 * len(tables)
    read = ray.data.read_parquet(str(files / "train"))
    assert {tuple(batch["counts"].shape) for batch in read.iter_batches(batch_size=200)} == {
        (200, 10, 6)
    }
    assert "20,000 histograms of 10 bins" in (files / "train" / "README.md").read_text()


def test_a_shard_that_is_drawn_twice_is_there_once(folder, cache, tmp_path):
    """As of a node that was lost after it wrote and before it said so."""
    study = load_study(folder / "scan.yaml")
    wanted = Wanted.of(study.base, **ASKED, number=3000)
    place, reporter = Storage(str(tmp_path / "out")), Silent()
    pooled = drawing._filled(study, wanted, reporter, None)
    drawing._write(pooled, wanted, place, reporter)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(first) == [f"shard-0000{k}.parquet" for k in range(3)]
    drawing._write(pooled, wanted, place, reporter)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first
    assert reporter.done["draw ensembles"] == 3000


@pytest.mark.parametrize(("loop", "reads"), [("keras", "drawn"), ("torch", "files")])
def test_the_loops_of_the_page_learn(files, folder, loop, reads, monkeypatch):
    pytest.importorskip(loop, reason=f"{loop} is not installed, and no dependency of rayscan")
    monkeypatch.chdir(folder)
    drawn, read, keras, torch = blocks("python")
    names: dict[str, Any] = {}
    exec(drawn, names)
    if reads == "files":
        exec(read, names)
    exec({"keras": keras, "torch": torch}[loop], names)
    if loop == "keras":
        auc = names["auc"]
    else:
        of, test = names["columns"], names["test"].select_columns([*names["columns"]])
        (batch,) = test.iter_torch_batches(batch_size=None, dtypes=of)
        scores = names["model"](batch["counts"]).squeeze(1).detach().numpy()
        label = batch["label"].numpy() == 1
        auc = np.mean(scores[label][:, None] > scores[~label])
    # Chance has an error of 1/sqrt(12) sqrt(2/800) = 0.014 around 0.5.
    assert auc > 0.5 + 5 * 0.014
