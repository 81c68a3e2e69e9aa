"""The multiclass head: one classifier with a class for the background and for each signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayscan.results.names import BACKGROUND, UNDECIDED
from rayscan.scan.config.heads.base import Found, Head, Signals


class Multiclass(Head):
    """Each of its signals from the others and from the background."""

    joint = True
    excludes = False
    test = "classes"

    at_each_strength = True
    """At another strength than that of its training a signal looks like a harder or softer one
    (four signals, trained at S/sqrt(B) = 1 and tested at 4: AUC of spin-0 against the others 0.69,
    where 0.89 can be reached)."""

    def classes(self, signals: Signals) -> tuple[Signals, ...]:
        """The background, and each signal."""
        return (), *((name,) for name in signals)

    def sets(self, benchmarks: int) -> int:  # noqa: ARG002
        """All hypotheses are one."""
        return 1

    def hypotheses(self, benchmarks: int) -> int:
        """The background, and each benchmark."""
        return benchmarks + 1

    def problems(self, sections: Mapping[str, Any]) -> Found:
        """What is wrong with the names of classes too."""
        yield from super().problems(sections)
        for name in (BACKGROUND, UNDECIDED):
            if name in sections["processes"]:
                what = f"a process is called '{name}', as a row of the table multiclass is"
                yield self.place, what
