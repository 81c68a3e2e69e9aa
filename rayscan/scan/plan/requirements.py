"""Whether the pools can serve what a scan asks of them, said before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

from rayscan.ensembles.draw import Background, Ensembles
from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.nuisance import Nuisances
from rayscan.errors import PoolExhaustedError, Problem
from rayscan.scan.config.heads.registry import second_signals
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures
from rayscan.scan.pools.binned import POOL_NAMES, BinnedPools, ProcessPools
from rayscan.scan.pools.pooled import PooledScan


def pool_problems(config: ScanConfig, binned: BinnedPools, strengths: Mixtures) -> list[Problem]:
    """Every pool that has too few events for a histogram, each named once with what is possible.

    With folds those of the first fold with problems: the others are of nearly equal size.
    """
    views = (PooledScan(config, binned).at_fold(fold) for fold in config.pools.numbers)
    problems = (_problems(view.config, view.binned, strengths) for view in views)
    return next((found for found in problems if found), [])


def _problems(config: ScanConfig, binned: BinnedPools, strengths: Mixtures) -> list[Problem]:
    if empty := list(_empty(binned)):
        return empty
    worst: dict[str, PoolExhaustedError] = {}
    # A signal in class 0 gives as many events as the one it is told from.
    drawn = dict.fromkeys(
        (name, mixture)
        for benchmark, choices in strengths.items()
        for mixture in choices
        for name in (benchmark, *second_signals(config))
    )
    for benchmark, mixture in drawn:
        for error in _exhausted(config, binned, benchmark, mixture):
            if error.pool not in worst or error.needed > worst[error.pool].needed:
                worst[error.pool] = error
    causes = {
        f"{process.process} ({pool})": _unweighted(process)
        for process in binned.processes.values()
        for pool in POOL_NAMES
    }
    return [
        Problem(where="mixtures", what=f"{error}{causes.get(error.pool, '')}")
        for error in worst.values()
    ]


def _empty(binned: BinnedPools) -> Iterator[Problem]:
    for process in binned.processes.values():
        for pool in process.counts:
            if not process.counts[pool].any():
                what = (
                    f"none of the {process.selected[pool]} events of '{process.process} ({pool})' "
                    "lies inside the binning; add input events, loosen the selection or the axis "
                    "ranges, or give this pool a larger share" + _unweighted(process)
                )
                yield Problem(where="pools", what=what)


def _unweighted(process: ProcessPools) -> str:
    """What unweighting took, where it is more than half of the events."""
    kept, of, _ = process.unweighting
    if 2 * kept >= of:
        return ""
    return (
        f"; unweighting kept {kept} of {of} selected events, as the heaviest weighs "
        f"{of / kept:.3g} times the mean: look at the event weights"
    )


def _exhausted(
    config: ScanConfig, binned: BinnedPools, benchmark: str, mixture: Mixture
) -> Iterator[PoolExhaustedError]:
    method = config.ensembles.method
    uncertain = Nuisances(relative=config.ensembles.unsure.background)
    of_signal = Mixture(signal=0, background=mixture.signal, totals=mixture.totals)
    for pool in POOL_NAMES:
        # One at a time: an error names the first pool only.
        signal = Background((binned.signal(benchmark, pool),))
        for events, wanted, unsure in (
            (binned.background(pool), mixture, uncertain),
            (signal, of_signal, None),
        ):
            try:
                Ensembles(events, None, wanted, method=method, nuisances=unsure)
            except PoolExhaustedError as error:
                yield error
