"""One training and its identity: a point, the number of its repeat, its knobs and its key."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rayscan.keys import RESULTS_VERSION, digest
from rayscan.scan.config.folds import folds_of
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.search_space import starting_knobs
from rayscan.scan.plan.points import Point, planned_in_fold
from rayscan.seeds import integer


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlan:
    """One training: a point, the number of the repeat or search trial, and all its knobs.

    Attributes:
        point: What is trained.
        repeat: Number of the repeat or of the search trial.
        draws: Names the stream of its histograms; members of one pack share it.
        hyperparameters: Every knob.
        seed: Seed of weights and batches.
        key: Hash of everything its result depends on.
        fold: The fold that it is tested on; None without folds.
    """

    point: Point
    repeat: int
    draws: int
    hyperparameters: Mapping[str, Any]
    seed: int
    key: str
    fold: int | None = None


def _of_training(config: ScanConfig, point: Point) -> Iterator[Any]:
    """What of ensembles and limits a row of `trials` depends on: not how it is tested later."""
    yield config.ensembles.train, config.ensembles.validation, config.ensembles.method
    if config.ensembles.unsure:
        yield config.ensembles.unsure
    objective = config.search.objective if point.mode == "search" else "auc"
    yield objective
    if objective in {"significance", "limit"}:
        yield config.limits
    if folds := folds_of(config, point.choice):
        yield folds


def member(
    config: ScanConfig,
    point: Point,
    repeat: int,
    *,
    fingerprint: str,
    suggested: Mapping[str, Any] | None = None,
    fold: int | None = None,
) -> MemberPlan:
    """One training of a point.

    ``fingerprint`` is that of `BinnedPools`; ``suggested`` are knobs a search chose.
    """
    knobs = {**starting_knobs(point.choice), **(suggested or {})}
    younger = point.choice.architecture.knobs.younger
    draws = repeat // config.training.pack if point.mode == "fixed" else 0
    # Said only where there is something to say: members of older scan files keep their keys.
    known = (point.trained, point.others) if point.trained in {"drawn", "descending"} else ()
    of_head = filter(None, [point.head.key(point.benchmarks)])
    of_fold = () if fold is None else ("fold", fold)
    key = digest(
        RESULTS_VERSION,
        fingerprint,
        config.seed,
        *_of_training(config, point),
        point.name,
        point.mixture,
        point.choice.features,
        {knob: value for knob, value in knobs.items() if value != younger.get(knob)},
        repeat,
        draws,
        *of_head,
        *known,
        *of_fold,
        *filter(None, [point.choice.code]),
    )
    seed = integer(config.seed, "member", point.name, repeat, *of_fold)
    return MemberPlan(
        point=point,
        repeat=repeat,
        draws=draws,
        hyperparameters=knobs,
        seed=seed,
        key=key,
        fold=fold,
    )


def fixed_packs(
    config: ScanConfig, all_points: Sequence[Point], *, fingerprint: str
) -> Iterator[tuple[MemberPlan, ...]]:
    """The packs of all points with fixed hyperparameters.

    A pack holds repeats of one point, in one fold; with ``descending`` strengths a whole chain of
    points, the strongest first, since each starts from the classifiers of the one before.
    """
    for chain, fold in itertools.product(_chains(all_points), config.pools.numbers):
        count = planned_in_fold(config, chain[0])
        for first in range(0, count, config.training.pack):
            repeats = range(first, min(first + config.training.pack, count))
            yield tuple(
                member(config, point, repeat, fingerprint=fingerprint, fold=fold)
                for point in chain
                for repeat in repeats
            )


def _chains(all_points: Sequence[Point]) -> list[list[Point]]:
    """Points with fixed hyperparameters that are trained one after the other in one place."""
    found: dict[tuple[str, ...], list[Point]] = {}
    for point in all_points:
        if point.mode == "fixed":
            warm = point.trained == "descending"
            key = (point.benchmark, point.choice.key) if warm else (point.name,)
            found.setdefault(key, []).append(point)
    return [sorted(chain, key=lambda p: len(p.others)) for chain in found.values()]
