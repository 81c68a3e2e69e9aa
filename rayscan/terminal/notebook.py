"""A running scan in a Jupyter notebook: one display, drawn anew as its bars move."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console

from rayscan.terminal.progress import TerminalReporter

_PAUSE = 0.2  # seconds between two drawings of one stage
_WIDTH = 100


def watcher() -> TerminalReporter:
    """Who shows a scan here: bars in a terminal, a display in a notebook, quiet lines in a log."""
    console = Console()
    return NotebookReporter(_display()) if console.is_jupyter else TerminalReporter(console)


def _display() -> Callable[[str], None]:
    """Show a text, in place of the one shown before."""
    from IPython.display import display  # noqa: PLC0415 - there is one in every notebook

    handle = display({"text/plain": ""}, raw=True, display_id=True)
    return lambda text: handle.update({"text/plain": text}, raw=True)


class NotebookReporter(TerminalReporter):
    """The lines and bars of a terminal as one text that is shown again and again.

    Args:
        show: Shows a text in place of the one before.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._drawn = show, 0.0
        self._text = io.StringIO()
        console = Console(file=self._text, width=_WIDTH, color_system=None, force_jupyter=False)
        super().__init__(console, plain=False)

    def __enter__(self) -> Self:
        return self

    def begin(self, scan: str) -> None:
        """One of several scans begins; the one before has ended."""
        super().begin(scan)
        self._draw()

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins; the one before has ended."""
        super().stage(name, total, unit)
        self._draw()

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        """Some of the stage is done."""
        super().advance(count, note, earlier=earlier)
        if time.monotonic() - self._drawn > _PAUSE:
            self._draw()

    def say(self, text: str) -> None:
        """One line the user should see."""
        super().say(text)
        self._draw()

    def _close(self) -> None:
        super()._close()
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        with self._console.capture() as bars:
            self._console.print(self._progress.make_tasks_table(self._progress.tasks))
        lines = f"{self._text.getvalue()}{bars.get()}".splitlines()
        self._show("\n".join(line.rstrip() for line in lines if line.strip()))
