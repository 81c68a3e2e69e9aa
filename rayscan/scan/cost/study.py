"""What a scan and its variants will run and need, said before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.filesize import decimal

from rayscan.keys import digest
from rayscan.models.architectures.network import NetworkArchitecture
from rayscan.models.networks.event_source import stays_in_memory
from rayscan.results.names import BASE
from rayscan.scan.config.given import Given
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import Study, load_study
from rayscan.scan.cost.capacity import disk_bytes, worker_bytes
from rayscan.scan.cost.cautions import of_all
from rayscan.scan.cost.stages import speed, stages, training
from rayscan.scan.cost.workload import Kind, Workload, workload
from rayscan.scan.plan.strengths import trains_at_each
from rayscan.scan.pools.inputs import Opened, open_each
from rayscan.terminal.tables import printed, show, warn


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a first run of a scan and its variants needs; shown as `rayscan plan` prints it.

    Attributes:
        name: Of the scan.
        architectures: What the scan itself trains: a row for each architecture.
        stages: CPU and wall time of the scan itself: a row for each stage.
        scans: Needs of the scan, of each variant, and of all.
        warnings: Sentences about what the user may want to change.
        points: Points of all scans: benchmark, training mixture, architecture.
        trainings: Classifiers to train.
        seconds: Wall time.
        cpu_seconds: CPU time.
        memory: Of one worker, at most [bytes].
    """

    name: str
    architectures: pd.DataFrame
    stages: pd.DataFrame
    scans: pd.DataFrame
    warnings: tuple[str, ...]
    points: int
    trainings: int
    seconds: float
    cpu_seconds: float
    memory: float

    def show(self, console: Console) -> None:
        """Print it."""
        show(console, f"architectures of {self.name}", self.architectures)
        show(console, "stages", self.stages)
        show(console, "needs of all scans, one after the other", self.scans)
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
) -> Costs:
    """What a scan and its variants will run and need: points, trainings, memory, disk, time.

    Args:
        scan: Path of a scan file, or a mapping with its keys.
        storage: In place of the scan's own; relative to the working directory.
        workers: In place of the scan's ``resources: {workers}``.
        calibrate: Time a few draws on this machine.

    Returns:
        The numbers, and the tables that ``rayscan plan`` prints.

    Raises:
        ConfigError: with every problem of the scan, each with its line and what to do.
    """
    study = load_study(scan, storage=storage, workers=workers)
    loads = workloads(study, open_each(study.scans, study.folder))
    return costs(loads, speed() if calibrate else 1.0)


def costs(loads: Mapping[str, Workload], pace: float = 1.0) -> Costs:
    """What a first run of scans costs, one after the other; ``pace`` is that of `speed`."""
    base = loads[BASE]
    rows = [_row(load, pace, started=name != BASE) for name, load in loads.items()]
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    total["memory per worker"] = max(row["memory per worker"] for row in rows)
    listed = zip([*loads, "all"], [*rows, total][: len(rows) + (len(rows) > 1)], strict=False)
    return Costs(
        name=base.config.name,
        architectures=pd.DataFrame([_architecture(base, kind, pace) for kind in base.kinds]),
        stages=pd.DataFrame(
            {
                "stage": stage.name,
                "of": stage.units,
                "CPU time": _duration(pace * stage.cpu),
                "workers": stage.workers,
                "wall time": _duration(pace * stage.wall),
            }
            for stage in stages(base)
            if stage.workers
        ),
        scans=pd.DataFrame([{"scan": name, **_shown(row)} for name, row in listed]),
        warnings=of_all(loads),
        points=int(total["points"]),
        trainings=int(total["trained"]),
        seconds=total["wall time"],
        cpu_seconds=total["CPU time"],
        memory=total["memory per worker"],
    )


def workloads(study: Study, opened: Mapping[str, Opened]) -> dict[str, Workload]:
    """The work of the scan and of each variant, without what earlier ones have left in the cache.

    Input files that cannot be read where the plan is made are no error: a warning says what is not
    counted, ``rayscan check`` what is wrong with them.
    """
    seen: set[str] = set()
    found = {}
    for name, config in study.scans.items():
        marks = {process: _marks(config, process) for process in config.processes}
        found[name] = replace(
            workload(config, opened[name][0].entries),
            made=frozenset(process for process, (made, _) in marks.items() if made in seen),
            read=frozenset(process for process, (_, read) in marks.items() if read in seen),
        )
        seen.update(*marks.values())
    return found


def _marks(config: ScanConfig, process: str) -> tuple[str, str]:
    """All that generated files of a process depend on, and its event tables."""
    source = config.processes[process]
    made = digest(process, source.generate, config.energy, config.seed)
    files = source.files if source.generate is None else made
    observables = sorted(config.observables), config.spectra
    return made, digest(process, files, source.tree, config.selection, *observables)


def _row(load: Workload, pace: float, *, started: bool) -> dict[str, float]:
    """What a scan takes; the driver and Ray start with the first."""
    taken = stages(load)[started:]
    return {
        "points": sum(len(kind.points) for kind in load.kinds),
        "trained": load.total("members"),
        "memory per worker": worker_bytes(load),
        **disk_bytes(load),
        "CPU time": pace * sum(stage.cpu for stage in taken),
        "wall time": pace * sum(stage.wall for stage in taken),
    }


def _shown(row: Mapping[str, float]) -> dict[str, str]:
    counts = {key: f"{row[key]:,}" for key in ("points", "trained")}
    times = {key: _duration(row[key]) for key in ("CPU time", "wall time")}
    return {key: decimal(int(value)) for key, value in row.items()} | counts | times


def _architecture(load: Workload, kind: Kind, pace: float) -> dict[str, object]:
    """What is trained of an architecture; which strength is not saturated is not known before."""
    most = max((point.mixture for point in kind.points), key=lambda mixture: mixture.fraction)
    upper = "" if trains_at_each(load.config, kind.choice) else "at most "
    return {
        "architecture": kind.choice.key,
        "sees": _sees(load, kind),
        "points": len(kind.points),
        "S, B": f"{upper}{most.signal:,}, {most.background:,}" if load.known else "after reading",
        "members": kind.members,
        "epochs": getattr(kind.values, "epochs", 1),
        "CPU time": _duration(pace * training(load, kind)),
    }


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def _sees(load: Workload, kind: Kind) -> str:
    """What is trained on; of events whether they stay in memory while a network of ours does."""
    architecture, pools = kind.choice.architecture, load.config.pools
    if not kind.choice.reads_events or not isinstance(architecture, NetworkArchitecture):
        return architecture.reads
    events = kind.examples * (1 + pools.validation / pools.train)
    kept = stays_in_memory(int(events) * (kind.shape[0] + 1))
    return "events in memory" if kept else "events streamed"
