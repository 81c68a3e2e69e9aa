"""One table of ratios to the plain way, printed after the benchmarks have run.

    python -m pytest tests/benchmarks             minutes
    python -m pytest tests/benchmarks -m slow     3,000 members, two workers, all of pyhf

Every benchmark adds its rows to the fixture ``table``. Costs are CPU seconds unless the row says
otherwise, medians of interleaved rounds; a ratio that is below its goal is flagged, not failed,
for the machine may be shared.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

# One thread: idle BLAS threads that spin would be counted as CPU seconds of the plain way.
for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HEADER = ("path", "plain way", "product", "ratio", "goal", "", "equal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One path of the product against the plain way.

    Attributes:
        path: What is done.
        plain: Cost of the plain way; None where the goal is a cost, not a ratio.
        product: Cost of the product.
        unit: Of both.
        goal: Least ratio, or greatest cost where there is no plain way; None without one.
        equal: How the two were found equal.
    """

    path: str
    product: float
    unit: str
    plain: float | None = None
    goal: float | None = None
    equal: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.plain is None else self.plain / self.product

    @property
    def flag(self) -> str:
        if self.goal is None:
            return ""
        met = self.product <= self.goal if self.ratio is None else self.ratio >= self.goal
        return "met" if met else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        goal = "" if self.goal is None else f"{self.goal:,g}"
        if goal:
            goal = f"<= {goal} {self.unit}" if self.plain is None else f"x {goal}"
        return (
            self.path,
            "" if self.plain is None else f"{_number(self.plain)} {self.unit}",
            f"{_number(self.product)} {self.unit}",
            "" if self.ratio is None else f"x {self.ratio:,.{1 if self.ratio < 100 else 0}f}",
            goal,
            self.flag,
            self.equal,
        )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@dataclass(slots=True)
class Table:
    """The rows of one run."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, path: str, **columns: object) -> Row:
        row = Row(path=path, **columns)
        self.rows.append(row)
        return row

    def note(self, text: str) -> None:
        self.notes.append(text)

    def lines(self) -> list[str]:
        cells = [HEADER, *(row.cells for row in self.rows)]
        widths = [max(len(line[k]) for line in cells) for k in range(len(HEADER))]
        right = (1, 2, 3, 4)
        return [
            "  ".join(
                text.rjust(width) if k in right else text.ljust(width)
                for k, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]


_TABLE = pytest.StashKey[Table]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.option.benchmark_quiet = True  # one table, not two
    config.stash[_TABLE] = Table()


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Where benchmarks leave their rows."""
    return pytestconfig.stash[_TABLE]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash[_TABLE]
    if not found.rows:
        return
    terminalreporter.section("cost of the plain way over that of the product (CPU time)")
    for line in [*found.lines(), *(f"note: {note}" for note in found.notes)]:
        terminalreporter.write_line(line)


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


Medians = Callable[..., list[float]]


@pytest.fixture(scope="session")
def medians() -> Medians:
    """Median CPU seconds of several ways, whose rounds alternate."""

    def measured(*ways: Callable[[], object], rounds: int = 5) -> list[float]:
        spent: Sequence[list[float]] = [[cpu(way) for way in ways] for _ in range(rounds)]
        return [statistics.median(column) for column in zip(*spent, strict=True)]

    return measured
