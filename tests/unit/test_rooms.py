"""The map of the house names every module, with the first line of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for path in (ROOT / "rayscan").rglob("*.py") if path.name != "__init__.py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_map_says_what_a_module_is_for(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    assert docstring is not None
    line = docstring.splitlines()[0].replace("|", "\\|")
    house = (ROOT / "docs" / "rooms.md").read_text(encoding="utf-8")
    assert f"| `{module.name}` | {line} |" in house
