"""A classifier on disk: one JSON description and one .npz of plain arrays, never a pickle."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rayscan.errors import FileUnreadableError
from rayscan.models.networks.inputs import Input

FORMAT = 1
DESCRIPTION = "classifier.json"
WEIGHTS = "weights.npz"

Array = npt.NDArray[Any]


class Arrays(dict[str, Array]):
    """The arrays of a folder by name; FileUnreadableError for one that is not there."""

    def __init__(self, folder: Path, arrays: Mapping[str, Array]) -> None:
        super().__init__(arrays)
        self._folder = folder

    def __missing__(self, name: str) -> Array:
        raise unreadable(self._folder, f"no array '{name}' in {WEIGHTS}")


def unreadable(folder: Path, why: str) -> FileUnreadableError:
    """The error for a folder that is no classifier of this version."""
    fix = "give a folder written by Classifier.save of this version of rayscan"
    return FileUnreadableError(path=str(folder), why=why, fix=fix)


def write(
    folder: Path,
    *,
    architecture: str,
    arrays: Mapping[str, Array],
    description: Mapping[str, Any] | None = None,
) -> None:
    """Write a classifier; the description comes last, so a folder that has one is whole."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    named: dict[str, Any] = dict(arrays)
    np.savez(folder / WEIGHTS, **named)
    body = {"format": FORMAT, "architecture": architecture, **(description or {})}
    (folder / DESCRIPTION).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")


def read_description(folder: Path) -> dict[str, Any]:
    """The JSON of a classifier.

    Raises:
        FileUnreadableError: Missing, not JSON, or of another format.
    """
    try:
        body = json.loads((Path(folder) / DESCRIPTION).read_text())
    except (OSError, ValueError) as error:
        raise unreadable(folder, f"no readable {DESCRIPTION} ({error})") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise unreadable(folder, f"{DESCRIPTION} is not of format {FORMAT}")
    return body


def carry(folder: Path, origin: tuple[str, str] | None) -> None:
    """Add the file and class, and the text of the file, that an architecture was made of."""
    if origin is not None:
        body = read_description(folder) | {"origin": origin}
        (Path(folder) / DESCRIPTION).write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")


def architecture_of(folder: Path) -> tuple[str, tuple[str, str] | None]:
    """The name of the architecture that wrote a folder, and what `carry` added."""
    body = read_description(folder)
    place, text = body.get("origin", (None, None))
    return str(body.get("architecture", "")), None if place is None else (place, text)


def read(folder: Path, *entries: str) -> tuple[dict[str, Any], Arrays]:
    """Description, which must have these entries, and arrays of a classifier.

    Raises:
        FileUnreadableError: Something is missing, broken, or would need a pickle.
    """
    body = read_description(folder)
    for entry in entries:
        if entry not in body:
            raise unreadable(folder, f"{DESCRIPTION} has no '{entry}'")
    try:
        # Opened here: of a file it cannot read numpy forgets to close its own handle.
        with (Path(folder) / WEIGHTS).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return body, Arrays(folder, {name: file[name] for name in file.files})
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise unreadable(folder, f"no readable {WEIGHTS} ({error})") from error


def network_arrays(seen: Input, weights: list[Array]) -> dict[str, Array]:
    """Input transform and weights of a network as named arrays."""
    named = {f"weight_{i}": array for i, array in enumerate(weights)}
    return {"mean": seen.mean, "scale": seen.scale, **named, "how": np.array(seen.how)}


def network_of(arrays: Arrays) -> tuple[Input, list[Array]]:
    """The reverse of ``network_arrays``."""
    how: Any = str(arrays["how"])
    seen = Input(how, arrays["mean"], arrays["scale"])
    count = sum(name.startswith("weight_") for name in arrays)
    return seen, [arrays[f"weight_{i}"] for i in range(count)]
