"""What every head declares: its signals, its classes, its null, its tests, and where it can be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rayscan.errors import nearest
from rayscan.models.architectures.registry import architectures
from rayscan.scan.config.process import Process
from rayscan.yaml_text import Place

if TYPE_CHECKING:
    from rayscan.models.architectures.base import Architecture
    from rayscan.scan.config.scan import ArchitectureChoice

Signals: TypeAlias = tuple[str, ...]
Found: TypeAlias = Iterator[tuple[Place, str]]
"""Places in an architecture of a scan file, and what is wrong with each."""


@dataclass(frozen=True)
class Head(ABC):
    """The head of one architecture of a scan file.

    Names, keys and random streams are made so that those of different heads differ; only the
    binary ones, whose results are older, have shorter ones.
    """

    choice: ArchitectureChoice

    @classmethod
    def of(cls, choice: ArchitectureChoice) -> Head:
        """The head of an architecture that asks for this kind."""
        return cls(choice)

    # ------------------------------------------------------------------ what it is

    @property
    @abstractmethod
    def joint(self) -> bool:
        """Whether one classifier is trained on all its signals; else it has one for each."""

    @abstractmethod
    def classes(self, signals: Signals) -> tuple[Signals, ...]:
        """The signals whose histograms each class holds in equal numbers; class 0 is the null."""

    @property
    def null(self) -> str | None:
        """The signal of which class 0 holds as many events; None: class 0 is background only."""
        return None

    @property
    @abstractmethod
    def at_each_strength(self) -> bool:
        """Whether it has a classifier for every strength, whatever the scan asks for."""

    @property
    @abstractmethod
    def excludes(self) -> bool:
        """Whether it tells one signal or any from background only: what a limit needs."""

    # ------------------------------------------------------------------ how it is tested

    @property
    @abstractmethod
    def test(self) -> Literal["pairs", "classes"]:
        """Whether it meets each benchmark by itself, or all at once, a class for each signal."""

    @abstractmethod
    def sets(self, benchmarks: int) -> int:
        """Test sets that a classifier meets at one strength, of so many benchmarks."""

    @abstractmethod
    def hypotheses(self, benchmarks: int) -> int:
        """Kinds of histograms in each."""

    # ------------------------------------------------------------------ what it is called

    @property
    def mark(self) -> str:
        """What follows the architecture's name where it has no label."""
        return f"-{self.choice.head}"

    def called(self, signals: Signals) -> str:
        """What the name of a point begins with."""
        return self.choice.head if self.joint else f"{'+'.join(signals)}{self.mark}"

    def key(self, signals: Signals) -> tuple[str | None, ...]:
        """What the key of a training has of it."""
        return self.choice.head, "+".join(signals), self.choice.against

    def stream(
        self, pool: str, signals: Signals, mixture: str, *purpose: str | int
    ) -> tuple[str | int, ...]:
        """What names the random stream of its histograms; one epoch of validation has all."""
        own = purpose if pool == "train" else purpose[:1]
        return (self.choice.head, *signals, mixture, pool, *own)

    # ------------------------------------------------------------------ derived

    def signals(self, processes: Mapping[str, Process]) -> Signals:
        """The signals of all its classifiers, in the order of the processes."""
        named, found = self.choice.benchmarks, _signals(processes)
        if named:
            return tuple(name for name in found if name in named)
        return tuple(n for n in found if not (self.joint and processes[n].held_out))

    def groups(self, processes: Mapping[str, Process]) -> tuple[Signals, ...]:
        """The signals of each classifier."""
        names = self.signals(processes)
        return (names,) if self.joint else tuple((name,) for name in names if name != self.null)

    def shares(self, count: int, signals: Signals) -> tuple[int, dict[str, tuple[int, int]]]:
        """Histograms of the null, and of each signal its class and its number.

        All classes are of one size (arXiv:2105.12018 trains on 70k histograms of signals and 10k
        of background, and does not say how it balances them): ``count``, or as many more as gives
        each signal of the largest class as many.
        """
        parts = [names for names in self.classes(signals) if names]
        each = [-(-count // len(names)) for names in parts]
        null = max(n * len(names) for n, names in zip(each, parts, strict=True))
        numbered = enumerate(zip(each, parts, strict=True), start=1)
        return null, {name: (k, n) for k, (n, names) in numbered for name in names}

    @property
    def two_classes(self) -> bool:
        """Whether its classifiers tell two classes apart, however many signals there are."""
        return len(self.classes(("one", "other") if self.joint else ("one",))) == 2

    def fits(self, architecture: Architecture[Any]) -> bool:
        """Whether an architecture can have it, by what it learns from."""
        two = self.two_classes
        able = {"one signal": two and not self.joint, "two classes": two, "any classes": True}
        return able[architecture.learns]

    # ------------------------------------------------------------------ what is wrong with it

    @property
    def place(self) -> Place:
        """The key of the architecture that asks for it."""
        return ("head",)

    def problems(self, sections: Mapping[str, Any]) -> Found:
        """What is wrong with it.

        ``sections`` are the top-level keys that could be read; ``processes`` could.
        """
        yield from self._names(sections["processes"])
        yield from self._architecture()
        if self.joint:
            yield from self._joint(sections)
        objective = sections["search"].objective if "search" in sections else "auc"
        of_one_signal = objective in {"significance", "limit"}
        if self.choice.searches and of_one_signal and (self.joint or not self.excludes):
            what = "is of one signal over the background; search for auc or loss"
            yield self.place, f"search.objective: {objective} {what}"

    def _names(self, processes: Mapping[str, Process]) -> Found:
        named, against = self.choice.benchmarks, self.choice.against
        for index, name in enumerate(named):
            if why := _no_signal(name, processes):
                yield ("benchmarks", index), why
            elif named.index(name) < index:
                yield ("benchmarks", index), f"'{name}' is named twice; remove one"
        if against is not None and (why := _no_signal(against, processes)):
            yield ("against",), why
        if against != self.null:
            what = f"a {self.choice.head} head has the background as class 0; remove"
            yield ("against",), what

    def _architecture(self) -> Found:
        if self.choice.is_known and not self.fits(self.choice.architecture):
            # Of ours alone: another package's may be none at all, which this scan need not know.
            known = architectures()
            able = [each for each in known.ours if self.fits(known[each])]
            what = f"'{self.choice.name}' has no {self.choice.head} head; those that have"
            yield self.place, f"{what}: {', '.join(able)}"

    def _joint(self, sections: Mapping[str, Any]) -> Found:
        head, names = self.choice.head, self.signals(sections["processes"])
        if len(names) < 2:
            found = f"found {', '.join(names) or 'none'}"
            yield self.place, f"a {head} head needs at least two signals to train on, {found}"
        if "mixtures" in sections and sections["mixtures"].cross_section is not None:
            what = "gives each signal a number of events of its own; give s_over_sqrt_b, s_over_b"
            yield self.place, f"mixtures.cross_section {what} or signal for a {head} head"


class Pairs(Head):
    """A head of two classes, tested on each benchmark by itself."""

    test = "pairs"

    def classes(self, signals: Signals) -> tuple[Signals, ...]:
        """The null, and all signals."""
        return (), signals

    def sets(self, benchmarks: int) -> int:
        """One of each benchmark; the null itself is none."""
        return benchmarks - (self.null is not None)

    def hypotheses(self, benchmarks: int) -> int:  # noqa: ARG002
        """The null, and that with signal."""
        return 2

    at_each_strength = False


class Single(Pairs):
    """A head with one classifier for each signal."""

    joint = False

    def stream(
        self, pool: str, signals: Signals, mixture: str, *purpose: str | int
    ) -> tuple[str | int, ...]:
        """Named by the two hypotheses, as their test sets are."""
        return (pool, *pair_name(signals[0], self.null), mixture, *purpose)


def pair_name(benchmark: str, against: str | None) -> tuple[str, ...]:
    """What names a pair of hypotheses in random streams and files."""
    return (benchmark,) if against is None else (benchmark, "against", against)


def _signals(processes: Mapping[str, Process]) -> Signals:
    return tuple(name for name, process in processes.items() if process.role == "signal")


def _no_signal(name: str, processes: Mapping[str, Process]) -> str:
    signals = _signals(processes)
    if name in signals:
        return ""
    if name in processes:
        return f"'{name}' is a background, expected a signal: {', '.join(signals)}"
    hint = nearest(name, signals) or f" (known: {', '.join(signals)})"
    return f"unknown signal '{name}'{hint}"
