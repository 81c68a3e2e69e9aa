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
from rayscan.models.inputs import Input

FORMAT = 1
DESCRIPTION = "classifier.json"
WEIGHTS = "weights.npz"

Array = npt.NDArray[Any]


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
    """Write a classifier; the description comes last, so a folder that has one is whole.

    Args:
        folder: Made if absent.
        architecture: Name by which ``load`` finds the architecture again.
        arrays: Plain numeric arrays by name.
        description: What JSON can hold: shape, knobs.
    """
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


def architecture_of(folder: Path) -> str:
    """The name of the architecture that wrote a folder."""
    return str(read_description(folder).get("architecture", ""))


def read(folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Description and arrays of a classifier.

    Raises:
        FileUnreadableError: Something is missing, broken, or would need a pickle.
    """
    body = read_description(folder)
    try:
        with np.load(Path(folder) / WEIGHTS, allow_pickle=False) as file:
            return body, {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise unreadable(folder, f"no readable {WEIGHTS} ({error})") from error


def network_arrays(seen: Input, weights: list[Array]) -> dict[str, Array]:
    """Input transform and weights of a network as named arrays."""
    named = {f"weight_{i}": array for i, array in enumerate(weights)}
    return {"mean": seen.mean, "scale": seen.scale, **named, "how": np.array(seen.how)}


def network_of(folder: Path, arrays: Mapping[str, Array]) -> tuple[Input, list[Array]]:
    """The reverse of ``network_arrays``.

    Raises:
        FileUnreadableError: An array is missing.
    """
    try:
        seen = Input(str(arrays["how"]), arrays["mean"], arrays["scale"])  # type: ignore[arg-type]
        count = sum(name.startswith("weight_") for name in arrays)
        return seen, [arrays[f"weight_{i}"] for i in range(count)]
    except KeyError as error:
        raise unreadable(folder, f"no array {error} in {WEIGHTS}") from error
