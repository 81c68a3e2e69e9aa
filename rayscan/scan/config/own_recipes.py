"""A user's own recipes, read from the files that a scan file names into the scan itself.

Workers make the events, and may not see the file: what is in it travels with the scan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rayscan.errors import FileUnreadableError
from rayscan.generator import recipes
from rayscan.scan.config.scan import ScanConfig
from rayscan.yaml_text import Place


def read_into(data: Any, base: Path) -> Iterator[tuple[Place, str]]:
    """Put the recipe that each ``generate: {process, recipes}`` names beside it, as ``recipe``.

    Changes the values of the scan file; relative paths start from ``base``, its folder.

    Yields:
        Place and what is wrong of each file that cannot be used.
    """
    processes = data.get("processes")
    for name, process in processes.items() if isinstance(processes, Mapping) else ():
        wanted = process.get("generate") if isinstance(process, Mapping) else None
        if not isinstance(wanted, dict) or "recipe" in wanted:
            continue
        if isinstance(wanted.get("recipes"), str):
            try:
                written = recipes.own_values(base / wanted["recipes"])
            except FileUnreadableError as error:
                yield ("processes", name, "generate", "recipes"), str(error)
            else:
                if wanted.get("process") in written:
                    wanted["recipe"] = written[wanted["process"]]


def named(config: ScanConfig) -> dict[str, str]:
    """The file of recipes of each place of the scan file that names one."""
    made = {name: process.generate for name, process in config.processes.items()}
    found = {name: each.recipes for name, each in made.items() if each and each.recipes}
    return {f"processes.{name}.generate.recipes": file for name, file in found.items()}
