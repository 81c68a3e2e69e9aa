"""Whether pools can hold one histogram, as far as events before any cut tell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from rayscan.ensembles.mixture import Mixture
from rayscan.ensembles.totals import Totals
from rayscan.errors import Problem
from rayscan.scan.cost.workload import Workload

_FLUCTUATION = 5.0
"""Standard deviations by which a pool may hold more events than its share."""


def shortages(load: Workload) -> Iterator[Problem]:
    """Processes of which one histogram needs more events than a pool can hold.

    Of files all their entries count, of generated processes all that are made: after the cuts there
    are fewer. Nothing is said where draws are with replacement, or numbers follow from yields.
    """
    config = load.config
    if not load.known or config.ensembles.method != "without_replacement":
        return
    every = [mixture for each in load.mixtures.values() for mixture in each]
    relative = config.ensembles.unsure.background
    yield from _short(load, config.backgrounds, [_background(each, relative) for each in every])
    for name, mixtures in load.mixtures.items():
        yield from _short(load, (name,), [_signal(each) for each in mixtures])


def _background(mixture: Mixture, relative: float) -> Totals:
    return Totals(
        events=mixture.null_total,
        shares=np.ones(1),
        poisson=mixture.totals == "poisson",
        scaled=mixture.background,
        relative=relative,
    )


def _signal(mixture: Mixture) -> Totals:
    poisson = mixture.totals == "poisson"
    return Totals(events=mixture.signal, shares=np.ones(1), poisson=poisson)


def _short(load: Workload, names: Sequence[str], totals: Sequence[Totals]) -> Iterator[Problem]:
    needed = max(int(each.largest()[0]) for each in totals)
    pools = load.config.pools
    shares = {name: getattr(pools, name) for name in ("train", "validation", "test")}
    held = {name: load.pool(names, share) for name, share in shares.items() if share}
    short = {
        name: there
        for name, there in held.items()
        if there is not None and needed > there + _FLUCTUATION * math.sqrt(there)
    }
    if not short:
        return
    what = " and ".join(names)
    there = sum(load.events(name) or 0 for name in names)
    of_pools = ", ".join(f"{count:,} in {name}" for name, count in short.items())
    yield Problem(
        where="mixtures",
        what=f"one histogram needs {needed:,} events of {what} without replacement, but of its "
        f"{there:,} events before any cut there are at most about {of_pools}; add events, ask for "
        "fewer in a histogram, or write ensembles: {method: multinomial}",
    )
