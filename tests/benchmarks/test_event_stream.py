"""An epoch of a network of single events that streams its pools, against one from memory.

Two million events of ten features, with the default recipe. CPU seconds count the thread that reads
beside, which an idle core would hide; peak memory is that of a process of its own for each way.
Fewer events by RAYSCAN_BENCHMARK_EVENTS.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rayscan.models.architectures.event_mlp import EventMLP
from rayscan.models.event_blocks import EventBlocks
from rayscan.models.networks.backend import tensorflow
from rayscan.models.networks.event_source import EventSource
from rayscan.models.networks.pack import Pack
from rayscan.models.networks.progress import Progress, Task
from rayscan.results.storage import Storage
from rayscan.scan.pools.events import EventPool
from rayscan.seeds import stream

EVENTS = int(os.environ.get("RAYSCAN_BENCHMARK_EVENTS", "2000000"))
PART = 50_000
EPOCHS = 5
FEATURES = tuple(f"feature{k}" for k in range(10))


@dataclass(eq=False)
class Stored:
    """Half of the events background, half signal; a tenth as many to stop by."""

    folder: Path
    features: tuple[str, ...] = FEATURES
    S: int = 10
    B: int = 90

    def make(self) -> None:
        for pool, label, part in self.parts():
            rng = stream(1, pool, label, part)
            columns = {
                name: np.exp(rng.normal(0.2 * label, 1, PART)).astype(np.float32)
                for name in FEATURES
            }
            EventPool.stored(Storage(str(self.folder)), self.name(pool, label, part), columns)

    def parts(self):
        for pool, events in (("train", EVENTS), ("validation", EVENTS // 10)):
            for label in (0, 1):
                yield from ((pool, label, part) for part in range(events // 2 // PART))

    def name(self, pool: str, label: int, part: int) -> str:
        return f"{pool}-{label}-{part}.parquet"

    def blocks(self, pool: str) -> list[EventBlocks]:
        cache, found = Storage(str(self.folder)), []
        for label in (0, 1):
            parts = [self.name(*part) for part in self.parts() if part[:2] == (pool, label)]
            events = EventPool(cache, tuple(parts), (PART,) * len(parts))
            read = lambda k, events=events: events.block(k, FEATURES)  # noqa: E731
            found.append(EventBlocks(label, events.sizes, read))
        return found


def pack_of(folder: Path, *, kept: bool) -> Pack:
    values = EventMLP().valued({"epochs": 10_000, "patience": 10_000})
    source = EventSource(Stored(folder), squashed=True, kept=kept)
    network = EventMLP().network(source.shape, values, 1)
    return Pack([Progress(Task(network, source, values, seed=1))])


def peak(folder: Path, way: str) -> float:
    """Peak memory [MB] of a process that trains for two epochs, or only loads its libraries."""
    done = subprocess.run(
        [sys.executable, __file__, str(folder), way], check=True, capture_output=True, text=True
    )
    return float(done.stdout) / 1000


def test_an_epoch_streamed_against_one_from_memory(table, tmp_path):
    Stored(tmp_path).make()
    ways = {"memory": pack_of(tmp_path, kept=True), "stream": pack_of(tmp_path, kept=False)}
    spent: dict[str, list[float]] = {way: [] for way in ways}
    clock: dict[str, list[float]] = {way: [] for way in ways}
    for epoch in range(EPOCHS + 1):  # the first compiles, and fills the memory
        for way, pack in ways.items():
            begin = time.perf_counter(), time.process_time()
            pack.advance(epoch)
            clock[way].append(time.perf_counter() - begin[0])
            spent[way].append(time.process_time() - begin[1])
    seconds = {way: statistics.median(each[1:]) for way, each in spent.items()}
    table.add(
        f"epoch of {EVENTS:,} events streamed; plain: from memory",
        plain=seconds["memory"],
        product=seconds["stream"],
        unit="s",
        goal=1 / 1.3,
        equal="bit by bit",
    )
    megabytes = {way: peak(tmp_path, way) for way in ("start", *ways)}
    table.note(
        "by the clock [s]: "
        + ", ".join(f"{way} {statistics.median(each[1:]):.2f}" for way, each in clock.items())
    )
    table.note(
        f"peak memory [MB] with {4 * 1.1 * EVENTS * len(FEATURES) / 1e6:.0f} of features: "
        + ", ".join(f"{way} {size:.0f}" for way, size in megabytes.items())
    )
    logits = [pack._score() for pack in ways.values()]
    np.testing.assert_array_equal(*logits)


if __name__ == "__main__":
    place, way = Path(sys.argv[1]), sys.argv[2]
    if way == "start":
        tensorflow()
    else:
        trained = pack_of(place, kept=way == "memory")
        for epoch in range(2):
            trained.advance(epoch)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    sys.stdout.write(next(re.finditer(r"VmHWM:\s+(\d+)", status))[1])
