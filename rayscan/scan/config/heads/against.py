"""The binary head against a second signal, of which class 0 holds as many events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayscan.scan.config.heads.base import Found, Single


class Against(Single):
    """Each signal from another one."""

    excludes = False

    @property
    def null(self) -> str | None:
        """The second signal."""
        return self.choice.against

    @property
    def mark(self) -> str:
        """The second signal."""
        return f"-vs-{self.null}"

    place = ("against",)

    def problems(self, sections: Mapping[str, Any]) -> Found:
        """What is wrong with the second signal too."""
        yield from super().problems(sections)
        if self.null in self.choice.benchmarks:
            yield self.place, f"'{self.null}' cannot be told from itself; leave one out"
        elif not self.groups(sections["processes"]):
            yield self.place, "there is no other signal to tell it from"
        if self.choice.is_known and self.choice.reads_events:
            what = "sums log[(B + S r)/(B + S)] over events, which knows one signal only"
            what = f"'{self.choice.name}' {what}"
            yield self.place, f"{what}; expected an architecture of histograms, for example mlp"
        if self.choice.is_known and self.choice.reads_items:
            what = f"'{self.choice.name}' tells items with signal from items of background only"
            yield self.place, f"{what}; expected an architecture of histograms, for example mlp"
