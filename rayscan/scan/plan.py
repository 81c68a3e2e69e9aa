"""What a scan will train: points and members with stable names and identifying hashes."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rayscan.ensembles.mixture import Mixture
from rayscan.errors import ConfigError, Problem
from rayscan.scan.binned import BinnedPools
from rayscan.scan.config import ArchitectureChoice, ScanConfig, Strength
from rayscan.scan.heads import groups, trained
from rayscan.scan.search_space import starting_knobs
from rayscan.scan.strengths import others, trained_as, trained_at
from rayscan.seeds import integer

RESULTS_VERSION = 1
"""Raised when equal scan files give other numbers than before, so that old rows are not reused."""


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
        what = self.choice.head if self.choice.is_joint else self.benchmark
        if self.choice.against is not None:
            what += f"-vs-{self.choice.against}"
        drawn = "_drawn" if self.trained == "drawn" else ""
        return f"{what}.{self.mixture.name}{drawn}.{self.choice.key}"

    @property
    def drawn(self) -> tuple[Mixture, ...]:
        """The mixtures that its training histograms are drawn of; empty where it is one."""
        return self.others if self.trained == "drawn" else ()

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """The signals it is trained on."""
        return tuple(self.benchmark.split("+"))

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
            "train_against": self.choice.against,
            "architecture": self.choice.name,
            "label": self.choice.key,
            "train_strength": self.trained,
            "trained_at": number,
            "strength_kind": kind,
            **mixture_columns("train", self.mixture),
        }


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

    Args:
        config: The scan.
        binned: The pools; only needed where counts follow from cross-section and luminosity.

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

    Args:
        config: The scan.
        all_mixtures: Mixtures of every benchmark.
        binned: The pools; without them the strength of ``highest`` is not known yet, and the
            strongest stands for it.
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
    return config.search.trials if point.mode == "search" else config.training.repeats


def digest(*parts: Any) -> str:
    """A short hash of JSON-like things, equal on every machine."""
    text = json.dumps(parts, sort_keys=True, default=_as_json)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no stable JSON for {type(value).__name__}")


def _of_training(config: ScanConfig, point: Point) -> Iterator[Any]:
    """What of ensembles and limits a row of `trials` depends on: not how it is tested later."""
    yield config.ensembles.train, config.ensembles.validation, config.ensembles.method
    if config.ensembles.unsure:
        yield config.ensembles.unsure
    objective = config.search.objective if point.mode == "search" else "auc"
    yield objective
    if objective in {"significance", "limit"}:
        yield config.limits


def _of_head(point: Point) -> Iterator[Any]:
    """What of a head its name does not say; nothing for the binary one, whose keys are older."""
    if point.choice.is_joint or point.choice.against is not None:
        yield point.choice.head, point.benchmark, point.choice.against


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

    Args:
        config: The scan.
        point: The point.
        repeat: Number of the repeat or search trial.
        fingerprint: Hash of the pools (`BinnedPools.fingerprint`).
        suggested: Knobs a search chose.
        fold: The fold that it is tested on; None without folds.
    """
    knobs = {**starting_knobs(point.choice), **(suggested or {})}
    draws = repeat // config.training.pack if point.mode == "fixed" else 0
    # Said only where there is something to say: members of older scan files keep their keys.
    known = (point.trained, point.others) if point.trained in {"drawn", "descending"} else ()
    of_fold = () if fold is None else ("fold", fold)
    key = digest(
        RESULTS_VERSION,
        fingerprint,
        config.seed,
        *_of_training(config, point),
        point.name,
        point.mixture,
        point.choice.features,
        knobs,
        repeat,
        draws,
        *_of_head(point),
        *known,
        *of_fold,
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
