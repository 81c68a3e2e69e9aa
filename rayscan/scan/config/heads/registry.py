"""Heads: a family. Which there are, which an architecture has, and what all of a scan train on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rayscan.errors import MemberError
from rayscan.registry import Family
from rayscan.scan.config.heads.base import Found, Head, Signals

if TYPE_CHECKING:
    from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig


def _made(name: str, found: object) -> type[Head]:
    if not (isinstance(found, type) and issubclass(found, Head)):
        why = f"expected a class of {Head.__module__}.Head, found {found!r}"
        raise MemberError(what="head", name=name, why=why)
    return found


HEADS: Family[type[Head]] = Family(
    "head",
    {
        "binary": "rayscan.scan.config.heads.binary:Binary",
        "multimodel": "rayscan.scan.config.heads.multimodel:Multimodel",
        "multiclass": "rayscan.scan.config.heads.multiclass:Multiclass",
    },
    _made,
)


def head_of(choice: ArchitectureChoice) -> Head:
    """The head of an architecture."""
    return HEADS[choice.head].of(choice)


def groups(config: ScanConfig) -> tuple[Signals, ...]:
    """Signals that a classifier is trained on, in a stable order: single ones, then joint ones."""
    found = [group for choice in config.architectures for group in trained(config, choice)]
    single = [(name,) for name in config.benchmarks if (name,) in found]
    return tuple(dict.fromkeys([*single, *(group for group in found if len(group) > 1)]))


def trained(config: ScanConfig, choice: ArchitectureChoice) -> tuple[Signals, ...]:
    """The signals of each classifier of an architecture."""
    return head_of(choice).groups(config.processes)


def second_signals(config: ScanConfig) -> tuple[str, ...]:
    """Signals that some head has in class 0."""
    found = (head_of(choice).null for choice in config.architectures)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def head_problems(sections: Mapping[str, Any]) -> Found:
    """What is wrong with the heads of a scan file, each with its place.

    ``sections`` are the top-level keys that could be read.
    """
    for index, choice in enumerate(sections.get("architectures", ())):
        for place, what in head_of(choice).problems(sections) if "processes" in sections else ():
            yield ("architectures", index, *place), what
