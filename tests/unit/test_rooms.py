"""The map of the house is of today, and no two rooms say the same."""

from __future__ import annotations

import runpy
from collections import Counter
from pathlib import Path

MAKER = runpy.run_path(str(Path(__file__).parents[2] / "jobs" / "make_rooms.py"))


def test_the_map_is_of_today() -> None:
    assert MAKER["MAP"].read_text(encoding="utf-8") == MAKER["rooms"](), "jobs/make_rooms.py"


def test_no_two_modules_say_that_they_are_for_the_same() -> None:
    said = [line.split("|", 2)[2] for line in MAKER["rooms"]().splitlines() if line[:3] == "| `"]
    assert [text for text, count in Counter(said).items() if count > 1] == []
