"""95 % CLs limits by every method asked for, as rows of the table `limits`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rayscan.arrays import Floats
from rayscan.keys import digest
from rayscan.results.seal import checksum
from rayscan.results.storage import Storage
from rayscan.results.tables.limits import TAGS
from rayscan.scan.config.limits import METHODS
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.pools.folds import fold_counts
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.uncertain import background_uncertainty, uncertainty_columns
from rayscan.scan.steps.base import Part, Rows, Step
from rayscan.scan.steps.candidates import Candidate
from rayscan.scan.steps.exclusion.base import FEMTO, Exclusion, Model, Row, band_columns
from rayscan.scan.steps.exclusion.channels import Channels
from rayscan.stats.limits import Limit, upper_limits
from rayscan.stats.profile import signal_unit
from rayscan.stats.referee import referee
from rayscan.stats.template import SIGNAL, Template
from rayscan.stats.workspace import workspace

VERSION = 2
"""Raised when equal classifiers give other limits than before, so that old rows are not reused."""


def fit_template(
    scan: PooledScan,
    benchmark: str,
    channels: Channels,
    *,
    luminosity: float,
) -> Template:
    """Expected events per channel and their uncertainties at a luminosity [fb^-1].

    The Monte Carlo uncertainty is that of the backgrounds: with it on the signal too, the limit on
    events would depend on the cross-section the scan file happens to give.
    """
    config, binned = scan.config, scan.binned
    backgrounds, variance = [], np.zeros(channels.size)
    shape: dict[str, tuple[Floats, Floats]] = {}
    for name in binned.backgrounds:
        counts = channels.counts[name]
        scale = binned.processes[name].cross_section * FEMTO * luminosity / counts.sum()
        backgrounds.append((name, counts * scale))
        variance += counts * scale**2
        if factors := _shape_factors(scan, name, channels):
            shape[name] = counts * scale * factors[0], counts * scale * factors[1]
    signal = channels.counts[benchmark]
    events = binned.processes[benchmark].cross_section * FEMTO * luminosity
    normalisation = dict.fromkeys(binned.backgrounds, background_uncertainty(config))
    return Template(
        signal=signal * (events / signal.sum()),
        backgrounds=tuple(backgrounds),
        background_stat=np.sqrt(variance) if config.limits.monte_carlo_statistics else None,
        normalisation={**normalisation, SIGNAL: config.limits.signal_uncertainty},
        luminosity_uncertainty=config.limits.luminosity_uncertainty,
        shape=shape,
    )


def _shape_factors(
    scan: PooledScan, background: str, channels: Channels
) -> tuple[Floats, Floats] | None:
    """What one sigma up and down of the shape does to a background's channels, (channels,) each."""
    part, groups = scan.binned.processes[background], channels.by_fold
    fillings = fold_counts(part) if groups else (part.counts["test"],)
    total = np.zeros((3, channels.size))  # nominal, up, down
    for filled_by, own in zip(fillings, groups or (channels.groups,), strict=True):
        counts = filled_by.astype(np.float64)
        varied = scan.varied_shapes(counts)
        if varied is None or own is None:
            return None
        total += [np.bincount(own, each, channels.size) for each in (counts, *varied)]
    nominal, up, down = total
    filled = nominal > 0
    ratio = [np.divide(each, nominal, out=np.ones_like(each), where=filled) for each in (up, down)]
    return ratio[0], ratio[1]


class Exclusions(Step):
    """The table `limits`, a benchmark in a part."""

    stage = "limits"
    unit = "benchmarks"
    tables = ("limits",)

    def parts(
        self,
        config: ScanConfig,
        strengths: Mixtures,  # noqa: ARG002
        candidates: Sequence[Candidate],
    ) -> Iterator[Part]:
        """Every benchmark, whose limits change with the classifiers and what is asked of them."""
        able = [c for c in candidates if c.selected and c.head.excludes]
        tag = digest(VERSION, sorted(c.row["trial"] for c in able), config.limits)
        for name in config.benchmarks:
            work = partial(_rows, name, able)
            yield Part(key=f"{name}.{tag}", work=work, tables=self.tables)


