"""What a scan will run and need, said before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from rayscan.errors import ConfigError
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.cost import footprint
from rayscan.scan.cost.calibration import calibrated
from rayscan.scan.cost.cautions import cautions
from rayscan.scan.cost.points import PlannedPoint
from rayscan.scan.cost.rates import Rates
from rayscan.scan.cost.stages import (
    Stage,
    machine_workers,
    point_cpu,
    stages,
    total_cpu,
    total_wall,
    trial_slots,
)
from rayscan.scan.cost.workload import Workload, workload
from rayscan.scan.plan.strengths import trains_at_each
from rayscan.scan.pools.inputs import open_inputs

__all__ = ["Costs", "Rates", "calibrated", "entries_of", "estimate"]

_MANY_POINTS = 20
_MANY_TOGETHER = 3  # names joined to one, beyond which their number is shown
_LATER = "after reading"
_TRAINED = {
    "highest": "trained at each benchmark's highest strength that is not saturated, known after "
    "reading",
    "each": "trained at each strength",
    "drawn": "trained on strengths drawn for each histogram",
    "descending": "trained from the strongest down, each from the weights of the one before",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a scan will run and need.

    Attributes:
        points: What is trained; with many points, those that differ in strength or benchmark only
            are put together.
        needs: Numbers of everything, memory, disk and time of a first run.
        warnings: Sentences about what the user may want to change.
    """

    points: pd.DataFrame
    needs: pd.DataFrame
    warnings: tuple[str, ...]


def estimate(config: ScanConfig, rates: Rates, entries: Mapping[str, int] | None = None) -> Costs:
    """What a first run of a scan costs, no file or classifier of an earlier one being there.

    Args:
        config: The scan.
        rates: Unit costs: those of the reference machine, or `calibrated` on this machine.
        entries: Entries of input files by process, where they have been opened.
    """
    load = workload(config, entries)
    found = stages(load, rates)
    return Costs(
        points=_points(load, rates),
        needs=pd.DataFrame(
            [*_numbers(load), *_footprint(load), *_times(load, found, rates)],
            columns=["need", "amount", "of which"],
        ),
        warnings=tuple(cautions(load)),
    )


def entries_of(config: ScanConfig, base: Path) -> Mapping[str, int]:
    """Entries of the input files by process; none if files cannot be read where the plan is made.

    That is no error: a scan may be planned away from its files, and then a warning says what is
    not counted. ``rayscan check`` says what is wrong with them.

    Args:
        config: The scan.
        base: Folder that relative patterns start from.
    """
    try:
        return open_inputs(config, base=base).entries
    except ConfigError:
        return {}


# -------------------------------------------------------------------- points


def _points(load: Workload, rates: Rates) -> pd.DataFrame:
    groups: dict[tuple[Any, ...], list[PlannedPoint]] = {}
    for shown in (("strength", "benchmark"), ("benchmark",), ()):
        groups = {}
        for point in load.points:
            alike = (*(getattr(point, name) for name in shown), point.choice.key)
            groups.setdefault(alike, []).append(point)
        if len(groups) <= _MANY_POINTS:
            break
    return pd.DataFrame([_row(load, group, rates) for group in groups.values()])


def _row(load: Workload, group: Sequence[PlannedPoint], rates: Rates) -> dict[str, Any]:
    first = group[0]
    benchmarks = list(dict.fromkeys(point.benchmark for point in group))
    name = benchmarks[0] if len(benchmarks) == 1 else f"{len(benchmarks)} benchmarks"
    several = name.count("+") + 1
    return {
        "benchmark": name if several < _MANY_TOGETHER else f"{several} together",
        **_events(load, group),
        "architecture": first.choice.key,
        "mode": "search" if first.choice.searches else "fixed",
        "members": sum(point.kind.members for point in group),
        "epochs at most": getattr(first.kind.values, "epochs", 1),
        "CPU time": duration(sum(point_cpu(load, point, rates) for point in group)),
    }


