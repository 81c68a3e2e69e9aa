"""The columns as documented: in docs/tables.md, and readable from old files."""

from __future__ import annotations

from pathlib import Path

from rayscan.results.tables.base import markdown
from rayscan.results.tables.registry import LAYOUTS


def test_the_page_has_every_column_of_every_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tables.md").read_text(encoding="utf-8")
    assert markdown(LAYOUTS.values()).rstrip() in page


def test_every_column_has_a_meaning_and_every_key_is_a_column() -> None:
    for layout in LAYOUTS.values():
        names = [column.name for column in layout.columns]
        assert len(set(names)) == len(names)
        assert set(layout.key) | set(layout.measured) <= set(names)
        assert all(column.meaning for column in layout.columns)
