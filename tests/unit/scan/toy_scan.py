"""A small scan whose physics is known: pools of smooth densities, no files and no Ray."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayscan.ensembles.binning import Axis, Binning
from rayscan.ensembles.mixture import Mixtures
from rayscan.events.formats import Slice
from rayscan.events.selection import CutFlow
from rayscan.events.split import Pools, split
from rayscan.events.weights import Weights
from rayscan.results import seal
from rayscan.results.storage import Storage
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ArchitectureChoice, EnsembleSizes, ScanConfig, Training
from rayscan.scan.plan.members import fixed_packs
from rayscan.scan.plan.points import Point, mixtures, points
from rayscan.scan.pools.binned import POOL_NAMES, BinnedPools, Counts, ProcessPools
from rayscan.scan.pools.events import EventPool, Features
from rayscan.scan.pools.filling import fill, planned, pools_of
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.base import Part
from rayscan.scan.steps.candidates import Candidate, candidates_of
from rayscan.scan.steps.exclusion import fits
from rayscan.scan.steps.exclusion.base import Exclusion
from rayscan.scan.steps.registry import STEPS
from rayscan.scan.steps.trial import train_pack
from rayscan.seeds import stream

SHAPE = (12, 8)
SIGNALS = ("hard", "central")
CROSS_SECTIONS = {"bkg": 10.0, "bkg2": 5.0, "hard": 0.05, "central": 0.05, "null": 0.05}
EFFICIENCY = 0.5  # of the selection, for every process

BINNING = Binning(
    axes=(
        Axis(observable="jet1_pt", bins=SHAPE[0], low=100, high=700),
        Axis(observable="jet1_eta", bins=SHAPE[1], low=-4, high=4),
    )
)


def density(process: str) -> npt.NDArray[np.float64]:
    """Probability of each flat bin; ``null`` is a signal that looks like background."""
    y, x = np.meshgrid(
        (np.arange(SHAPE[0]) + 0.5) / SHAPE[0],
        (np.arange(SHAPE[1]) + 0.5) / SHAPE[1] - 0.5,
        indexing="ij",
    )
    slope, width = {
        "bkg": (3.0, 0.35),
        "null": (3.0, 0.35),
        "bkg2": (2.5, 0.45),
        "hard": (1.0, 0.35),
        "central": (2.6, 0.18),
    }[process]
    p = np.exp(-slope * y - (x / width) ** 2).ravel()
    return np.asarray(p / p.sum())


def process_pools(process: str, *, size: int = 20_000, seed: int = 1) -> ProcessPools:
    """Three pools of as many multinomial events each."""
    counts = {
        pool: stream(seed, "toy", process, pool).multinomial(size, density(process))
        for pool in POOL_NAMES
    }
    cross_section = CROSS_SECTIONS[process]
    flow = tuple(
        {
            "process": process,
            "role": "background" if process.startswith("bkg") else "signal",
            "step": step,
            "cut": cut,
            "events": events,
            "sum_weights": float(events),
            "sum_weights_squared": float(events),
            "efficiency": share,
            "efficiency_error": 0.0,
            "cross_section": cross_section * share,
        }
        for step, (cut, events, share) in enumerate(
            [("all", 6 * size, 1.0), ("binning", 3 * size, EFFICIENCY)]
        )
    )
    return ProcessPools(
        process=process,
        role=flow[0]["role"],
        cross_section=cross_section * EFFICIENCY,
        counts=counts,
        selected=dict.fromkeys(POOL_NAMES, size),
        unweighting=(3 * size, 3 * size, 3.0 * size),
        flow=flow,
    )


def by_pool(table: pa.Table, pools: Pools, *, seed: int) -> dict[str, pa.Table]:
    """The events of each pool, in the order of the table."""
    numbers = np.zeros(len(table), dtype=int)
    files, entries = np.array(table["file"].to_pylist()), table["entry"].to_numpy()
    for process, file in dict.fromkeys(zip(table["process"].to_pylist(), files, strict=True)):
        rows = files == file
        numbers[rows] = split(process, str(file), entries[rows], pools, seed=seed)
    return {
        name: table.filter(pa.array(np.isin(numbers, those)))
        for name, those in pools.numbers_of.items()
    }


def fill_pools(
    table: pa.Table,
    flow: CutFlow,
    *,
    slices: int = 1,
    folder: Path | None = None,
    role: str = "signal",
    cross_section: float = 3.0,
    features: Sequence[str] = (),
    per_file: bool = False,
    **changes: Any,
) -> ProcessPools:
    """Pools of the selected events of a process by the way of slices in a cache.

    Each file of the table is cut in so many slices, each of which is filled on its own. The cut
    flow is that of all of them; its weights before any cut are those of the selected events.
    """
    process = flow.process
    config = make_config(**changes)
    said = Process(
        role=role, files=("a.root",), cross_section=1.0, normalise="per_file" if per_file else None
    )
    config = replace(config, processes={**config.processes, process: said})
    with tempfile.TemporaryDirectory() as made:
        cache = Storage(str(folder or made))
        stems: dict[str, Any] = {}
        nothing = [
            replace(s, events=0, sum_weights=0.0, sum_weights_squared=0.0) for s in flow.steps
        ]
        for file in dict.fromkeys(table["file"].to_pylist()):
            own = table.filter(pc.equal(table["file"], file))
            edges = np.linspace(0, len(own), slices + 1).astype(int)
            for first, last in pairwise(edges):
                piece = own.slice(first, last - first)
                weights = Weights.of(piece["weight"].to_numpy(), piece["entry"].to_numpy())
                steps = nothing if stems else flow.steps
                part = replace(flow, steps=steps, weights=weights, selected=weights)
                stem = f"events/{file}-{len(stems)}"
                cache.write(f"{stem}.parquet", seal.encode(piece), lasting=False)
                text = json.dumps(asdict(part))
                cache.write(f"{stem}.json", text.encode(), lasting=False)
                stems[stem] = Slice(process=process, path=file, file=file, first=0, last=1)
        plan = planned(config, process, stems, cache, features)
        each = [
            fill(replace(part, tables=(one,), name=one.stem), plan.rules, cache)
            for part in plan.parts
            for one in part.tables
        ]
        return pools_of(reduce(add, each), plan, role=role, cross_section=cross_section)


def with_events(
    binned: BinnedPools, folder: Path, values: Callable[[str, Counts], Mapping[str, Features]]
) -> BinnedPools:
    """Pools with single events: what ``values`` says of a process and the counts of its pools."""
    cache = Storage(str(folder))
    parts = {
        name: replace(
            part,
            events={
                pool: EventPool.stored(cache, f"pools/{name}-{pool}.parquet", values(name, counts))
                for pool, counts in part.counts.items()
            },
        )
        for name, part in binned.processes.items()
    }
    return replace(binned, processes=parts)


def make_pools(
    *,
    size: int = 20_000,
    backgrounds: Sequence[str] = ("bkg",),
    signals: Sequence[str] = SIGNALS,
    mode: str = "disjoint",
    sizes: Mapping[str, int] | None = None,
    seed: int = 1,
) -> BinnedPools:
    """The pools of a scan; ``sizes`` gives some processes another number of events."""
    found = {
        name: process_pools(name, size=(sizes or {}).get(name, size), seed=seed)
        for name in (*backgrounds, *signals)
    }
    if mode == "shared_pool":
        found = {
            name: replace(
                part,
                counts={
                    **dict.fromkeys(POOL_NAMES, part.counts["train"]),
                    "unseen": part.counts["test"],
                },
                selected={**part.selected, "unseen": part.selected["test"]},
            )
            for name, part in found.items()
        }
    return BinnedPools(
        binning=BINNING,
        processes=found,
        backgrounds=tuple(backgrounds),
        benchmarks=tuple(signals),
        mode=mode,
        fingerprint=f"toy-{size}-{seed}-{mode}",
    )


def make_config(
    *,
    backgrounds: Sequence[str] = ("bkg",),
    signals: Sequence[str] = SIGNALS,
    architectures: Sequence[ArchitectureChoice | str] = ("likelihood_ratio",),
    **changes: Any,
) -> ScanConfig:
    """A small scan; any key of `ScanConfig` can be given."""
    roles = {**dict.fromkeys(backgrounds, "background"), **dict.fromkeys(signals, "signal")}
    processes = {
        name: Process(role=role, files=(f"{name}.root",), cross_section=CROSS_SECTIONS[name])
        for name, role in roles.items()
    }
    choices = tuple(ArchitectureChoice(name=a) if isinstance(a, str) else a for a in architectures)
    given = {
        "name": "toy",
        "seed": 7,
        "storage": "unused",
        "processes": processes,
        "binning": BINNING,
        "mixtures": Mixtures(s_over_sqrt_b=(1, 3), background=1000),
        "ensembles": EnsembleSizes(train=500, validation=200, test=1000),
        "architectures": choices,
        "training": Training(repeats=1),
        "limits": Limits(channels=10, referee=0, workspaces=False),
    }
    return ScanConfig(**{**given, **changes})


def train_all(
    config: ScanConfig, binned: BinnedPools, folder: Path
) -> tuple[tuple[Point, ...], list[dict[str, Any]], tuple[Candidate, ...]]:
    """Train every fixed point in this process: the plan, the rows of `trials`, the candidates."""
    plan = points(config, mixtures(config, binned), binned)
    storage = Storage(str(folder))
    rows: list[dict[str, Any]] = []
    for pack in fixed_packs(config, plan, fingerprint=binned.fingerprint):
        rows += train_pack(pack, scan=PooledScan(config, binned), storage=storage).rows
    return plan, rows, candidates_of(plan, rows)


def parts_of(config, binned, candidates, steps=("pairs", "classes")) -> list[Part]:
    """The parts of steps."""
    strengths = mixtures(config, binned)
    return [part for name in steps for part in STEPS[name].parts(config, strengths, candidates)]


def done(parts, config, binned, folder) -> dict[str, list[dict[str, Any]]]:
    """Rows of parts that are done in this process, by table."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for part in parts:
        for table, rows in part.work(PooledScan(config, binned), Storage(str(folder))).items():
            found[table] += rows
    return found


class Nobody:
    """A reporter who does not listen."""

    def begin(self, scan): ...

    def stage(self, name, total, unit): ...

    def advance(self, count, note="", *, earlier=False): ...

    def say(self, text): ...


def limits_on(benchmark, candidates, *, methods=None, config, binned, storage):
    """Rows of `limits` on one benchmark, by the methods of the scan or others."""
    if methods is not None:
        config = replace(config, limits=replace(config.limits, methods=methods))
    task = Exclusion(
        benchmark=benchmark, candidates=candidates, scan=PooledScan(config, binned), storage=storage
    )
    return fits.limits_on(task)
