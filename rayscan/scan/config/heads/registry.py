"""Heads: which signals a classifier is trained on together, and what it tells them from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rayscan.errors import nearest
from rayscan.models.architectures.registry import architectures
from rayscan.results.names import BACKGROUND, UNDECIDED
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.yaml_text import Place

Signals = tuple[str, ...]


def groups(config: ScanConfig) -> tuple[Signals, ...]:
    """Signals that a classifier is trained on, in a stable order: single ones, then joint ones."""
    found = [group for choice in config.architectures for group in trained(config, choice)]
    single = [(name,) for name in config.benchmarks if (name,) in found]
    return tuple(dict.fromkeys([*single, *(group for group in found if len(group) > 1)]))


def trained(config: ScanConfig, choice: ArchitectureChoice) -> tuple[Signals, ...]:
    """The signals of each classifier of an architecture.

    A binary head has one classifier for each of its benchmarks (but the one it is trained against),
    a head of several benchmarks one for all of them.
    """
    names = _chosen(config.processes, choice)
    if choice.is_joint:
        return (names,)
    return tuple((name,) for name in names if name != choice.against)


def _chosen(processes: Mapping[str, Process], choice: ArchitectureChoice) -> Signals:
    """The benchmarks of an architecture in the order of the processes."""
    signals = [name for name, process in processes.items() if process.role == "signal"]
    if choice.benchmarks:
        return tuple(name for name in signals if name in choice.benchmarks)
    return tuple(n for n in signals if not (choice.is_joint and processes[n].held_out))


def head_problems(sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What is wrong with the heads of a scan file, each with its place.

    Args:
        sections: The top-level keys of the scan file that could be read.
    """
    if "processes" not in sections:
        return
    for index, choice in enumerate(sections.get("architectures", ())):
        for check in (_names, _against, _architecture, _joint, _objective):
            for place, what in check(choice, sections):
                yield ("architectures", index, *place), what


def _names(choice: ArchitectureChoice, sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    processes = sections["processes"]
    for index, name in enumerate(choice.benchmarks):
        if why := _no_signal(name, processes):
            yield ("benchmarks", index), why
        elif choice.benchmarks.index(name) < index:
            yield ("benchmarks", index), f"'{name}' is named twice; remove one"
    if choice.against is not None and (why := _no_signal(choice.against, processes)):
        yield ("against",), why


def _no_signal(name: str, processes: Mapping[str, Process]) -> str:
    signals = [n for n, process in processes.items() if process.role == "signal"]
    if name in signals:
        return ""
    if name in processes:
        return f"'{name}' is a background, expected a signal: {', '.join(signals)}"
    hint = nearest(name, signals) or f" (known: {', '.join(signals)})"
    return f"unknown signal '{name}'{hint}"


def _against(
    choice: ArchitectureChoice, sections: Mapping[str, Any]
) -> Iterator[tuple[Place, str]]:
    if choice.against is None:
        return
    if choice.is_joint:
        yield ("against",), f"a {choice.head} head has the background as class 0; remove"
    elif choice.against in choice.benchmarks:
        yield ("against",), f"'{choice.against}' cannot be told from itself; leave one out"
    elif not set(_chosen(sections["processes"], choice)) - {choice.against}:
        yield ("against",), "there is no other signal to tell it from"
    known = architectures()
    if choice.name in known and known[choice.name].reads == "events":
        what = f"'{choice.name}' sums log[(B + S r)/(B + S)] over events, which knows one signal"
        yield ("against",), f"{what} only; expected an architecture of histograms, for example mlp"


def _architecture(
    choice: ArchitectureChoice,
    sections: Mapping[str, Any],  # noqa: ARG001
) -> Iterator[tuple[Place, str]]:
    known = architectures()
    if choice.name in known and choice.head not in known[choice.name].heads:
        able = ", ".join(name for name in known if choice.head in known[name].heads)
        yield ("head",), f"'{choice.name}' has no {choice.head} head; those that have: {able}"


def _joint(choice: ArchitectureChoice, sections: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    if not choice.is_joint:
        return
    names = _chosen(sections["processes"], choice)
    if len(names) < 2:
        found = f"found {', '.join(names) or 'none'}"
        yield ("head",), f"a {choice.head} head needs at least two signals to train on, {found}"
    if "mixtures" in sections and sections["mixtures"].cross_section is not None:
        what = "gives each signal a number of events of its own; give s_over_sqrt_b, s_over_b or"
        yield ("head",), f"mixtures.cross_section {what} signal for a {choice.head} head"
    if choice.head == "multiclass":
        yield from _reserved(sections["processes"])


def _reserved(names: Sequence[str] | Mapping[str, Process]) -> Iterator[tuple[Place, str]]:
    for name in (BACKGROUND, UNDECIDED):
        if name in names:
            yield ("head",), f"a process is called '{name}', as a row of the table multiclass is"


def _objective(
    choice: ArchitectureChoice, sections: Mapping[str, Any]
) -> Iterator[tuple[Place, str]]:
    objective = sections["search"].objective if "search" in sections else "auc"
    of_one_signal = objective in {"significance", "limit"}
    if choice.searches and of_one_signal and (choice.is_joint or choice.against is not None):
        place = "head" if choice.is_joint else "against"
        what = "is of one signal over the background; search for auc or loss"
        yield (place,), f"search.objective: {objective} {what}"
