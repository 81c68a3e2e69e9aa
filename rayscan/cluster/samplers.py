"""Ranges, samplers and pruners of a search in Optuna's words.

Every option that decides a table is written out here: Optuna's defaults change between its
versions. What is left to it is deprecated there, or does not act on searches of one objective
without constraints.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from itertools import product
from pkgutil import resolve_name
from typing import Any, TypeAlias

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.samplers.nsgaii import UniformCrossover
from optuna.trial import FrozenTrial

from rayscan.models.knobs import Choice, Integer, Range
from rayscan.scan.config.samplers import SAMPLERS
from rayscan.scan.config.search import Search


def distribution(allowed: Range) -> BaseDistribution:
    """A search range in Optuna's words."""
    if isinstance(allowed, Choice):
        return CategoricalDistribution(allowed.options)
    if isinstance(allowed, Integer):
        return IntDistribution(allowed.low, allowed.high, log=allowed.log)
    return FloatDistribution(allowed.low, allowed.high, log=allowed.log)


Space: TypeAlias = Mapping[str, BaseDistribution]


def sampler(search: Search, seed: int, space: Space) -> BaseSampler:
    """The sampler of a search over a space."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        made: BaseSampler = resolve_name(SAMPLERS[search.sampler].factory)(search, seed, space)
        return made


def random(search: Search, seed: int, space: Space) -> BaseSampler:  # noqa: ARG001
    """Every member by itself."""
    return RandomSampler(seed=seed)


def tpe(search: Search, seed: int, space: Space) -> BaseSampler:  # noqa: ARG001
    """Parzen estimators of all knobs together."""
    return TPESampler(
        seed=seed,
        n_startup_trials=search.startup,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=True,
    )


def gp(search: Search, seed: int, space: Space) -> BaseSampler:  # noqa: ARG001
    """A Gaussian process that knows of noise."""
    return GPSampler(seed=seed, n_startup_trials=search.startup, deterministic_objective=False)


def nsga2(search: Search, seed: int, space: Space) -> BaseSampler:
    """A genetic search."""
    return NSGAIISampler(
        seed=seed,
        population_size=search.population,
        # One over the number of knobs, as Optuna has it; but of one knob that would leave nothing
        # to inherit.
        mutation_prob=min(1 / len(space), 0.5),
        crossover=UniformCrossover(swapping_prob=0.5),
        crossover_prob=0.9,
        swapping_prob=0.5,
    )


def grid(search: Search, seed: int, space: Space) -> BaseSampler:  # noqa: ARG001
    """Every combination."""
    return EveryCombination(space)


class EveryCombination(BaseSampler):  # type: ignore[misc]  # optuna is not typed here
    """Member n has combination n, the last knob changing fastest.

    Optuna's GridSampler takes them at random and ends a study that it has not begun itself.
    """

    def __init__(self, space: Space) -> None:
        listed = [
            each.choices if isinstance(each, CategoricalDistribution) else ()
            for each in space.values()
        ]
        self._all = [dict(zip(space, values, strict=True)) for values in product(*listed)]

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        """None: every knob is looked up by itself."""
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        """The value of a knob in the combination of a member."""
        return self._all[trial.number][param_name]


def pruner(search: Search) -> optuna.pruners.BasePruner:
    """The pruner of a search; medians are of the members of earlier batches."""
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=4, n_warmup_steps=2, interval_steps=1, n_min_trials=1
    )
