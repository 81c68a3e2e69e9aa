"""Everything about a scan that can be checked in seconds, without Ray or TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rayscan.cores import memory_here
from rayscan.errors import ConfigError, Problem, RayscanError
from rayscan.events.weights import NONE, chosen
from rayscan.generator.pythia import missing
from rayscan.places import beside
from rayscan.results.names import BASE
from rayscan.results.storage import Storage
from rayscan.scan.config.given import Given
from rayscan.scan.config.manifest import changed
from rayscan.scan.config.process import Process
from rayscan.scan.config.samplers import SAMPLERS
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import Study, load_study, located
from rayscan.scan.cost import capacity
from rayscan.scan.cost.cautions import of_all
from rayscan.scan.cost.holding import shortages
from rayscan.scan.cost.study import workloads
from rayscan.scan.cost.workload import Workload
from rayscan.scan.pools.inputs import InputFile, Inputs, open_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A scan and its variants without problems; shown as `rayscan check` prints it.

    Attributes:
        study: The scan and its variants.
        lines: What its processes are, and what each variant changes.
        events: Events of each process of the scan: in its files, or to be generated.
        cautions: Sentences about what the user may want to change.
    """

    study: Study
    lines: tuple[str, ...]
    events: Mapping[str, int]
    cautions: tuple[str, ...]

    def __repr__(self) -> str:
        cautions = (f"warning: {line}" for line in self.cautions)
        name = self.study.path or self.study.base.name
        return "\n".join((*self.lines, *cautions, f"{name}: no problem found"))


def check(
    scan: Given,
    *,
    storage: str | Path | None = None,
    workers: int | None = None,
    here: bool = True,
) -> Checked:
    """Validate a scan and its variants, open every input and try the storage; takes seconds.

    Args:
        scan: Path of a scan file, or a mapping with its keys.
        storage: In place of the scan's own; relative to the working directory.
        workers: In place of the scan's ``resources: {workers}``.
        here: Whether the scan is to run on this machine, which then must have room for it.

    Returns:
        What was found: processes, events, cautions.

    Raises:
        ConfigError: with every problem found, each with its line and what to do.
    """
    study = load_study(scan, storage=storage, workers=workers)
    problems: dict[str, list[Problem]] = {}
    lines: dict[str, tuple[str, ...]] = {}
    opened = open_each(study.scans, study.folder)
    loads = workloads(study, opened)
    for name, config in study.scans.items():
        inputs, those = opened[name]
        problems[name] = [*those, *_generators(config), *_sampler(config), *shortages(loads[name])]
        problems[name] += capacity.problems(loads[name], memory_here() if here else None)
        problems[name] += _architectures(loads[name]) if here else []
        lines[name] = tuple(_line(config, inputs, process) for process in config.processes)
    problems[BASE] += _unwritable(study.base)
    if not any(problems.values()):
        problems = {name: list(_models(load)) for name, load in loads.items()}
    if any(problems.values()):
        raise ConfigError(path=study.path, problems=located(study.path, problems))
    return Checked(
        study=study,
        lines=(*lines[BASE], *_variants(study, lines)),
        events={name: loads[BASE].events(name) or 0 for name in study.base.processes},
        cautions=of_all(loads),
    )


def _unwritable(config: ScanConfig) -> list[Problem]:
    """The storage, or else the cache, if nothing can be written there."""
    cache = config.cache or beside(config.storage, "cache")
    for key, place in (("storage", config.storage), ("cache", cache)):
        try:
            Storage(place).check_writable()
        except RayscanError as error:
            return [Problem(where=key, what=str(error))]
    return []


def _variants(study: Study, lines: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What each variant changes, and the processes that are others than the scan's."""
    for name, config in study.variants.items():
        yield f"variant {name}: other {', '.join(changed(study.base, config)) or 'nothing'}"
        yield from (f"  {line}" for line in lines[name] if line not in lines[BASE])


def _generators(config: ScanConfig) -> list[Problem]:
    why = missing()
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


def _sampler(config: ScanConfig) -> list[Problem]:
    """What the sampler of a search needs."""
    what = SAMPLERS[config.search.sampler].missing()
    searched = any(choice.searches for choice in config.architectures)
    return [Problem(where="search.sampler", what=what)] if searched and what else []


def _models(load: Workload) -> Iterator[Problem]:
    """Models that cannot be trained, as only building them tells."""
    for kind in load.kinds:
        point = kind.points[0]
        classes = len(point.head.classes(point.benchmarks))
        outputs = classes if classes > 2 else 1
        if what := kind.choice.architecture.refused(kind.shape, kind.values, outputs):
            index = load.config.architectures.index(kind.choice)
            yield Problem(where=f"architectures.{index}", what=f"'{kind.choice.name}': {what}")


def _architectures(load: Workload) -> Iterator[Problem]:
    """What architectures need that is not here."""
    names = [choice.key for choice in load.config.architectures]
    for kind in load.kinds:
        if what := kind.choice.architecture.missing(kind.values):
            yield Problem(where=f"architectures.{names.index(kind.choice.key)}", what=what)


def _line(config: ScanConfig, inputs: Inputs, name: str) -> str:
    process = config.processes[name]
    if process.generate is not None:
        made = process.generate
        return f"{name}: {made.events} events to generate ({made.process}, {made.source})"
    files = inputs.of(name)
    entries = sum(entry.file.entries for entry in files)
    size = sum(entry.file.bytes for entry in files) / 1e6
    return f"{name}: {len(files)} files, {entries} events, {size:.1f} MB, " + _weights(
        process, files
    )


def _weights(process: Process, files: Sequence[InputFile]) -> str:
    if not files:
        return "no weights"
    first = files[0].file
    weight = chosen(first.path, first.branches, process.weight)
    return "every event counts as 1" if weight == NONE else f"weights from {weight}"
