"""Everything about a scan that can be checked in seconds, without Ray or TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rayscan.errors import ConfigError, Problem, RayscanError
from rayscan.events import generate
from rayscan.scan.config import ScanConfig
from rayscan.scan.inputs import Inputs, open_inputs
from rayscan.scan.scan_file import load_scan, with_lines
from rayscan.scan.storage import Storage


@dataclass(frozen=True, slots=True)
class Checked:
    """A scan without problems, its opened inputs, and a line for each process."""

    config: ScanConfig
    inputs: Inputs
    lines: tuple[str, ...]


def check_scan(path: Path) -> Checked:
    """Read a scan file, open its inputs, and see that results can be written.

    Raises:
        ConfigError: with every problem found.
    """
    config = load_scan(path)
    problems: list[Problem] = []
    inputs = Inputs(files=())
    try:
        inputs = open_inputs(config, base=path.parent)
    except ConfigError as error:
        problems += error.problems
    problems += _generators(config)
    try:
        Storage(config.storage).check_writable()
    except RayscanError as error:
        problems.append(Problem(where="storage", what=str(error)))
    if problems:
        raise ConfigError(path=str(path), problems=with_lines(path, problems))
    return Checked(config, inputs, tuple(_line(config, inputs, n) for n in config.processes))


def _generators(config: ScanConfig) -> list[Problem]:
    why = generate.available()
    wanted = [
        name
        for name, process in config.processes.items()
        if process.generate is not None and process.generate.source == "pythia"
    ]
    if why is None or not wanted:
        return []
    return [
        Problem(
            where=f"processes.{name}.generate",
            what=f"{why}, or write 'source: density' to sample the shipped density instead",
        )
        for name in wanted
    ]


def _line(config: ScanConfig, inputs: Inputs, name: str) -> str:
    process = config.processes[name]
    if process.generate is not None:
        made = process.generate
        return f"{name}: {made.events} events to generate ({made.process}, {made.source})"
    files = inputs.of(name)
    entries = sum(entry.file.entries for entry in files)
    size = sum(entry.file.bytes for entry in files) / 1e6
    return f"{name}: {len(files)} files, {entries} events, {size:.1f} MB"
