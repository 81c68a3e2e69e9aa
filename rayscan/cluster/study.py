"""A scan and its variants, one after the other in one Ray session."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ray.exceptions import RayError

from rayscan.cluster.connection import check_room, connect, job_id
from rayscan.cluster.run import Result, run_scan
from rayscan.errors import ConfigError, Problem, RayscanError, StorageError
from rayscan.places import inside
from rayscan.results.lock import Lock
from rayscan.results.names import VARIANTS
from rayscan.results.read import Tables, read_tables
from rayscan.results.storage import Storage
from rayscan.results.variants import read_study
from rayscan.scan.config import manifest
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import Study
from rayscan.scan.plan import finished
from rayscan.terminal.progress import Reporter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """How a scan and its variants ended, by name, and the storage of the scan itself."""

    results: Mapping[str, Result]
    errors: Mapping[str, str]
    storage: str

    @property
    def alone(self) -> str | None:
        """The storage of the only scan that came to its end; None of several."""
        places = [result.storage for result in self.results.values()]
        return places[0] if len(places) == 1 else None

    def tables(self) -> Tables:
        """The tables of the only scan, or of all with a column that says of which.

        Raises:
            TableError: there are none.
        """
        return read_study(self.storage) if self.alone is None else read_tables(self.alone)

    @property
    def complaints(self) -> tuple[str, ...]:
        """What a user should hear: trials without a classifier, and scans that stopped."""
        several = len(self.results) + len(self.errors) > 1
        trials = (
            f"trial {trial}{f' of {name}' if several else ''} has no classifier: {why}"
            for name, result in self.results.items()
            for trial, why in result.failed.items()
        )
        missing = (
            f"{f'{name}: ' if several else ''}{result.missing}"
            for name, result in self.results.items()
            if result.missing
        )
        stopped = (f"{name} stopped: {why}" for name, why in self.errors.items())
        return (*trials, *missing, *stopped)

    @property
    def exit_code(self) -> int:
        """0: done; 1: some trials have no classifier; 2: the user must change something."""
        if self.errors:
            return 2
        return 1 if self.complaints else 0


@dataclass(slots=True, kw_only=True)
class _Runner:
    """How each scan of a study is run."""

    base: Path
    reporter: Reporter
    address: str | None
    retest: bool

    def finished(self, scans: Mapping[str, ScanConfig]) -> dict[str, Result]:
        """The scans of which nothing is left to do, known from their storage alone."""
        found = {}
        for name, config in () if self.retest else scans.items():
            rows = finished.rows_of(config, finished.stamps(config, self.base))
            if rows is not None:
                self.reporter.say(f"{config.name} is finished; nothing is left to do")
                found[name] = Result(storage=config.storage, failed={}, rows=rows)
        return found

    def run(self, config: ScanConfig) -> Result:
        """Run a scan, or what is missing of it."""
        files = finished.stamps(config, self.base)
        result = run_scan(
            config,
            base=self.base,
            reporter=self.reporter,
            address=self.address,
            retest=self.retest,
        )
        if not result.failed and not result.missing:
            finished.mark(config, files, result.rows)
        return result

    def run_all(self, scans: Mapping[str, ScanConfig]) -> tuple[dict[str, Result], dict[str, str]]:
        """Run scan after scan; one that cannot be run does not keep the others from it."""
        results: dict[str, Result] = {}
        errors: dict[str, str] = {}
        for number, (name, config) in enumerate(scans.items(), start=1):
            self.reporter.begin(f"{config.name} ({number} of {len(scans)})")
            try:
                results[name] = self.run(config)
            except (RayscanError, RayError) as error:
                logger.debug("%s stopped", config.name, exc_info=True)
                errors[name] = str(error)
                self.reporter.say(f"{config.name} stopped: {error}")
        return results, errors


def run_study(
    study: Study,
    *,
    names: Sequence[str] = (),
    reporter: Reporter,
    address: str | None = None,
    retest: bool = False,
) -> StudyResult:
    """Run a scan and its variants, or what is missing of them.

    Of ``names`` ``base`` is the scan itself; all are run if none is named.

    Raises:
        ConfigError: a name that there is not, or storages that belong to other scan files; nothing
            has been run.
        StorageBusyError: the whole study is at work already.
        RayscanError: of a single scan, what the user must change. Of several, each error is in the
            result, and the others have been run.
    """
    scans = study.chosen(names)
    runner = _Runner(base=study.folder, reporter=reporter, address=address, retest=retest)
    done = runner.finished(scans)
    left = {name: config for name, config in scans.items() if name not in done}
    if len(scans) == 1:
        alone = {name: runner.run(config) for name, config in left.items()}
        return StudyResult(results={**done, **alone}, errors={}, storage=study.base.storage)
    _agree(study.base.name, left, retest=retest)
    with ExitStack() as held:
        if left and not names:  # variants that are named may be run side by side
            place = Storage(inside(study.base.storage, VARIANTS))
            held.enter_context(Lock(place, reporter.say, job_id()))
        if left:
            _connect(study.base.name, left, address)
        found, errors = runner.run_all(left)
    results = {**done, **found}
    ordered = {name: results[name] for name in scans if name in results}
    return StudyResult(results=ordered, errors=errors, storage=study.base.storage)


def _agree(path: str, scans: Mapping[str, ScanConfig], *, retest: bool) -> None:
    """Refuse, before anything runs, what any storage would refuse later."""
    problems = []
    for name, config in scans.items():
        try:
            manifest.agree(config, Storage(config.storage), retest=retest)
        except StorageError as error:
            problems.append(Problem(where=name, what=str(error)))
    if problems:
        raise ConfigError(path=path, problems=tuple(problems))


def _connect(path: str, scans: Mapping[str, ScanConfig], address: str | None) -> None:
    """One Ray for all, with room for each."""
    workers = [config.resources.workers for config in scans.values()]
    known = [count for count in workers if count is not None]
    connect(address, workers=max(known) if len(known) == len(workers) else None)
    joined = address is not None or "RAY_ADDRESS" in os.environ
    problems: list[Problem] = []
    for config in scans.values():
        try:
            check_room(config, joined=joined)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(path=path, problems=tuple(dict.fromkeys(problems)))
