"""The family of samplers, as far as a scan file goes: which keys each reads, and when it learns."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeGuard

from rayscan.models.knobs import Choice
from rayscan.registry import Family, instances

if TYPE_CHECKING:
    from rayscan.models.knobs import Range
    from rayscan.scan.config.search import Search


TRIALS = 20
"""Members of a search where nothing is said."""


class Sampler(ABC):
    """A way to choose the next members of a search."""

    at_once: bool = False
    """Whether all its members are known from the start, and suggested in one batch."""

    @property
    @abstractmethod
    def factory(self) -> str:
        """``module:function`` below `rayscan.cluster` that makes Optuna's sampler.

        From the search, its seed, and the distribution of each knob that is searched.
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

    def members(self, search: Search, ranges: Mapping[str, Range]) -> int:  # noqa: ARG002
        """Members of a search over ranges."""
        return search.trials or TRIALS

    def refused(self, ranges: Mapping[str, Range]) -> str:  # noqa: ARG002
        """Why it cannot search over ranges, beginning with the knob; empty if it can."""
        return ""


class Random(Sampler):
    """Members at random."""

    factory = "rayscan.cluster.samplers:random"
    keys = ("trials",)

    def options(self, search: Search) -> Mapping[str, int]:
        """How many."""
        return {"trials": search.trials or TRIALS}


class TPE(Sampler):
    """Tree-structured Parzen estimators: after some members at random, where the good ones are."""

    factory = "rayscan.cluster.samplers:tpe"
    keys = ("trials", "startup")

    def options(self, search: Search) -> Mapping[str, int]:
        """Half of the members at random, at most 10."""
        size = search.startup
        if size is None:
            size = max(min(10, (search.trials or TRIALS) // 2), 1)
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
    keys = ("trials", "population")

    def options(self, search: Search) -> Mapping[str, int]:
        """Generations of a quarter of the members, at most 50."""
        size = search.population
        if size is None:
            size = max(min(50, (search.trials or TRIALS) // 4), 2)
        return _learns(search, "population", size, least=2, needed=2 * size)


class Grid(Sampler):
    """Every combination of the values of all knobs, once: the last knob changes fastest."""

    factory = "rayscan.cluster.samplers:grid"
    keys = ()
    at_once = True

    def options(self, search: Search) -> Mapping[str, int]:  # noqa: ARG002
        """None."""
        return {}

    def members(self, search: Search, ranges: Mapping[str, Range]) -> int:  # noqa: ARG002
        """As many as there are combinations."""
        return math.prod(len(allowed.options) for allowed in ranges.values() if _listed(allowed))

    def refused(self, ranges: Mapping[str, Range]) -> str:
        """Ranges that are no lists."""
        for knob, allowed in ranges.items():
            if not _listed(allowed):
                return f"{knob}: sampler grid needs a list of values; write choices: [..]"
            if any(value in allowed.options[:at] for at, value in enumerate(allowed.options)):
                return f"{knob}: a value is listed twice; remove one"
        return ""


def _listed(allowed: Range) -> TypeGuard[Choice]:
    return isinstance(allowed, Choice)


SAMPLERS: Family[Sampler] = Family(
    "sampler",
    {
        "random": "rayscan.scan.config.samplers:Random",
        "tpe": "rayscan.scan.config.samplers:TPE",
        "gp": "rayscan.scan.config.samplers:GP",
        "grid": "rayscan.scan.config.samplers:Grid",
        "nsga2": "rayscan.scan.config.samplers:NSGA2",
    },
    instances("sampler", Sampler),
)


def _learns(search: Search, key: str, size: int, *, least: int, needed: int) -> dict[str, int]:
    """The option; refuses a search at whose end its sampler never chose."""
    if size < least:
        raise ValueError(f"{key}: {size}, expected at least {least}")
    trials = search.trials or TRIALS
    why = f"the {search.sampler} search would be a random one; write"
    if trials < needed:
        what = f"{trials}, with a {key} of {size}"
        raise ValueError(f"trials: {what} {why} at least {needed}, or sampler: random")
    if (trials - 1) // search.batch * search.batch < size:
        raise ValueError(
            f"batch: {search.batch} of {trials} trials are suggested together, with a "
            f"{key} of {size} {why} batch: {max(trials // 4, 1)}, or sampler: random"
        )
    return {"trials": trials, key: size}
