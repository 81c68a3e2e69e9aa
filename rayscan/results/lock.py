"""Who runs a scan: one at a time, known by a heartbeat in the storage."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from rayscan.errors import StorageBusyError, StorageError
from rayscan.results import records
from rayscan.results.storage import Storage

_NAME = "lock.json"
BEAT = 3.0
"""Seconds between two beats of the heart."""

_STILL = 4
"""Beats that must be missed before a run is held for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who holds a storage.

    Attributes:
        key: Different for every run.
        host: Name of its machine.
        pid: Its process there.
        place: Boot and process namespace: processes of other places cannot be asked for.
        job: Ray job it is, or empty.
        started: When it began [Unix time, s].
        beat: Rises while it lives.
        beaten: When it rose last, by the owner's clock [Unix time, s].
    """

    key: str
    host: str
    pid: int
    place: str
    job: str
    started: float
    beat: int = 0
    beaten: float = 0.0

    def __str__(self) -> str:
        job = f", Ray job {self.job}" if self.job else ""
        return f"process {self.pid} on {self.host}{job}"


def holder(storage: Storage) -> Owner | None:
    """Who holds a storage, alive or not; None if nobody does."""
    fix = "make sure that no run uses this storage, then remove the file"
    return records.get(storage, _NAME, Owner, fix=fix)


def still_held(storage: Storage, key: str) -> None:
    """See that a run still holds a storage.

    A run that was stopped for long (SIGSTOP, a suspended laptop) may find that another took over,
    or that it did and has ended: then there is a lock of somebody else, or none.

    Raises:
        StorageBusyError: it does not.
    """
    found = holder(storage)
    if found is None or found.key != key:
        raise busy(storage, found)


def busy(storage: Storage, other: Owner | None) -> StorageBusyError:
    """The error of a run that finds another one in its storage, or its own lock gone."""
    return StorageBusyError(
        path=storage.uri,
        why=f"another run of this scan is at work here ({other or 'it has just ended'})",
        fix="wait for it or stop it, or give another 'storage'",
    )


def myself(job: str = "") -> Owner:
    """This process as an owner."""
    now = time.time()
    return Owner(
        key=uuid.uuid4().hex,
        host=socket.gethostname(),
        pid=os.getpid(),
        place=_place(),
        job=job,
        started=now,
        beaten=now,
    )


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux: dead processes are known by their heartbeat alone
        return uuid.uuid4().hex


def _is_dead(owner: Owner) -> bool:
    """Whether the owner was a process of this machine that is no more."""
    return owner.place == _place() and not Path(f"/proc/{owner.pid}").exists()


@dataclass(slots=True)
class Lock:
    """The right to run a scan, held while the block runs.

    Liveness is a number that moves, not a time: clocks of two machines need not agree. A run that
    was held for dead and comes back finds that it was overtaken and stops.

    ``say`` is told why the start takes longer.

    Raises:
        StorageBusyError: on entering, another run holds the storage and lives.
    """

    storage: Storage
    say: Callable[[str], None] = lambda _: None
    job: str = ""
    beat: float = BEAT
    owner: Owner = field(init=False)
    _stop: threading.Event = field(init=False, default_factory=threading.Event, repr=False)
    _heart: threading.Thread = field(init=False, repr=False)
    _lost: StorageBusyError | None = field(init=False, default=None)

    def __enter__(self) -> Self:
        self.owner = myself(self.job)
        self._wait_until_free()
        self._put(self.storage)
        time.sleep(0.2 if self.storage.is_local else 1.0)
        still_held(self.storage, self.owner.key)  # two may have started in the same moment
        self._heart = threading.Thread(target=self._live, name="rayscan-heart", daemon=True)
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._heart.join()
        hasty = Storage(self.storage.uri, 2.0)  # on the way out, perhaps for want of this storage
        try:
            found = holder(hasty)
            if found is not None and found.key == self.owner.key:
                hasty.remove(_NAME)
        except StorageError:
            self.say(f"{self.storage.path(_NAME)} could not be removed; it will go stale by itself")

    def check(self) -> None:
        """Raise `StorageBusyError` if another run has taken over."""
        if self._lost is not None:
            raise self._lost

    def _wait_until_free(self) -> None:
        found = holder(self.storage)
        if found is None or _is_dead(found):
            return
        self.say(f"{found} holds {self.storage.uri}; watching whether it still lives")
        deadline = time.monotonic() + _STILL * self.beat
        while time.monotonic() < deadline:
            time.sleep(self.beat / 4)
            seen = holder(self.storage)
            if seen is None:
                return
            if (seen.key, seen.beat) != (found.key, found.beat):
                raise busy(self.storage, seen)
        self.say(f"its heart has stopped: taking over from {found}")

    def _live(self) -> None:
        hasty = Storage(self.storage.uri, 0.0)
        while not self._stop.wait(self.beat):
            try:
                still_held(hasty, self.owner.key)
                self._put(hasty)
            except StorageBusyError as error:
                self._lost = error
                return
            except StorageError:
                continue  # the storage is away: who finds it first finds a still heart

    def _put(self, storage: Storage) -> None:
        self.owner = replace(self.owner, beat=self.owner.beat + 1, beaten=time.time())
        records.put(storage, _NAME, self.owner, lasting=False)
