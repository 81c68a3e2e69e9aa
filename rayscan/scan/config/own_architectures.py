"""Architectures of a scan's own: the files that its choices name, read into the scan.

Workers train and test with them, and may not see the file: what is in it travels with the scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rayscan.errors import MemberError
from rayscan.models.architectures.registry import architecture, architectures
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import Place, regular


def read_into(data: Any, base: Path) -> Iterator[tuple[Place, str]]:
    """Put the text of the file that each ``from: FILE.py:CLASS`` names beside it, as ``code``.

    The values of the scan file are changed in place.

    Yields:
        Place and what is wrong of each architecture that is none.
    """
    choices = data.get("architectures")
    for index, choice in enumerate(choices if isinstance(choices, list) else ()):
        named = isinstance(choice, dict) and isinstance(choice.get("from"), str)
        if named and (why := _read(choice, base)):
            yield ("architectures", index, "from"), why
        elif not named and isinstance(choice, dict) and "code" in choice:
            what = "the text of the file that 'from' names, which is missing"
            yield ("architectures", index, "code"), what


def _read(choice: dict[Any, Any], base: Path) -> str:
    """Why a choice cannot be used, empty where it has its code now."""
    name, place = str(choice.get("name")), choice["from"]
    file, _, wanted = place.rpartition(":")
    if not (file.endswith(".py") and wanted.isidentifier()):
        return f"found '{place}', expected a file beside the scan file and its class: mine.py:MyNet"
    try:
        if "code" not in choice:
            if name in architectures():
                return f"'{name}' is an architecture already; give yours another name"
            choice["code"] = regular(base / file).read_text(encoding="utf-8")
        architecture(name, (place, str(choice["code"])))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not a text file"
        return f"'{file}' cannot be read ({why}); it is looked for from the scan file"
    except MemberError as error:
        return str(error)
    return ""


def named(config: ScanConfig) -> dict[str, str]:
    """The file of each place of the scan file that names one."""
    found = enumerate(choice.from_ for choice in config.architectures)
    return {f"architectures.{i}.from": each.rpartition(":")[0] for i, each in found if each}
