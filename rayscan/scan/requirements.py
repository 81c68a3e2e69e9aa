"""Whether the pools can serve what a scan asks of them, said before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

from rayscan.ensembles.mixture import Mixture
from rayscan.errors import PoolExhaustedError, Problem
from rayscan.scan.binned import POOL_NAMES, BinnedPools
from rayscan.scan.config import ScanConfig
from rayscan.scan.examples import ensembles_of
from rayscan.scan.plan import Mixtures


def pool_problems(config: ScanConfig, binned: BinnedPools, strengths: Mixtures) -> list[Problem]:
    """Every pool that has too few events for a histogram, each named once with what is possible."""
    worst: dict[str, PoolExhaustedError] = {}
    for benchmark, choices in strengths.items():
        for mixture in choices:
            for error in _exhausted(config, binned, benchmark, mixture):
                if error.pool not in worst or error.needed > worst[error.pool].needed:
                    worst[error.pool] = error
    return [Problem(where="mixtures", what=str(error)) for error in worst.values()]


def _exhausted(
    config: ScanConfig, binned: BinnedPools, benchmark: str, mixture: Mixture
) -> Iterator[PoolExhaustedError]:
    for pool in POOL_NAMES:
        try:
            ensembles_of(config, binned, benchmark, mixture, pool)
        except PoolExhaustedError as error:
            yield error
