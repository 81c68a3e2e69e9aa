"""Limits of the histogram itself, with nothing trained."""

from __future__ import annotations

from rayscan.results.names import NO_TRIAL
from rayscan.scan.config.limits import Method
from rayscan.scan.pools.folds import every_event
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.exclusion.base import Exclusion, Found, Model
from rayscan.scan.steps.exclusion.channels import plain


def _limits(task: Exclusion) -> Found:
    """Its bins are the channels; every event fills them, as nothing was trained with any."""
    config, pools = task.scan.config, every_event(task.scan.binned)
    channels = plain(
        pools,
        task.benchmark,
        pool="test",
        minimum=config.limits.min_pool_count,
        largest_error=config.limits.max_mc_error,
    )
    row = dict.fromkeys(("trial", "point", "architecture"), NO_TRIAL)
    return Found(
        [
            Model(
                row | {"label": "histogram", "filled_from": "all"},
                channels,
                PooledScan(config, pools),
            )
        ]
    )


METHOD = Method(
    limits=_limits,
    count=lambda config, _teams, _scored: len(config.limits.luminosity),
    channels=lambda config: config.binning.bins,
    strengths=0,
)
