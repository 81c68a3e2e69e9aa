"""The binary head: a classifier for each signal, told from background only or from a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayscan.scan.config.heads.against import Against
from rayscan.scan.config.heads.base import Head, Signals, Single

if TYPE_CHECKING:
    from rayscan.scan.config.scan import ArchitectureChoice


class Binary(Single):
    """Each signal from background only."""

    mark = ""

    @property
    def excludes(self) -> bool:
        """Of histograms and events: limits know no items, which are of one number of events."""
        return not (self.choice.is_known and self.choice.reads_items)

    @classmethod
    def of(cls, choice: ArchitectureChoice) -> Head:
        """The head itself, or that against a signal where one is given."""
        return cls(choice) if choice.against is None else Against(choice)

    def key(self, signals: Signals) -> tuple[str | None, ...]:  # noqa: ARG002
        """Nothing."""
        return ()
