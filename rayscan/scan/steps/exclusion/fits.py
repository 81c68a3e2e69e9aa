"""95 % CLs limits of trained classifiers on every benchmark, as rows of the table `limits`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.ensembles.mixture import Mixture
from rayscan.results.seal import checksum
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import BinnedPools
from rayscan.scan.pools.folds import at_fold, every_event, fold_counts, teams
from rayscan.scan.pools.uncertain import background_uncertainty, uncertainty_columns, varied_shapes
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.examples import features_of
from rayscan.scan.steps.exclusion.channels import (
    Channels,
    by_response,
    grouping_of,
    of_all_folds,
    plain,
)
from rayscan.scan.steps.scoring import stored
from rayscan.stats.limits import Limit, upper_limits
from rayscan.stats.profile import signal_unit
from rayscan.stats.referee import referee
from rayscan.stats.template import SIGNAL, Template
from rayscan.stats.workspace import workspace

Floats = npt.NDArray[np.float64]
TAGS = ("m2", "m1", "0", "p1", "p2")
VERSION = 2
"""Raised when equal classifiers give other limits than before, so that old rows are not reused."""
_FEMTO = 1000.0  # fb in a pb


def fit_template(
    config: ScanConfig,
    binned: BinnedPools,
    benchmark: str,
    channels: Channels,
    *,
    luminosity: float,
) -> Template:
    """Expected events per channel and their uncertainties at a luminosity [fb^-1].

    The Monte Carlo uncertainty is that of the backgrounds: with it on the signal too, the limit on
    events would depend on the cross-section the scan file happens to give.
    """
    limits = config.limits
    backgrounds, variance = [], np.zeros(channels.size)
    shape: dict[str, tuple[Floats, Floats]] = {}
    for name in binned.backgrounds:
        counts = channels.counts[name]
        scale = binned.processes[name].cross_section * _FEMTO * luminosity / counts.sum()
        backgrounds.append((name, counts * scale))
        variance += counts * scale**2
        if factors := _shape_factors(config, binned, name, channels):
            shape[name] = counts * scale * factors[0], counts * scale * factors[1]
    signal = channels.counts[benchmark]
    events = binned.processes[benchmark].cross_section * _FEMTO * luminosity
    normalisation = dict.fromkeys(binned.backgrounds, background_uncertainty(config))
    return Template(
        signal=signal * (events / signal.sum()),
        backgrounds=tuple(backgrounds),
        background_stat=np.sqrt(variance) if limits.monte_carlo_statistics else None,
        normalisation={**normalisation, SIGNAL: limits.signal_uncertainty},
        luminosity_uncertainty=limits.luminosity_uncertainty,
        shape=shape,
    )


def _shape_factors(
    config: ScanConfig, binned: BinnedPools, background: str, channels: Channels
) -> tuple[Floats, Floats] | None:
    """What one sigma up and down of the shape does to a background's channels, (channels,) each."""
    part, groups = binned.processes[background], channels.by_fold
    fillings = fold_counts(part) if groups else (part.counts["test"],)
    total = np.zeros((3, channels.size))  # nominal, up, down
    for filled_by, own in zip(fillings, groups or (channels.groups,), strict=True):
        counts = filled_by.astype(np.float64)
        varied = varied_shapes(config, binned, counts)
        if varied is None or own is None:
            return None
        total += [np.bincount(own, each, channels.size) for each in (counts, *varied)]
    nominal, up, down = total
    filled = nominal > 0
    ratio = [np.divide(each, nominal, out=np.ones_like(each), where=filled) for each in (up, down)]
    return ratio[0], ratio[1]


