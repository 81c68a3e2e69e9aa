"""What Ray Tune, the searcher and the ledger cost for a member that trains nothing.

Counted are CPU seconds of the driver process (workers are other processes), and what is left in the
storage and in Tune's own temporary folder when the last row has come.
"""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest
import ray
from ray import tune

from rayscan.cluster import ledger
from rayscan.cluster.connection import WORKER_ENVIRONMENT
from rayscan.cluster.trainable import Context
from rayscan.cluster.tuning import run_trials
from rayscan.ensembles.mixture import Mixture
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.plan.points import Point, planned
from rayscan.scan.steps.trial import failed_row

SCAN = """
name: bookkeeping
storage: {storage}
processes:
  z: {{role: background, generate: {{process: znunu_jet, events: 1000, source: density}}}}
  s: {{role: signal, generate: {{process: spin1_on, events: 1000, source: density}}}}
binning: {{axes: [{{observable: jet1_pt, bins: 10, low: 130, high: 800}}]}}
mixtures: {{background: 100, s_over_sqrt_b: [1]}}
architectures: [{{name: linear_svm}}]
training: {{repeats: {repeats}}}
resources: {{workers: 2}}
"""


class Pools:
    """Nothing but what the bookkeeping reads of the pools."""

    fingerprint = "none"


def idle(settings, context) -> None:
    """A trial that commits rows and reports them."""
    pack = settings["pack"]
    rows = [failed_row(plan, context.config, status="ok", error="") for plan in pack]
    ledger.commit(context.ledger, "trials", pack[0].key, rows)
    tune.report({"rows": rows, "done": True})


@pytest.fixture(scope="module")
def cluster():
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": WORKER_ENVIRONMENT},
    )
    yield
    ray.shutdown()


def left(folder: Path) -> tuple[int, int]:
    """Files and bytes below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def bookkept(folder: Path, members: int) -> dict[str, float]:
    """Cost per member of a run of so many."""
    config = parse_scan(SCAN.format(storage=folder / "results", repeats=members))
    storage = Storage(config.storage)
    context = Context(config, Pools(), storage, ledger.start(storage.uri))
    mixture = Mixture(signal=10, background=100)
    point = Point(benchmark="s", strength=0, mixture=mixture, choice=config.architectures[0])
    assert planned(config, point) == members
    rows, tunes = [], []

    def done(row) -> None:
        rows.append(row)
        if len(rows) == members:
            temporary = Path(tempfile.gettempdir()).glob("rayscan-tune-*")
            tunes.append(left(max(temporary, key=lambda path: path.stat().st_mtime)))

    before = resource.getrusage(resource.RUSAGE_SELF)
    run_trials(context, [point], {}, done=done, work=idle)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    files, size = left(folder / "results")
    found = ray.get(context.ledger.read.remote("trials"))
    assert found.num_rows == members == len({row["trial"] for row in rows})
    return {
        "cpu": spent / members,
        "kB": size / 1e3 / members,
        "files": files / members,
        "tune files": tunes[0][0],
        "tune kB": tunes[0][1] / 1e3,
    }


def report(table, members: int, cost: dict[str, float]) -> None:
    extra = f"{cost['tune files']:.0f} files of Tune in all, {cost['tune kB']:.0f} kB, removed"
    equal = "every row once in the ledger"
    path = f"driver, {members:,} idle members, each"
    table.add(path, product=cost["cpu"], unit="s", goal=0.02, equal=equal)
    table.add(f"{path}: storage", product=cost["kB"], unit="kB", goal=10, equal=extra)
    table.add(f"{path}: files", product=cost["files"], unit="files", goal=1)


def test_bookkeeping_of_300_members(table, cluster, tmp_path, benchmark):
    bookkept(tmp_path / "warm", 4)
    cost = benchmark.pedantic(bookkept, args=(tmp_path / "run", 300), rounds=1)
    report(table, 300, cost)
    assert np.isclose(cost["files"], 1)


@pytest.mark.slow
def test_bookkeeping_of_3000_members(table, cluster, tmp_path):
    bookkept(tmp_path / "warm", 4)
    report(table, 3000, bookkept(tmp_path / "run", 3000))
