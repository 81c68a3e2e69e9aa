"""Ranges, samplers and pruners of a search in Optuna's words.

Every option that decides a table is written out here: Optuna's defaults change between its
versions. What is left to it is deprecated there, or does not act on searches of one objective
without constraints.
"""

from __future__ import annotations

import warnings
from pkgutil import resolve_name

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.samplers.nsgaii import UniformCrossover

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


def sampler(search: Search, seed: int, *, knobs: int) -> BaseSampler:
    """The sampler of a search of so many knobs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        made: BaseSampler = resolve_name(SAMPLERS[search.sampler].factory)(search, seed, knobs)
        return made


def random(search: Search, seed: int, knobs: int) -> BaseSampler:  # noqa: ARG001
    """Every member by itself."""
    return RandomSampler(seed=seed)


def tpe(search: Search, seed: int, knobs: int) -> BaseSampler:  # noqa: ARG001
    """Parzen estimators of all knobs together."""
    return TPESampler(
        seed=seed,
        n_startup_trials=search.startup,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=True,
    )


def gp(search: Search, seed: int, knobs: int) -> BaseSampler:  # noqa: ARG001
    """A Gaussian process that knows of noise."""
    return GPSampler(seed=seed, n_startup_trials=search.startup, deterministic_objective=False)


def nsga2(search: Search, seed: int, knobs: int) -> BaseSampler:
    """A genetic search."""
    return NSGAIISampler(
        seed=seed,
        population_size=search.population,
        # One over the number of knobs, as Optuna has it; but of one knob that would leave nothing
        # to inherit.
        mutation_prob=min(1 / knobs, 0.5),
        crossover=UniformCrossover(swapping_prob=0.5),
        crossover_prob=0.9,
        swapping_prob=0.5,
    )


def pruner(search: Search) -> optuna.pruners.BasePruner:
    """The pruner of a search; medians are of the members of earlier batches."""
    if search.pruner == "none":
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=4, n_warmup_steps=2, interval_steps=1, n_min_trials=1
    )
