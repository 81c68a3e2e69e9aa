"""Two workers against one on the training stage of the quickstart, in seconds of wall time.

Events come from the shipped densities. Wall time is what a second worker saves: run it on a machine
with two idle cores. Every worker imports TensorFlow and compiles its graphs for itself: half or
more of a stage as short as the quickstart's, which caps the ratio at 1.3 there, and little of a
longer one: both are shown.
"""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path

import pandas as pd
import pytest
import ray

from rayscan.cluster.connection import WORKER_ENVIRONMENT
from rayscan.cluster.run import run_scan
from rayscan.results.read import read_tables
from rayscan.results.tables.registry import LAYOUTS
from rayscan.scan.config.file import parse_scan

QUICKSTART = Path(__file__).parents[2] / "jobs" / "quickstart.yaml"
pytestmark = pytest.mark.slow


class Stopwatch:
    """A reporter that notes when each stage began."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}

    def stage(self, name: str, total: int, unit: str) -> None:
        self.begun[name] = time.perf_counter()

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        pass

    def say(self, text: str) -> None:
        pass


def quickstart(folder: Path, name: str, workers: int, repeats: int) -> str:
    text = re.sub(r"(events: \d+)\}", r"\1, source: density}", QUICKSTART.read_text("utf-8"))
    text = re.sub(r"(?m)^storage: .*", f"storage: {folder / name}\ncache: {folder / 'cache'}", text)
    text = re.sub(r"repeats: \d+", f"repeats: {repeats}", text)
    return f"{text}\nresources: {{workers: {workers}}}\n"


def trained(folder: Path, name: str, workers: int, repeats: int) -> float:
    """Seconds of the training stage of one whole scan."""
    watch = Stopwatch()
    run_scan(parse_scan(quickstart(folder, name, workers, repeats)), reporter=watch)
    return watch.begun["cross-test"] - watch.begun["train"]


@pytest.mark.parametrize(("repeats", "rounds"), [(3, 5), (30, 1)])
def test_two_workers_against_one(table, tmp_path, repeats, rounds):
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": WORKER_ENVIRONMENT},
    )
    try:
        taken = [
            [trained(tmp_path, f"{workers}-{k}", workers, repeats) for workers in (1, 2)]
            for k in range(rounds)
        ]
    finally:
        ray.shutdown()
    one, two = (statistics.median(column) for column in zip(*taken, strict=True))
    alone, both = (read_tables(tmp_path / f"{workers}-0") for workers in (1, 2))
    for name, layout in LAYOUTS.items():
        if name == "provenance":  # names the storage
            continue
        measured = list(layout.measured)
        frames = [getattr(tables, name).drop(columns=measured) for tables in (alone, both)]
        pd.testing.assert_frame_equal(*frames)
    table.add(
        f"training stage of the quickstart, {repeats} repeats, 2 workers against 1 (wall time)",
        plain=one,
        product=two,
        unit="s",
        goal=1.8,
        equal="all tables",
    )
