"""Write docs/rooms.md, the map of the house, from the docstrings of packages and modules.

python jobs/make_rooms.py
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAP = ROOT / "docs" / "rooms.md"

_HEAD = """# The rooms of the house

What each module is for, in its own first line; written by `python jobs/make_rooms.py`. There are
two halves: `scan/` runs, `report/` reads, and they meet in `results/`. Imports go down only, in
the order that `lint-imports` holds (`pyproject.toml`); only `cluster/` imports Ray and Optuna.
"""


def rooms(root: Path = ROOT) -> str:
    """The whole map as Markdown."""
    folders = sorted({path.parent for path in (root / "rayscan").rglob("*.py")})
    return "\n".join([_HEAD, *(line for folder in folders for line in _room(root, folder))])


def _room(root: Path, folder: Path) -> Iterator[str]:
    yield f"## `{folder.relative_to(root)}/`\n"
    yield f"{_first_line(folder / '__init__.py')}\n"
    modules = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
    if modules:
        yield "| module | what it is for |\n|---|---|"
        yield from (f"| `{path.name}` | {_first_line(path)} |" for path in modules)
        yield ""


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    if docstring is None:
        raise SystemExit(f"{path} says in no docstring what it is for")
    return docstring.splitlines()[0].replace("|", "\\|")


if __name__ == "__main__":
    MAP.write_text(rooms(), encoding="utf-8")
