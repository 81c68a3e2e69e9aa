"""Limits of channels that a classifier makes: bins, or events, grouped by its output."""

from __future__ import annotations

from collections.abc import Sequence

from rayscan.scan.config.limits import Method
from rayscan.scan.pools.folds import teams
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate, trained_columns
from rayscan.scan.steps.examples import features_of
from rayscan.scan.steps.exclusion.base import Exclusion, Found, Model, Row, mixture_of_row
from rayscan.scan.steps.exclusion.channels import (
    Channels,
    by_response,
    grouping_of,
    of_all_folds,
)
from rayscan.scan.steps.scoring import stored


def _limits(task: Exclusion) -> Found:
    """With folds the networks of a team have one limit, or none if one of them is missing."""
    binned, config = task.scan.binned, task.scan.config
    shared = binned.mode == "shared_pool"
    source = "shared_pool" if shared else "all" if binned.folds else "test"
    models: list[Model] = []
    rows: list[Row] = []
    for team in teams(task.candidates):
        row = trained_columns(team[0]) | {"filled_from": source, "fold": None}
        if missing := sorted({*config.pools.numbers} - {c.fold for c in team}):
            folds = ", ".join(map(str, missing))
            row |= {
                "status": "failed",
                "message": f"no network of fold {folds}: nothing scores its events",
            }
            rows += [row | {"luminosity": each} for each in config.limits.luminosity]
        else:
            models.append(Model(row, _channels(team, task), task.scan))
    return Found(models, rows)


def _channels(team: Sequence[Candidate], task: Exclusion) -> Channels:
    """The channels of a classifier, or of those of all folds."""
    parts = [
        _channels_of_one(candidate, task, task.scan.at_fold(candidate.fold)) for candidate in team
    ]
    return of_all_folds(parts) if task.scan.binned.folds else parts[0]


def _channels_of_one(candidate: Candidate, task: Exclusion, scan: PooledScan) -> Channels:
    return by_response(
        stored(task.storage.uri, candidate.row["classifier"]),
        scan.binned,
        task.benchmark,
        mixture=mixture_of_row(candidate.row, scan.config),
        grouping=grouping_of(scan.config),
        pool="test",
        features=features_of(scan.config, candidate.features),
    )


METHOD = Method(
    limits=_limits,
    count=lambda config, teams, _scored: len(config.limits.luminosity) * teams,
    channels=lambda config: config.limits.channels,
    strengths=0,
)
