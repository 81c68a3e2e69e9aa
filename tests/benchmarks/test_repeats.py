"""Repeated events among millions of selected ones: seconds and memory of all processes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import ray

from rayscan.cluster.comparing import compare
from rayscan.cluster.connection import connect
from rayscan.events.formats import EVENTS_PER_TASK, Slice
from rayscan.events.selection import CutFlow, Step
from rayscan.results.storage import Storage
from rayscan.scan.pools.reading import Reading, keep

COPIED = 100


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two workers that have imported all they need."""
    connect(workers=2)
    cache = Storage(str(tmp_path_factory.mktemp("warm")))
    compare(filled(cache, 4 * EVENTS_PER_TASK), cache, most=EVENTS_PER_TASK)
    yield
    ray.shutdown()


def filled(cache: Storage, events: int) -> dict[str, Slice]:
    """Parts of files of a million events; the last file repeats the first events of all."""
    rng, parts = np.random.default_rng(events), {}
    size = EVENTS_PER_TASK
    step = Step(cut="all", events=size, sum_weights=1.0, sum_weights_squared=1.0)
    first = np.zeros(0, dtype=np.uint64)
    for number in range(events // size):
        file, begin = divmod(number * size, 1_000_000)
        hashes = rng.integers(0, 2**64, size, dtype=np.uint64)
        first = first if len(first) else hashes[:COPIED].copy()
        if number == events // size - 1:
            hashes[-COPIED:] = first
        table = pa.table(
            {
                "entry": np.arange(begin, begin + size),
                "content": hashes,
                "content_bits": np.full(size, 90, dtype=np.uint8),
            }
        )
        stem = f"events/{number:06d}"
        keep(cache, stem, table, CutFlow(process="p", steps=(step,)))
        parts[stem] = Slice(
            process="p", path=f"{file}.root", file=f"{file}.root", first=begin, last=begin + size
        )
    return parts


def memory() -> int:
    """Bytes of this process and all it started, a shared one once: proportional set sizes."""
    total, this = 0, psutil.Process()
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def watched(work: Callable[[], Reading]) -> tuple[Reading, float, int]:
    """What it gives, seconds, and the most memory that was seen."""
    seen, over = [memory()], threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            seen.append(memory())

    watcher = threading.Thread(target=look)
    watcher.start()
    start = time.perf_counter()
    try:
        given = work()
    finally:
        spent = time.perf_counter() - start
        over.set()
        watcher.join()
    return given, spent, max(seen)


@pytest.mark.slow
@pytest.mark.parametrize("events", [1_000_000, 10_000_000, 30_000_000])
def test_events_are_compared(table, cluster, tmp_path: Path, events: int) -> None:
    cache = Storage(str(tmp_path))
    parts = filled(cache, events)
    before = memory()
    reading, seconds, most = watched(lambda: compare(parts, cache))
    assert (reading.selected, reading.compared) == (events, events)
    (error,) = reading.repeated
    assert (error.first, error.events, error.entries[0]) == ("0.root of 'p'", COPIED, 0)
    table.add(
        f"compare {events:,} selected events on two workers",
        product=seconds,
        unit="s",
        equal=f"{events / seconds:,.0f} events/s; {most / 1e9:.2f} GB in all processes, "
        f"{before / 1e9:.2f} before",
    )