def binned_limits(
    benchmark: str,
    candidates: Sequence[Candidate],
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> list[dict[str, Any]]:
    """Limits on one benchmark by methods ``template`` and ``response``, solved as one batch.

    Args:
        benchmark: Signal process to exclude.
        candidates: Selected classifiers.
        config: The scan.
        binned: Its pools: ``template`` is filled from all of them, as nothing is trained, what a
            classifier groups from the test pools.
        storage: Where classifiers are, and where workspaces go.
    """
    targets, rows = _targets(benchmark, candidates, config=config, binned=binned, storage=storage)
    jobs = [
        (
            head | _target(benchmark, luminosity) | {"floor_decides": channels.floored},
            fit_template(config, pools, benchmark, channels, luminosity=luminosity),
        )
        for luminosity in config.limits.luminosity
        for head, channels, pools in targets
    ]
    results = upper_limits([template for _, template in jobs], seed=config.seed)
    solved = [_formula_of_ours(result) for result in results]
    judged = _judged(config, benchmark, [template for _, template in jobs], solved)
    for index, ((head, template), limit) in enumerate(zip(jobs, results, strict=True)):
        row = head | _limit_columns(template, limit, binned, benchmark)
        row |= uncertainty_columns(config) | {
            "background_uncertainty": background_uncertainty(config)
        }
        if index in judged and limit.expected[2] is not None:
            row["referee_cls"] = referee(template, limit.expected[2])
        if config.limits.workspaces:
            row |= _written(template, limit, storage)
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


def _targets(
    benchmark: str,
    candidates: Sequence[Candidate],
    *,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> tuple[list[tuple[dict[str, Any], Channels, BinnedPools]], list[dict[str, Any]]]:
    """First columns, channels and pools of each limit, and the rows of those that cannot be set.

    They are the same at every luminosity. With folds the networks of a team have one limit.
    """
    found, without = [], []
    shared = binned.mode == "shared_pool"
    if "template" in config.limits.methods:
        pools = every_event(binned)
        channels = plain(
            pools,
            benchmark,
            pool="test",
            minimum=config.limits.min_pool_count,
            largest_error=config.limits.max_mc_error,
        )
        found.append((_reference() | {"filled_from": "all"}, channels, pools))
    if "response" in config.limits.methods:
        source = "shared_pool" if shared else "all" if binned.folds else "test"
        for team in teams(candidates):
            head = trained_columns(team[0]) | {"method": "response", "filled_from": source}
            head |= {"fold": None}
            if missing := sorted({*config.pools.numbers} - {c.fold for c in team}):
                why = (
                    f"no network of fold {', '.join(map(str, missing))}: nothing scores its events"
                )
                without += [
                    head | _target(benchmark, each) | {"status": "failed", "message": why}
                    for each in config.limits.luminosity
                ]
                continue
            found.append((head, _channels(team, benchmark, config, binned, storage), binned))
    return found, without


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


def _channels(
    team: Sequence[Candidate],
    benchmark: str,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> Channels:
    """The channels of a classifier, or of those of all folds."""
    views = (at_fold(config, binned, candidate.fold) for candidate in team)
    parts = [
        _channels_of_one(candidate, benchmark, *view, storage)
        for candidate, view in zip(team, views, strict=True)
    ]
    return of_all_folds(parts) if binned.folds else parts[0]


def _channels_of_one(
    candidate: Candidate,
    benchmark: str,
    config: ScanConfig,
    binned: BinnedPools,
    storage: Storage,
) -> Channels:
    mixture = mixture_of_row(candidate.row, config)
    return by_response(
        stored(storage.uri, candidate.row["classifier"]),
        binned,
        benchmark,
        mixture=mixture,
        grouping=grouping_of(config),
        pool="test",
        features=features_of(config, candidate.features),
    )


def mixture_of_row(row: Mapping[str, Any], config: ScanConfig) -> Mixture:
    """The training mixture of a row of `trials`."""
    return Mixture(
        signal=row["train_signal"],
        background=row["train_background"],
        totals=config.mixtures.totals,
        null=config.mixtures.null,
    )


def _reference() -> dict[str, Any]:
    head = {"trial": "none", "point": "none", "architecture": "none", "label": "histogram"}
    return head | {"method": "template"}


def _target(benchmark: str, luminosity: float) -> dict[str, Any]:
    return {"test_benchmark": benchmark, "luminosity": luminosity}


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


def band_columns(
    strengths: Sequence[float | None], *, events: float, cross_section: float
) -> dict[str, Any]:
    """The expected band in mu, in selected events and in pb.

    Args:
        strengths: Limits on mu, -2 to +2 sigma.
        events: Selected signal events at mu = 1.
        cross_section: Signal cross-section [pb] at mu = 1, before selection.
    """
    columns: dict[str, Any] = {}
    for tag, mu in zip(TAGS, strengths, strict=True):
        columns[f"mu_expected_{tag}"] = mu
        columns[f"signal_events_expected_{tag}"] = None if mu is None else mu * events
        columns[f"cross_section_expected_{tag}"] = None if mu is None else mu * cross_section
    return columns