def _events(load: Workload, group: Sequence[PlannedPoint]) -> dict[str, str]:
    """S, B and S/sqrt(B); which strength is the highest not saturated is not known before."""
    found = [point.mixture for point in group if point.mixture is not None]
    if not found:
        return {"S": _LATER, "B": _LATER, "S/sqrt(B)": _LATER}
    highest = not trains_at_each(load.config, group[0].choice)
    ratios = [m.s_over_sqrt_b if m.background else math.inf for m in found]
    return {
        "S": _range([m.signal for m in found], "{:,}", upper=highest),
        "B": _range([m.background for m in found], "{:,}"),
        "S/sqrt(B)": _range(ratios, "{:.3g}", upper=highest),
    }


def _range(values: Sequence[float], form: str, *, upper: bool = False) -> str:
    low, high = form.format(min(values)), form.format(max(values))
    if upper:
        return f"up to {high}"
    return low if low == high else f"{low} to {high}"


# --------------------------------------------------------------------- needs


def _numbers(load: Workload) -> Iterator[tuple[str, str, str]]:
    config, limits = load.config, load.config.limits
    yield "points", f"{len(load.points):,}", _TRAINED[config.training.strength]
    yield "trained members", f"{load.members:,}", ""
    yield "Tune trials", f"{load.packs:,}", f"packs of up to {config.training.pack}"
    training = sum(load.training_draws(point) for point in load.points)
    yield "draws", f"{load.draws:,} histograms", f"{training:,} to train, at most"
    yield (
        "cross-tests",
        f"{load.pairs:,} pairs",
        f"{load.test_sets:,} test sets; {load.curves:,} ROC curves",
    )
    parts = f"{', '.join(limits.methods) or 'none'}; {load.selected:,} classifiers"
    yield "limits", f"{load.binned_limits + load.score_limits:,}", parts


def _footprint(load: Workload) -> Iterator[tuple[str, str, str]]:
    drawn, events = footprint.epoch_bytes(load), footprint.event_bytes(load)
    compiles = any(kind.compiles for kind in load.kinds)
    parts = [
        *([f"TensorFlow {footprint.TENSORFLOW / 1e9:.1f}"] if compiles else []),
        f"histograms of an epoch {drawn / 1e9:.2g}",
        f"events {events / 1e9:.2g}",
        *([f"those that networks train on {way}"] if (way := footprint.event_way(load)) else []),
    ]
    memory = f"{footprint.worker_bytes(load) / 1e9:.2g} GB"
    yield "memory per worker", memory, ", ".join(parts)
    disk = footprint.disk_bytes(load)
    parts = [f"{name} {_two_digits(size / 1e6)}" for name, size in disk.items() if size]
    yield "disk", f"{_two_digits(sum(disk.values()) / 1e6)} MB", ", ".join(parts)


def _times(
    load: Workload, found: tuple[Stage, ...], rates: Rates
) -> Iterator[tuple[str, str, str]]:
    config, slots = load.config, trial_slots(load.config)
    by_cpu = ", ".join(f"{s.name} {duration(s.cpu)}" for s in found if s.workers)
    yield "CPU time", duration(total_cpu(found, rates)), by_cpu
    crew = f"with {machine_workers(config)} workers"
    by_wall = ", ".join(f"{s.name} {duration(s.wall)}" for s in found if s.workers)
    yield "wall time", duration(total_wall(found, rates)), f"{crew}: {by_wall}"
    if config.resources.gpus_per_trial > 0:
        training = next(stage for stage in found if stage.name == "train")
        hours = training.wall * slots * config.resources.gpus_per_trial / 3600
        note = "at most: as if a GPU trained no faster than a core; one GPU taken"
        yield "GPU hours", _two_digits(hours), note


def duration(seconds: float) -> str:
    """Seconds in the unit one would say.

    >>> duration(75), duration(3000), duration(20_000), duration(500_000)
    ('75 s', '50 min', '5.6 h', '5.8 days')
    """
    if 0 < seconds < 1:
        return f"{seconds:.1g} s"
    for limit, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{_two_digits(seconds / unit)} {name}"
    return f"{_two_digits(seconds / 86_400)} days"


def _two_digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
