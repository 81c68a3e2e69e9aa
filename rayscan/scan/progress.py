"""What a running scan tells whoever watches it: stages, counts, the best so far."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Somebody who watches a scan; the command line draws bars, a job writes lines."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins; the one before has ended."""

    def advance(self, count: int, note: str = "") -> None:
        """Some of the stage is done; ``note`` replaces the last one."""

    def say(self, text: str) -> None:
        """One line the user should see."""
