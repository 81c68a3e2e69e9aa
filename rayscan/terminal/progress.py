"""What a running scan tells whoever watches it, and how a terminal or a log shows it."""

from __future__ import annotations

import time
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class Reporter(Protocol):
    """Somebody who watches a scan; the command line draws bars, a job writes lines."""

    def begin(self, scan: str) -> None:
        """One of several scans begins; the one before has ended."""

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins; the one before has ended."""

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        """Some of the stage is done, perhaps by an earlier run; ``note`` replaces the last one."""

    def say(self, text: str) -> None:
        """One line the user should see."""


class TerminalReporter:
    """One line per stage with a bar, counts, time left and the best so far.

    Where the output is no terminal (a job's log), each stage writes plain lines instead.

    Args:
        console: Where to.
        plain: Write plain lines; by default where the output is no terminal.
    """

    def __init__(self, console: Console, *, plain: bool | None = None) -> None:
        self._console = console
        self._plain = not console.is_terminal if plain is None else plain
        self._progress = Progress(
            TextColumn("{task.description:<16}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            disable=self._plain,
        )
        self._task: TaskID | None = None
        self._name, self._unit = "", ""
        self._total, self._done, self._earlier = 0, 0, 0
        self._started, self._spoke = 0.0, 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._progress.stop()

    def begin(self, scan: str) -> None:
        """One of several scans begins; the one before has ended."""
        self._close()
        bars = self._progress.tasks
        if bars and not self._plain:  # many scans have more bars than a screen has lines
            self._progress.console.print(self._progress.make_tasks_table(bars))
        for bar in bars:
            self._progress.remove_task(bar.id)
        self._progress.console.print(Text(scan, style="bold"), highlight=False)

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins; the one before has ended."""
        self._close()
        self._name, self._unit, self._total = name, unit, total
        self._done = self._earlier = 0
        self._started = self._spoke = time.monotonic()
        self._task = self._progress.add_task(name, total=total or None, unit=unit, note="")

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        """Some of the stage is done."""
        self._done += count
        self._earlier += count if earlier else 0
        if self._task is not None:
            self._progress.update(self._task, advance=count)
            if note:
                self._progress.update(self._task, note=note)
        now = time.monotonic()
        if self._plain and self._done < self._total and now - self._spoke > 10:
            self._spoke = now
            own = self._done - self._earlier
            left = (now - self._started) / max(own, 1) * (self._total - self._done)
            told = f", {left:.0f} s left" if own > 0 else ""
            tail = f"; {note}" if note else ""
            said = f"{self._name}: {self._done}/{self._total} {self._unit}{told}{tail}"
            self._console.print(Text(said))

    def say(self, text: str) -> None:
        """One line the user should see."""
        self._progress.console.print(Text(text))

    def _close(self) -> None:
        if self._task is None:
            return
        seconds = time.monotonic() - self._started
        self._progress.update(self._task, total=self._done or 1, completed=self._done or 1)
        if self._plain:
            said = f"{self._name}: {self._done} {self._unit} in {seconds:.1f} s"
            self._console.print(Text(said), highlight=False)
        self._task = None
