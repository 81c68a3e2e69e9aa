"""The family of samplers, as far as a scan file goes: which keys each reads, and when it learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rayscan.registry import Family, instances

if TYPE_CHECKING:
    from rayscan.scan.config.search import Search


class Sampler(ABC):
    """A way to choose the next members of a search."""

    @property
    @abstractmethod
    def factory(self) -> str:
        """``module:function`` below `rayscan.cluster` that makes Optuna's sampler.

        From the search, its seed, and the number of knobs that are searched.
        """

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Keys of ``search:`` that it reads, of those that not all samplers do."""

    @abstractmethod
    def options(self, search: Search) -> Mapping[str, int]:
        """The values of its keys, where nothing is said their defaults.

        Raises:
            ValueError: A value cannot be, or the sampler would never choose. Begins with the key.
        """

    def missing(self) -> str:
        """What must be installed before it can be used; empty if all is there."""
        return ""


class Random(Sampler):
    """Members at random."""

    factory = "rayscan.cluster.samplers:random"
    keys = ()

    def options(self, search: Search) -> Mapping[str, int]:  # noqa: ARG002
        """None."""
        return {}


class TPE(Sampler):
    """Tree-structured Parzen estimators: after some members at random, where the good ones are."""

    factory = "rayscan.cluster.samplers:tpe"
    keys = ("startup",)

    def options(self, search: Search) -> Mapping[str, int]:
        """Half of the members at random, at most 10."""
        size = search.startup
        if size is None:
            size = max(min(10, search.trials // 2), 1)
        return _learns(search, "startup", size, least=1, needed=size + 1)


class GP(TPE):
    """A Gaussian process in place of the estimators."""

    factory = "rayscan.cluster.samplers:gp"

    def missing(self) -> str:
        """PyTorch."""
        there = find_spec("torch") is not None
        return "" if there else "gp needs PyTorch: pip install 'rayscan[gp]', or write tpe"


class NSGA2(Sampler):
    """A genetic search: each generation inherits from the better ones of those before."""

    factory = "rayscan.cluster.samplers:nsga2"
    keys = ("population",)

    def options(self, search: Search) -> Mapping[str, int]:
        """Generations of a quarter of the members, at most 50."""
        size = search.population
        if size is None:
            size = max(min(50, search.trials // 4), 2)
        return _learns(search, "population", size, least=2, needed=2 * size)


SAMPLERS: Family[Sampler] = Family(
    "sampler",
    {
        "random": "rayscan.scan.config.samplers:Random",
        "tpe": "rayscan.scan.config.samplers:TPE",
        "gp": "rayscan.scan.config.samplers:GP",
        "nsga2": "rayscan.scan.config.samplers:NSGA2",
    },
    instances("sampler", Sampler),
)


def _learns(search: Search, key: str, size: int, *, least: int, needed: int) -> dict[str, int]:
    """The option; refuses a search at whose end its sampler never chose."""
    if size < least:
        raise ValueError(f"{key}: {size}, expected at least {least}")
    why = f"the {search.sampler} search would be a random one; write"
    if search.trials < needed:
        what = f"{search.trials}, with a {key} of {size}"
        raise ValueError(f"trials: {what} {why} at least {needed}, or sampler: random")
    if (search.trials - 1) // search.batch * search.batch < size:
        raise ValueError(
            f"batch: {search.batch} of {search.trials} trials are suggested together, with a "
            f"{key} of {size} {why} batch: {max(search.trials // 4, 1)}, or sampler: random"
        )
    return {key: size}