def _rows(
    benchmark: str,
    candidates: Sequence[Candidate],
    scan: PooledScan,
    storage: Storage,
) -> Mapping[str, Rows]:
    task = Exclusion(benchmark=benchmark, candidates=candidates, scan=scan, storage=storage)
    return {"limits": limits_on(task)}


def limits_on(task: Exclusion) -> list[Row]:
    """Limits on one benchmark by every method of the scan; all fits are solved as one batch."""
    rows: list[Row] = []
    models: list[Model] = []
    for name in task.scan.config.limits.methods:
        found = METHODS[name].limits(task)
        about = {"method": name, "test_benchmark": task.benchmark}
        rows += [row | about for row in found.rows]
        models += [Model(m.row | about, m.channels, m.scan) for m in found.models]
    return rows + _fitted(models, task)


def _fitted(models: Sequence[Model], task: Exclusion) -> list[Row]:
    """A limit of every model at every luminosity."""
    config, benchmark = task.scan.config, task.benchmark
    jobs = [
        (
            model.row | {"luminosity": luminosity, "floor_decides": model.channels.floored},
            fit_template(model.scan, benchmark, model.channels, luminosity=luminosity),
        )
        for luminosity in config.limits.luminosity
        for model in models
    ]
    templates = [template for _, template in jobs]
    results = upper_limits(templates, seed=config.seed)
    judged = _judged(config, benchmark, templates, [_formula_of_ours(each) for each in results])
    uncertain = uncertainty_columns(config) | {
        "background_uncertainty": background_uncertainty(config)
    }
    rows = []
    for index, ((head, template), limit) in enumerate(zip(jobs, results, strict=True)):
        row = head | _limit_columns(template, limit, task.scan.binned, benchmark) | uncertain
        if index in judged and limit.expected[2] is not None:
            row["referee_cls"] = referee(template, limit.expected[2])
        if config.limits.workspaces:
            row |= _written(template, limit, task.storage)
        rows.append(row)
    return rows


def _formula_of_ours(limit: Limit) -> bool:
    return limit.status == "ok" and (limit.solver, limit.calculator) == ("profile", "asymptotic")


def _written(template: Template, limit: Limit, storage: Storage) -> dict[str, Any]:
    """Write the model that the referee judges, with the signal in units of its limit.

    Its name is its checksum: rows published before go on naming what they were published with.
    """
    median = limit.expected[TAGS.index("0")]
    if median is None:
        merged = template.without_empty_bins()
        judgeable = merged.signal.any() and merged.background.any()
        median = signal_unit(merged) if judgeable else 1.0
    content = json.dumps(workspace(template, signal_unit=median), indent=1).encode()
    name = f"workspaces/{checksum(content)}.json"
    storage.write(name, content, lasting=False)
    return {"workspace": name, "workspace_signal": median}


def _judged(
    config: ScanConfig, benchmark: str, templates: Sequence[Template], solved: Sequence[bool]
) -> frozenset[int]:
    """Which limits pyhf re-checks: as many of each benchmark, the smallest models first.

    Only those of our own solver: there is no referee above pyhf.
    """
    share, rest = divmod(config.limits.referee, len(config.benchmarks))
    share += config.benchmarks.index(benchmark) < rest
    ours = [i for i, own in enumerate(solved) if own]
    return frozenset(sorted(ours, key=lambda i: (len(templates[i].signal), i))[:share])


def _limit_columns(
    template: Template, limit: Limit, binned: BinnedPools, benchmark: str
) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "status": limit.status,
        "message": limit.message or None,
        "solver": limit.solver,
        "calculator": limit.calculator,
        **_fitted_bins(template),
        "background_events": float(template.background.sum()),
    }
    if limit.status != "ok":
        return columns
    columns["mu_observed"] = limit.observed
    events = float(template.signal.sum())
    columns["limit_error"] = None if limit.error is None else limit.error * events
    return columns | band_columns(
        limit.expected,
        events=events,
        cross_section=binned.processes[benchmark].flow[0]["cross_section"],
    )


def _fitted_bins(template: Template) -> dict[str, Any]:
    """How many bins are fitted, and the largest Monte Carlo error of one where it is in the fit."""
    fitted = template.without_empty_bins()
    widths = fitted.gamma_widths if fitted.has_gammas else None
    return {
        "channels": len(fitted.signal),
        "largest_mc_error": None if widths is None else float(widths.max()),
    }
