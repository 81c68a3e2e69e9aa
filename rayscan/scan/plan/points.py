"""What a scan will train: points and members with stable names and identifying hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rayscan.ensembles.mixture import Mixture
from rayscan.errors import ConfigError, Problem
from rayscan.scan.config.heads.base import Head
from rayscan.scan.config.heads.registry import groups, head_of, trained
from rayscan.scan.config.samplers import SAMPLERS
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig, Strength
from rayscan.scan.config.search_space import search_ranges
from rayscan.scan.plan.strengths import others, trained_as, trained_at
from rayscan.scan.pools.binned import BinnedPools


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A benchmark (or several), a training mixture and an architecture.

    Attributes:
        benchmark: Signal process; the names of several joined by ``+`` for a head of several.
        strength: Position of the mixture in the list of strengths.
        mixture: Events per histogram; with ``drawn`` strengths that of ``highest``, which
            validation, response and score take for the training's own.
        choice: The architecture and its knobs.
        trained: How its strength of training was chosen (`Training.strength`).
        others: Other mixtures its result depends on: with ``drawn`` all that are drawn, with
            ``descending`` the stronger ones trained before, the strongest first.
        asked: The strength as the scan file has it, and what it is (the key of its list).
    """

    benchmark: str
    strength: int
    mixture: Mixture
    choice: ArchitectureChoice
    trained: Strength = "highest"
    others: tuple[Mixture, ...] = ()
    asked: tuple[float, str] | None = None

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""
        what = self.head.called(self.benchmarks)
        drawn = "_drawn" if self.trained == "drawn" else ""
        return f"{what}.{self.mixture.name}{drawn}.{self.choice.key}"

    @property
    def head(self) -> Head:
        """That of the architecture."""
        return head_of(self.choice)

    @property
    def drawn(self) -> tuple[Mixture, ...]:
        """The mixtures that its training histograms are drawn of; empty where it is one."""
        return self.others if self.trained == "drawn" else ()

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The signals it is trained on."""
        return tuple(self.benchmark.split("+"))

    @property
    def chained(self) -> bool:
        """Whether it is trained after a stronger point, in the same Tune trials."""
        return self.trained == "descending" and bool(self.others)

    def histograms(self, count: int) -> int:
        """Histograms of all classes in a set of so many per class."""
        null, each = self.head.shares(count, self.benchmarks)
        return null + sum(number for _, number in each.values())

    @property
    def mode(self) -> Literal["fixed", "search"]:
        """Whether its hyperparameters are fixed or searched."""
        return "search" if self.choice.searches else "fixed"

    @property
    def columns(self) -> dict[str, Any]:
        """Its columns in the result tables."""
        number, kind = self.asked or (None, None)
        return {
            "point": self.name,
            "train_benchmark": self.benchmark,
            "head": self.choice.head,
            "train_against": self.head.null,
            "architecture": self.choice.name,
            "label": self.choice.key,
            "train_strength": self.trained,
            "trained_at": number,
            "strength_kind": kind,
            **mixture_columns("train", self.mixture),
        }


Mixtures = Mapping[str, tuple[Mixture, ...]]


def mixture_columns(prefix: str, mixture: Mixture) -> dict[str, Any]:
    """S, B, S/B and S/sqrt(B) of a mixture as columns; ratios are missing where B = 0."""
    some = mixture.background > 0
    return {
        f"{prefix}_signal": mixture.signal,
        f"{prefix}_background": mixture.background,
        f"{prefix}_s_over_b": mixture.s_over_b if some else None,
        f"{prefix}_s_over_sqrt_b": mixture.s_over_sqrt_b if some else None,
    }


def mixtures(config: ScanConfig, binned: BinnedPools | None = None) -> Mixtures:
    """The mixtures of every benchmark, in the order of the strengths.

    Pools are needed where counts follow from cross-section and luminosity only.

    Raises:
        ValueError: the mixtures need yields and no pools were given.
        ConfigError: with the yields of the pools a strength has no signal event, or the like.
    """
    out = {}
    for benchmark in config.benchmarks:
        if binned is None:
            out[benchmark] = config.mixtures.expand()
            continue
        signal = binned.processes[benchmark]
        before = signal.flow[0]["cross_section"]
        try:
            out[benchmark] = config.mixtures.expand(
                background_yield_pb=binned.background_cross_section,
                signal_efficiency=signal.cross_section / before,
            )
        except ValueError as error:
            problem = Problem(where="mixtures", what=f"{error} (benchmark '{benchmark}')")
            raise ConfigError(path=config.name, problems=(problem,)) from error
    return out


def points(
    config: ScanConfig, all_mixtures: Mixtures, binned: BinnedPools | None = None
) -> tuple[Point, ...]:
    """Every point of the scan, in a stable order.

    Without pools the strength of ``highest`` is not known yet, and the strongest stands for it.
    """
    found: list[Point] = []
    for signals in groups(config):
        common = all_mixtures[signals[0]]
        of_group = [
            _point(config, signals, common, at, choice)
            for choice in config.architectures
            if signals in trained(config, choice)
            for at in trained_at(config, signals, common, binned, choice)
        ]
        found += sorted(of_group, key=lambda point: point.strength)
    return tuple(found)


def _point(
    config: ScanConfig,
    signals: Sequence[str],
    choices: Sequence[Mixture],
    at: tuple[int, Mixture],
    choice: ArchitectureChoice,
) -> Point:
    how = trained_as(config, choice)
    return Point(
        benchmark="+".join(signals),
        strength=at[0],
        mixture=at[1],
        choice=choice,
        trained=how,
        others=others(how, choices, at[1]),
        asked=(config.mixtures.strengths[at[0]], config.mixtures.key),
    )


def planned(config: ScanConfig, point: Point) -> int:
    """Trained members a point asks for, in all folds."""
    return planned_in_fold(config, point) * len(config.pools.numbers)


def planned_in_fold(config: ScanConfig, point: Point) -> int:
    """Trained members a point asks for in each fold."""
    if point.mode == "fixed":
        return config.training.repeats
    sampler = SAMPLERS[config.search.sampler]
    return sampler.members(config.search, search_ranges(point.choice))


def together(config: ScanConfig, point: Point) -> int:
    """Members of a search that are suggested together."""
    at_once = SAMPLERS[config.search.sampler].at_once
    return planned_in_fold(config, point) if at_once else config.search.batch


def packed(config: ScanConfig, point: Point) -> int:
    """Members of a search that are trained together; of a grid all, where one set serves them."""
    shared = SAMPLERS[config.search.sampler].at_once and point.choice.architecture.shares_sets
    return together(config, point) if shared else config.training.pack
