"""Every input file of a scan, opened and checked before any compute is spent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from rayscan import places
from rayscan.errors import (
    ConfigError,
    DuplicateInputError,
    FileUnreadableError,
    InputError,
    Problem,
    StorageError,
    TreeMissingError,
)
from rayscan.events import formats
from rayscan.events.formats import EventFile, Slice
from rayscan.events.observables import names as observables
from rayscan.events.weights import NONE, branch_of, chosen
from rayscan.keys import digest
from rayscan.scan.config.process import Process
from rayscan.scan.config.scan import ScanConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One readable input file of one process.

    Event identity calls it by its ``name``: short, and the same wherever the folder lies.
    """

    process: str
    name: str
    file: EventFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The input files of a scan; ``broken`` ones (path, why) only with ``skip_broken_files``."""

    files: tuple[InputFile, ...]
    broken: tuple[tuple[str, str], ...] = ()

    def of(self, process: str) -> tuple[InputFile, ...]:
        """The files of one process."""
        return tuple(f for f in self.files if f.process == process)

    @property
    def entries(self) -> dict[str, int]:
        """Entries of the files of each process."""
        names = dict.fromkeys(f.process for f in self.files)
        return {name: sum(f.file.entries for f in self.of(name)) for name in names}


def open_inputs(
    config: ScanConfig, *, base: Path, generated: Mapping[str, tuple[str, ...]] | None = None
) -> Inputs:
    """Open every input file and look whether it has what the scan needs.

    Args:
        config: The scan.
        base: Folder that relative patterns start from (that of the scan file).
        generated: Paths or URLs of the files made for processes that are generated; processes
            that are not in it yet are left out.

    Raises:
        ConfigError: with every problem of every file.
    """
    files: list[InputFile] = []
    problems: list[Problem] = []
    broken: list[tuple[str, str]] = []
    needs = observables.needs(config.read, config.selection.objects)
    for name, process in config.processes.items():
        paths, missing = _paths(process, base, (generated or {}).get(name, ()))
        problems += [Problem(where=f"processes.{name}.files", what=why) for why in missing]
        labels = short_names(paths)
        for path in paths:
            try:
                file = formats.inspect(path, tree=process.tree)
                weight = chosen(path, file.branches, process.weight)
                own = {} if weight == NONE else {branch_of(weight)[0]: ""}
                formats.require(file, own | dict(needs))
            except (FileUnreadableError, TreeMissingError) as error:
                broken.append((path, str(error)))
                problems.append(Problem(where=f"processes.{name}", what=str(error)))
            except (InputError, StorageError) as error:
                problems.append(Problem(where=f"processes.{name}", what=str(error)))
            else:
                files.append(InputFile(process=name, name=labels[path], file=file))
    problems += [Problem(where="processes", what=str(e)) for e in _copies(files)]
    problems += _unlike(config, files)
    whole = [p for p in problems if not _may_skip(config, p, broken, files)]
    if whole:
        raise ConfigError(path=config.name, problems=tuple(whole))
    return Inputs(files=tuple(files), broken=tuple(broken))


Opened: TypeAlias = tuple[Inputs, tuple[Problem, ...]]
"""Inputs of a scan, and what is wrong with them; of files with problems there are none."""


def open_each(scans: Mapping[str, ScanConfig], base: Path) -> dict[str, Opened]:
    """The inputs of a scan and its variants by name; equal ones are opened once."""
    opened: dict[str, Opened] = {}
    keys = {
        name: digest(each.processes, each.read, each.selection.objects, each.skip_broken_files)
        for name, each in scans.items()
    }
    for name, key in keys.items():
        if key not in opened:
            try:
                opened[key] = open_inputs(scans[name], base=base), ()
            except ConfigError as error:
                opened[key] = Inputs(files=()), error.problems
    return {name: opened[key] for name, key in keys.items()}


def _may_skip(
    config: ScanConfig,
    problem: Problem,
    broken: list[tuple[str, str]],
    files: list[InputFile],
) -> bool:
    """A broken file may be left out if the user said so and its process has others."""
    process = problem.where.removeprefix("processes.")
    return (
        config.skip_broken_files
        and any(why == problem.what for _, why in broken)
        and any(f.process == process for f in files)
    )


def _paths(
    process: Process, base: Path, generated: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """The files of a process, each once, and what is wrong with each pattern that names none."""
    if process.generate is not None:
        return generated, []
    found: dict[str, None] = {}
    wrong: list[str] = []
    for pattern in process.files:
        try:
            found |= dict.fromkeys(places.expand(pattern, base))
        except (FileUnreadableError, StorageError) as error:
            wrong.append(str(error))
    return tuple(found), wrong


def without(config: ScanConfig, inputs: Inputs, broken: Sequence[tuple[str, str]]) -> Inputs:
    """The inputs without files (path, why) that turned out broken only when their events were read.

    Raises:
        ConfigError: naming every broken file, unless `skip_broken_files` is set and each process
            has other files; files that were generated are made again, never skipped.
    """
    why = dict(broken)
    left = tuple(entry for entry in inputs.files if entry.file.path not in why)
    problems = [
        Problem(where=f"processes.{entry.process}", what=_mended(config, entry, why))
        for entry in inputs.files
        if entry.file.path in why
        and not (
            config.skip_broken_files
            and config.processes[entry.process].generate is None
            and any(other.process == entry.process for other in left)
        )
    ]
    if problems:
        raise ConfigError(path=config.name, problems=tuple(problems))
    return replace(inputs, files=left, broken=(*inputs.broken, *sorted(why.items())))


def _mended(config: ScanConfig, entry: InputFile, why: Mapping[str, str]) -> str:
    what = why[entry.file.path]
    if config.processes[entry.process].generate is not None:
        return f"{what} (this one was generated: remove it, and the next run makes it again)"
    return f"{what} (or set skip_broken_files: true, if the process has other files)"


def short_names(paths: tuple[str, ...]) -> dict[str, str]:
    """The shortest tails of paths that tell them apart, so that moving a folder moves no event.

    >>> short_names(("/a/x/1.root", "/a/y/1.root"))
    {'/a/x/1.root': 'x/1.root', '/a/y/1.root': 'y/1.root'}
    >>> short_names(("s3://bucket/a/1.root?region=eu-central-1",))
    {'s3://bucket/a/1.root?region=eu-central-1': '1.root'}
    """
    parts = {place: places.tail(place) for place in paths}
    longest = max((len(each) for each in parts.values()), default=0)
    for depth in range(1, longest + 1):
        tails = {place: "/".join(each[-depth:]) for place, each in parts.items()}
        if len(set(tails.values())) == len(paths):
            return tails
    return {p: p for p in paths}


def _copies(files: list[InputFile]) -> Iterator[DuplicateInputError]:
    seen: dict[str, InputFile] = {}
    for entry in files:
        first = seen.setdefault(entry.file.identity, entry)
        if first is not entry:
            one, other = (f"{each.file.path} of '{each.process}'" for each in (first, entry))
            yield DuplicateInputError(first=one, second=other)


def _unlike(config: ScanConfig, files: list[InputFile]) -> Iterator[Problem]:
    """Processes of which some files have event weights and some have none."""
    for name, process in config.processes.items():
        those = [entry.file for entry in files if entry.process == name]
        weights = {f.path: chosen(f.path, f.branches, process.weight) for f in those}
        without = [path for path, weight in weights.items() if weight == NONE]
        if without and len(without) < len(weights):
            more = f" (and {len(without) - 1} others)" if len(without) > 1 else ""
            rest, weight = next(each for each in weights.items() if each[1] != NONE)
            what = (
                f"{without[0]}{more} has no event weights, but {rest} has '{weight}', and the two "
                "do not mix; leave one of them out, or write 'weight: none' to count every event "
                "as 1"
            )
            yield Problem(where=f"processes.{name}", what=what)


def slices_of(config: ScanConfig, inputs: Inputs, process: str) -> tuple[Slice, ...]:
    """The entry ranges of all files of one process, in order."""
    said = config.processes[process]
    return tuple(
        piece
        for entry in inputs.of(process)
        for piece in formats.slices(
            entry.file, process=process, name=entry.name, tree=said.tree, weight=said.weight
        )
    )
