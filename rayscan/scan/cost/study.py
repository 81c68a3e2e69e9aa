"""What a scan and its variants will run together: the numbers of each, and the total."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from rayscan.keys import digest
from rayscan.results.names import BASE
from rayscan.scan.config.given import Given
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import Study, load_study
from rayscan.scan.cost.cautions import of_all
from rayscan.scan.cost.costs import Costs, calibrated, duration, entries_of, estimate
from rayscan.scan.cost.footprint import disk_bytes, worker_bytes
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.stages import stages, total_cpu, total_wall
from rayscan.scan.cost.workload import Workload, workload
from rayscan.scan.pools.inputs import opening
from rayscan.terminal.tables import printed, show, warn


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCosts:
    """What a scan and its variants will run and need; shown as `rayscan plan` prints it.

    Attributes:
        name: Of the scan.
        base: The scan itself, in all detail.
        variants: A row for each scan and one for all; empty without variants.
        warnings: Sentences about what the user may want to change.
        points: Points of all scans: benchmark, training mixture, architecture.
        trainings: Classifiers to train.
        seconds: Wall time of a first run.
        cpu_seconds: CPU time of a first run.
        memory: Of one worker, at most [bytes].
    """

    name: str
    base: Costs
    variants: pd.DataFrame
    warnings: tuple[str, ...]
    points: int
    trainings: int
    seconds: float
    cpu_seconds: float
    memory: float

    def show(self, console: Console) -> None:
        """Print it."""
        show(console, f"points of {self.name}", self.base.points)
        show(console, "needs", self.base.needs)
        if len(self.variants):
            show(console, "the scan and its variants, one after the other", self.variants)
        for line in self.warnings:
            warn(console, line)

    def __repr__(self) -> str:
        return printed(self.show)


def plan(
    scan: Given,
    *,
    storage: str | Path | None = None,
    workers: int | None = None,
    calibrate: bool = False,
) -> StudyCosts:
    """What a scan and its variants will run and need: points, trainings, memory, disk, time.

    Args:
        scan: Path of a scan file, or a mapping with its keys.
        storage: In place of the scan's own; relative to the working directory.
        workers: In place of the scan's ``resources: {workers}``.
        calibrate: Time a few real draws and steps on this machine.

    Returns:
        The numbers, and the tables that ``rayscan plan`` prints.

    Raises:
        ConfigError: with every problem of the scan, each with its line and what to do.
    """
    study = load_study(scan, storage=storage, workers=workers)
    rates = calibrated(study.base) if calibrate else Rates()
    return estimate_study(study, rates, study.folder)


def estimate_study(study: Study, rates: Rates, folder: Path) -> StudyCosts:
    """What a first run of a scan and its variants costs.

    Events that several of them share are made and read by the first; Ray starts once.

    Args:
        study: The scan and its variants.
        rates: Unit costs: those of the reference machine, or `calibrated` on this machine.
        folder: Folder that relative input patterns start from.
    """
    loads = workloads(study, folder)
    base = estimate(study.base, rates, loads[BASE].entries)
    rows = [_row(name, load, rates) for name, load in loads.items()]
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "variant"}
    shown = [_shown(row) for row in (*rows, {"variant": "all", **total})]
    return StudyCosts(
        name=study.base.name,
        base=base,
        variants=pd.DataFrame(shown if study.variants else []),
        warnings=of_all(loads),
        points=total["points"],
        trainings=total["trained"],
        seconds=total["wall time"],
        cpu_seconds=total["CPU time"],
        memory=max(map(worker_bytes, loads.values())),
    )


def workloads(study: Study, folder: Path) -> dict[str, Workload]:
    """The work of the scan and of each variant, without what earlier ones have left in the cache.

    Args:
        study: The scan and its variants.
        folder: Folder that relative input patterns start from.
    """
    opened: dict[str, Mapping[str, int]] = {}
    seen: set[str] = set()
    found = {}
    for name, config in study.scans.items():
        key = opening(config)
        if key not in opened:
            opened[key] = entries_of(config, folder)
        made = {process: _made(config, process) for process in config.processes}
        read = {process: _read(config, process) for process in config.processes}
        found[name] = replace(
            workload(config, opened[key]),
            made=frozenset(process for process, mark in made.items() if mark in seen),
            read=frozenset(process for process, mark in read.items() if mark in seen),
        )
        seen |= {*made.values(), *read.values()}
    return found


def _made(config: ScanConfig, process: str) -> str:
    """All that generated files of a process depend on."""
    return digest(process, config.processes[process].generate, config.energy, config.seed)


def _read(config: ScanConfig, process: str) -> str:
    """All that the event tables of a process depend on."""
    source = config.processes[process]
    files = _made(config, process) if source.generate is not None else source.files
    return digest(process, files, source.tree, config.selection, sorted(config.observables))


def _row(name: str, load: Workload, rates: Rates) -> dict[str, Any]:
    """What a scan adds to those before it: the driver and Ray start with the first."""
    found = stages(load, rates)
    started = name != BASE
    return {
        "variant": name,
        "points": len(load.points),
        "trained": load.members,
        "histograms drawn": load.draws,
        "limits": load.binned_limits + load.score_limits,
        "disk": sum(disk_bytes(load).values()),
        "CPU time": total_cpu(found, rates) - started * total_cpu((), rates),
        "wall time": total_wall(found, rates) - started * total_wall((), rates),
    }


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {key: f"{value:,}" for key, value in row.items() if isinstance(value, int)}
    return {
        **row,
        **numbers,
        "histograms drawn": f"{row['histograms drawn'] / 1e6:.3g} M",
        "disk": f"{row['disk'] / 1e6:,.3g} MB",
        "CPU time": duration(row["CPU time"]),
        "wall time": duration(row["wall time"]),
    }
