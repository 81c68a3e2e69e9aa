"""What a terminal and a log show of several scans."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from rayscan.terminal.progress import TerminalReporter


def shown(*, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, height=8)
    with TerminalReporter(console) as reporter:
        for number in range(1, 4):
            reporter.begin(f"toy.v{number} ({number} of 3)")
            for stage in ("read events", "train", "limits"):
                reporter.stage(stage, 5, "things")
                reporter.advance(5)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())


def test_a_log_has_the_name_of_each_scan_before_its_stages():
    lines = shown(terminal=False).splitlines()
    assert lines[0] == "toy.v1 (1 of 3)"
    assert [line.split(":")[0] for line in lines[1:5]] == [
        "read events",
        "train",
        "limits",
        "toy.v2 (2 of 3)",
    ]
    assert len(lines) == 12


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_terminal_keeps_the_bars_of_a_scan_under_its_name(number):
    text = shown(terminal=True)
    after = text.split(f"toy.v{number} ({number} of 3)")[1]
    assert all(stage in after for stage in ("read events", "train", "limits"))
    # More bars than the screen has lines would be cut off.
    assert "..." not in text


@pytest.mark.parametrize("terminal", [True, False])
def test_names_with_brackets_are_no_markup(terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, height=8, color_system=None)
    with TerminalReporter(console) as reporter:
        reporter.begin("lim [a]")
        reporter.stage("read [b]", 5, "things [c]")
        reporter.advance(5, "best [d]")
        reporter.say("[/e] stopped: x[1].root :warning:")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())
    assert "lim [a]" in text
    assert "read [b]" in text
    assert "things [c]" in text
    assert "[/e] stopped: x[1].root :warning:" in text
    assert ("best [d]" in text) == terminal
