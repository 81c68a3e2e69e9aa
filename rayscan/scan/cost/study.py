"""What a scan and its variants will run together: the numbers of each, and the total."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from rayscan.keys import digest
from rayscan.results.names import BASE
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import Study
from rayscan.scan.cost.cautions import cautions
from rayscan.scan.cost.costs import Costs, duration, entries_of, estimate
from rayscan.scan.cost.footprint import disk_bytes
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.stages import stages, total_cpu, total_wall
from rayscan.scan.cost.workload import Workload, workload
from rayscan.scan.pools.inputs import opening


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCosts:
    """What a scan and its variants will run and need.

    Attributes:
        base: The scan itself, in all detail.
        variants: A row for each scan and one for all; empty without variants.
        warnings: Sentences about what the user may want to change.
    """

    base: Costs
    variants: pd.DataFrame
    warnings: tuple[str, ...]


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
    if len(rows) < 2:
        return StudyCosts(base=base, variants=pd.DataFrame(), warnings=base.warnings)
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key != "variant"}
    shown = [_shown(row) for row in (*rows, {"variant": "all", **total})]
    warnings = (*base.warnings, *_warnings(loads, base.warnings))
    return StudyCosts(base=base, variants=pd.DataFrame(shown), warnings=warnings)


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


def _warnings(loads: Mapping[str, Workload], known: Sequence[str]) -> Iterator[str]:
    """What the scan itself is not warned of, with the variants it is about."""
    about: dict[str, list[str]] = {}
    for name, load in loads.items():
        for line in cautions(load):
            about.setdefault(line, []).append(name)
    for line, names in about.items():
        if line not in known:
            yield f"{', '.join(names)}: {line}"
