"""Tables on a screen: they fit, and words are broken only where they must be."""

from __future__ import annotations

import io
from collections import Counter

import pandas as pd
import pytest
from rich.console import Console

from rayscan.terminal import tables as terminal

FRAME = pd.DataFrame(
    {
        "variant": ["base", "descending"],
        "histograms drawn": ["104 M", "3.38 M"],
        "joined": ["alp+" * 30, "spin0_on+" * 20],
        "points": [33, 40],
        "wall time": ["15 min", None],
    }
)


def shown(frame: pd.DataFrame, width: int) -> list[str]:
    text = io.StringIO()
    terminal.show(Console(file=text, width=width), "title", frame)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 200, 400])
def test_a_table_fits_the_screen_and_loses_nothing(width):
    lines = shown(FRAME, width)
    assert max(map(len, lines)) <= width
    drawn = Counter("".join(lines))
    for text in FRAME.fillna("-").map(str).to_numpy().ravel():
        assert not Counter(text.replace(" ", "")) - drawn


@pytest.mark.parametrize("width", [60, 80])
def test_short_words_stay_whole_where_a_long_one_is_broken(width):
    words = set(" ".join(shown(FRAME, width)).split())
    assert {"descending", "histograms", "3.38", "M", "points", "variant", "min"} <= words


def test_a_frame_without_rows_shows_its_columns():
    assert {"a", "b"} <= set(" ".join(shown(pd.DataFrame({"a": [], "b": []}), 40)).split())


MARKUP = ["lim [a]", "[bold]x[/bold]", "[/x]", "a :warning: b", "end\\", "[link=u]v[/link]"]


@pytest.mark.parametrize("name", MARKUP)
def test_names_are_shown_as_they_are_and_not_taken_for_markup(name):
    frame = pd.DataFrame({name: [name], "other": [1.0]})
    text = io.StringIO()
    console = Console(file=text, width=80)
    terminal.show(console, name, frame)
    terminal.warn(console, name)
    lines = [line.rstrip() for line in text.getvalue().splitlines() if line.strip()]
    assert lines[0].strip() == name
    assert lines[1].startswith(f" {name} ")
    assert lines[3].startswith(f" {name} ")
    assert lines[-1] == f"warning: {name}"
