"""What every limit method is given and what it gives back: models to fit, or rows as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rayscan.ensembles.mixture import Mixture
from rayscan.results.storage import Storage
from rayscan.results.tables.limits import TAGS
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate
from rayscan.scan.steps.exclusion.channels import Channels

Row = dict[str, Any]
FEMTO = 1000.0
"""fb in a pb."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exclusion:
    """One benchmark that is to be excluded."""

    benchmark: str
    candidates: Sequence[Candidate]
    scan: PooledScan
    storage: Storage


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """What is fitted at every luminosity.

    Attributes:
        row: First columns of its limits: ``trial``, ``point``, ``architecture``, ``label``,
            ``filled_from`` and, of a classifier, what else is known of it.
        channels: Its channels.
        scan: With the pools whose events fill them.
    """

    row: Row
    channels: Channels
    scan: PooledScan


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a method makes of a benchmark.

    Attributes:
        models: To be fitted, those of all methods as one batch.
        rows: Of the table `limits`, finished: only ``method`` and ``test_benchmark`` are added.
    """

    models: Sequence[Model] = ()
    rows: Sequence[Row] = ()


def mixture_of_row(row: Mapping[str, Any], config: ScanConfig) -> Mixture:
    """The training mixture of a row of `trials`."""
    return Mixture(
        signal=row["train_signal"],
        background=row["train_background"],
        totals=config.mixtures.totals,
        null=config.mixtures.null,
    )


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
