"""The files of this machine that a pattern names: what exists is meant as it is written."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rayscan.errors import FileUnreadableError

MOST_FOLDERS = 20_000
"""Folders that ``**`` looks into at most: ``/**/x.root`` would never come back."""


def absolute(path: str, base: Path) -> Path:
    """A path from ``base`` on, or from the home that its ``~`` or ``~name`` means.

    Raises:
        FileUnreadableError: There is no such user.
    """
    plain = Path(path)
    if plain.parts and os.path.lexists(base / plain.parts[0]):  # a name that only begins with ~
        return base.absolute() / plain
    try:
        return base.absolute() / plain.expanduser()
    except RuntimeError as error:
        why = "there is no such user, or no home"
        raise FileUnreadableError(path=path, why=why, fix="write the whole path") from error


def matching(pattern: str, base: Path) -> list[str]:
    """Files that a pattern names, in no order; none if there are none.

    A name that exists is itself, whatever is in it: ``run[1]/a_*.root`` is a pattern within the
    folder ``run[1]`` where there is one, and only otherwise one of ``run1``.

    Args:
        pattern: A path with wildcards ``*``, ``?``, ``[...]`` and ``**``, relative to ``base``.
        base: A folder, meant as it is written.

    Raises:
        FileUnreadableError: ``**`` would look into more than `MOST_FOLDERS` folders.
    """
    path, start = absolute(pattern, base), base.absolute()
    start = start if path.is_relative_to(start) else Path(path.anchor)
    parts = path.relative_to(start).parts
    return list({str(found): None for found in _matching(start, parts, pattern)})


def _matching(folder: Path, parts: Sequence[str], pattern: str) -> Iterator[Path]:
    if not parts:
        yield folder
        return
    name, rest = parts[0], parts[1:]
    if os.path.lexists(folder / name):
        yield from _matching(folder / name, rest, pattern)
    elif name == "**":
        for each in _below(folder, pattern):
            if rest:
                yield from _matching(each, rest, pattern)
            else:
                yield from (found for found in _named("*", each) if not found.is_dir())
    elif glob.has_magic(name):
        for found in _named(name, folder):
            yield from _matching(found, rest, pattern)


def _named(name: str, folder: Path) -> Iterator[Path]:
    """What a pattern without folders names in a folder."""
    yield from (folder / each for each in glob.glob(name, root_dir=folder))  # noqa: PTH207 (root)


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    """A folder and all within, hidden ones apart; each once, also where links make a loop."""
    waiting, seen = [folder], set[tuple[int, int]]()
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):  # as a wildcard: what may not be read has no match
            known = here.stat()
            if (known.st_dev, known.st_ino) in seen:
                continue
            seen.add((known.st_dev, known.st_ino))
            with os.scandir(here) as found:
                inside = [Path(e.path) for e in found if e.is_dir() and e.name[0] != "."]
            waiting += sorted(inside, reverse=True)
            yield here
        if len(seen) > MOST_FOLDERS:
            raise FileUnreadableError(
                path=pattern,
                why=f"'**' would look into more than {MOST_FOLDERS:,} folders",
                fix="begin the pattern with the folder of the files",
            )
