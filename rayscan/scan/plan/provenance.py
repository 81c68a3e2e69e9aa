"""Where the numbers come from: scan file, versions, code and inputs, as rows of `provenance`."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from rayscan import places
from rayscan.generator.generate import Generated
from rayscan.keys import RESULTS_VERSION, digest
from rayscan.scan.config.given import dump
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.inputs import Inputs
from rayscan.scan.pools.reading import Reading

_PACKAGES = (
    "rayscan",
    "ray",
    "optuna",
    "tensorflow",
    "keras",
    "scikit-learn",
    "numpy",
    "scipy",
    "uproot",
    "awkward",
    "pyarrow",
    "pandas",
    "pyhf",
    "pythia8mc",
    "fastjet",
)
_PROBE = 1 << 20


def provenance_rows(
    config: ScanConfig,
    inputs: Inputs,
    generated: Mapping[str, Sequence[Generated]],
    reading: Reading,
) -> list[dict[str, Any]]:
    """Rows of the table `provenance`."""
    return [
        {"kind": "scan", "name": "scan file", "value": dump(config)},
        {"kind": "scan", "name": "seed", "value": str(config.seed)},
        {"kind": "scan", "name": "results version", "value": str(RESULTS_VERSION)},
        {"kind": "version", "name": "python", "value": platform.python_version()},
        *_versions(),
        *_commit(),
        *_own(config),
        *_inputs(inputs, reading),
        *_generated(generated),
    ]


def _versions() -> Iterator[dict[str, Any]]:
    for package in _PACKAGES:
        try:
            version = metadata.version(package)
        except metadata.PackageNotFoundError:
            version = "not installed"
        yield {"kind": "version", "name": package, "value": version}


def _commit() -> Iterator[dict[str, Any]]:
    """The git commit of the code, where it runs from a checkout."""
    here = Path(__file__)
    try:
        # An installed copy may lie inside a repository that is not this code's.
        _git("ls-files", "--error-unmatch", here.name, folder=here.parent)
        found = _git("describe", "--always", "--dirty", "--abbrev=40", folder=here.parent)
    except (OSError, subprocess.CalledProcessError):
        return
    yield {"kind": "code", "name": "git commit", "value": found}


def _own(config: ScanConfig) -> Iterator[dict[str, Any]]:
    """The files that architectures of the scan's own are from."""
    for place, text in dict(filter(None, (each.origin for each in config.architectures))).items():
        yield {"kind": "code", "name": place, "value": f"BLAKE2b {digest(text)}"}


def _git(*arguments: str, folder: Path) -> str:
    command = ["git", *arguments]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _inputs(inputs: Inputs, reading: Reading) -> Iterator[dict[str, Any]]:
    read = {(file.process, file.path): file for file in reading.files}
    for entry in inputs.files:
        file = read[entry.process, entry.file.path]
        yield {
            "kind": "input",
            "name": f"{entry.process}/{entry.name}",
            "value": entry.file.path,
            "bytes": entry.file.bytes,
            "entries": entry.file.entries,
            "checksum": checksum(entry.file.path),
            "weight_branch": file.weight,
            "mean_weight": file.flow.weights.mean,
            "broken_events": file.flow.broken,
        }
    yield {
        "kind": "events",
        "name": "compared",
        "value": f"{reading.compared} of {reading.selected} selected events hold enough to be "
        "known by it; none of them was read twice",
        "entries": reading.compared,
    }
    for path, why in inputs.broken:
        yield {"kind": "broken", "name": path, "value": why}


def checksum(path: str | Path) -> str:
    """BLAKE2b of the first and last MiB and the size of a file: cheap for files of any size."""
    size = places.size_of(str(path))
    summary = hashlib.blake2b(str(size).encode(), digest_size=16)
    with places.reading(str(path)) as stream:
        summary.update(stream.read(_PROBE))
        stream.seek(max(size - _PROBE, 0))
        summary.update(stream.read(_PROBE))
    return summary.hexdigest()


def _generated(generated: Mapping[str, Sequence[Generated]]) -> Iterator[dict[str, Any]]:
    for process, files in generated.items():
        first = files[0]
        yield {
            "kind": "generated",
            "name": process,
            "value": f"source: {first.source}; " + "; ".join(first.settings),
            "entries": sum(file.events for file in files),
        }
