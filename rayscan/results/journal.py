"""What a run is doing, kept in its storage: a status, and one JSON line per point and stage."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, TypeAlias

from rayscan.errors import StorageBusyError, StorageError
from rayscan.results import records
from rayscan.results.storage import Storage
from rayscan.terminal.progress import Reporter

logger = logging.getLogger(__name__)

State: TypeAlias = Literal["running", "done", "failed", "interrupted"]

_NAME = "status.json"
_EVERY = 2.0
_EVERY_LINES = 10.0


@dataclass(slots=True, kw_only=True)
class Status:
    """How far a run is.

    Attributes:
        scan: Name of the scan.
        run: Name of the run, which is that of its lines.
        state: ``running``, ``done``, ``failed`` or ``interrupted``.
        stage: What it is doing.
        done: How much of the stage is done.
        total: Of how much.
        unit: Of what.
        trained: Classifiers trained, of this run and earlier ones.
        failed: Members that ended without a classifier.
        seconds_left: Of this stage, if it goes on as it did; None while nothing of it has ended.
        last_error: The last thing that went wrong.
        started: When the run began [Unix time, s].
        updated: When this was written [Unix time, s].
        job: Ray job it is, or empty.
        host: Its machine.
        pid: Its process there.
    """

    scan: str
    run: str
    state: State = "running"
    stage: str = "start"
    done: int = 0
    total: int = 0
    unit: str = ""
    trained: int = 0
    failed: int = 0
    seconds_left: float | None = None
    last_error: str = ""
    started: float
    updated: float
    job: str = ""
    host: str = ""
    pid: int = 0


def read_status(storage: Storage) -> Status | None:
    """The status of the last run in a storage, None if there was none.

    Raises:
        StorageError: the storage cannot be read, or what is there is not understood.
    """
    return records.get(storage, _NAME, Status, fix="remove it; the next run writes it anew")


@dataclass(slots=True)
class Journal:
    """Writes down what a run tells its reporter, and passes it on.

    ``check`` is asked at each progress, and raises to stop the run.
    """

    reporter: Reporter
    storage: Storage
    scan: str
    job: str = ""
    check: Callable[[], None] = lambda: None
    status: Status = field(init=False)
    _lines: list[str] = field(init=False, default_factory=list, repr=False)
    _stage_began: float = field(init=False, default=0.0)
    _earlier: int = field(init=False, default=0)
    _written: float = field(init=False, default=-_EVERY)
    _lines_written: float = field(init=False, default=0.0)

    def __enter__(self) -> Self:
        now = time.time()
        moment = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        self.status = Status(
            scan=self.scan,
            run=f"{moment}-{os.getpid()}",
            started=now,
            updated=now,
            job=self.job,
            host=socket.gethostname(),
            pid=os.getpid(),
        )
        self._line("run", scan=self.scan, job=self.job, host=self.status.host)
        self._flush(lines=True)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._end_stage()
        if error is None:
            self.status.state = "done"
        elif isinstance(error, Exception):
            self.status.state, self.status.last_error = "failed", str(error)
        else:  # Ctrl-C, or a signal that asked to end
            self.status.state = "interrupted"
        self.status.seconds_left = None
        self._line("end", state=self.status.state, error=self.status.last_error or None)
        # Who was overtaken leaves the status to the run that took over.
        self._flush(lines=True, last=True, status=not isinstance(error, StorageBusyError))

    def stage(self, name: str, total: int, unit: str) -> None:
        """A stage begins; the one before has ended."""
        self.check()
        self._end_stage()
        self.status.stage, self.status.total, self.status.unit = name, total, unit
        self.status.done, self.status.seconds_left = 0, None
        self._stage_began, self._earlier = time.monotonic(), 0
        self.reporter.stage(name, total, unit)
        self._flush(force=True)  # its first part may take minutes

    def advance(self, count: int, note: str = "", *, earlier: bool = False) -> None:
        """Some of the stage is done; what an earlier run did says nothing of the speed."""
        self.check()
        status = self.status
        status.done += count
        self._earlier += count if earlier else 0
        if (own := status.done - self._earlier) > 0:
            spent = time.monotonic() - self._stage_began
            status.seconds_left = spent / own * max(status.total - status.done, 0)
        self.reporter.advance(count, note, earlier=earlier)
        self._flush()

    def say(self, text: str) -> None:
        """One line the user should see."""
        self._line("say", text=text)
        self.reporter.say(text)

    def trained(self, row: Mapping[str, Any]) -> None:
        """A row of `trials` is there, of this run or of an earlier one."""
        if row.get("classifier"):
            self.status.trained += 1
        else:
            self.status.failed += 1
            self.status.last_error = f"{row['point']}: {row.get('error')}"
        names = ("trial", "point", "repeat", "status", "error", "validation_auc", "seconds")
        self._line("trial", **{name: row.get(name) for name in names})

    def _end_stage(self) -> None:
        if self._stage_began:
            seconds = time.monotonic() - self._stage_began
            done = {"name": self.status.stage, "count": self.status.done, "unit": self.status.unit}
            self._line("stage", **done, seconds=round(seconds, 3))

    def _line(self, kind: str, **values: Any) -> None:
        self._lines.append(json.dumps({"time": round(time.time(), 3), "kind": kind, **values}))

    def _flush(
        self, *, lines: bool = False, last: bool = False, force: bool = False, status: bool = True
    ) -> None:
        now = time.monotonic()
        # A journal that cannot be written must not end a run whose results can.
        hasty = Storage(self.storage.uri, 2.0 if last else 0.0)
        try:
            if status and (last or lines or force or now - self._written >= _EVERY):
                self._written = now
                self.status.updated = time.time()
                records.put(hasty, _NAME, self.status, lasting=last)
            if lines or now - self._lines_written >= _EVERY_LINES:
                self._lines_written = now
                content = "\n".join([*self._lines, ""]).encode()
                hasty.write(f"journal/{self.status.run}.jsonl", content, lasting=last)
        except StorageError as error:
            logger.warning("the journal could not be written: %s", error)
