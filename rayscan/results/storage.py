"""A folder somewhere `pyarrow.fs` can write, with objects that are put in place whole."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs

from rayscan.errors import StorageError
from rayscan.places import inside, masked
from rayscan.results import flushed
from rayscan.results.faults import is_full, may_pass, patiently

T = TypeVar("T")

PATIENCE = 180.0
"""Seconds a storage that does not answer is asked again before the run ends."""

_AT_ONCE = 16  # requests to an object store


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder somewhere `pyarrow.fs` can write: a path, ``s3://``, ``gs://``.

    What may pass (a server that is away, a folder that is read-only for a while) is tried again,
    with longer and longer pauses; a full disk is not.

    Args:
        uri: Path or URL of the folder; credentials come from the environment, never from here.
        patience: Seconds for which an operation is tried again.
    """

    uri: str
    patience: float = field(default=PATIENCE, compare=False)
    filesystem: pafs.FileSystem = field(init=False, repr=False, compare=False)
    root: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = self.uri if "://" in self.uri else absolute(self.uri)
        _refuse_secrets(text)
        try:
            filesystem, root = pafs.FileSystem.from_uri(text)
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(path=self.uri, why=f"cannot be opened ({error})") from error
        object.__setattr__(self, "uri", text)  # absolute: a worker has another working directory
        object.__setattr__(self, "filesystem", filesystem)
        object.__setattr__(self, "root", root.rstrip("/"))

    def __reduce__(self) -> tuple[type[Storage], tuple[str, float]]:
        return Storage, (self.uri, self.patience)

    @property
    def is_local(self) -> bool:
        """Whether the storage is a folder of this machine (or a shared file system)."""
        return isinstance(self.filesystem, pafs.LocalFileSystem)

    def path(self, *parts: str) -> str:
        """The path of something inside, for this file system; refuses to climb out."""
        if any(piece == ".." for part in parts for piece in part.split("/")):
            raise StorageError(
                path="/".join(parts), why="climbs out of the storage", fix="name a path inside it"
            )
        return "/".join([self.root, *parts])

    def place(self, name: str) -> str:
        """Path or URL of something inside, as any node would write it."""
        path = self.path(name)
        return path if self.is_local else inside(self.uri, quote(name))

    def write(
        self,
        name: str,
        content: bytes,
        *,
        lasting: bool = True,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Write one whole object, replacing it; a reader sees the old or the new, never half.

        With ``lasting`` it is on the disk when this returns, and outlives a power failure;
        ``check`` is asked as late as can be, and raises to leave all as it was.

        Raises:
            StorageError: the disk is full, or the storage did not come back in time.
        """
        target = self.path(name)

        def action() -> None:
            if self.is_local:
                flushed.put(Path(target), content, lasting=lasting, check=check)
                return
            check()
            with self.filesystem.open_output_stream(target) as out:
                out.write(content)

        self._patiently("written", target, action)

    def _patiently(self, what: str, path: str, action: Callable[[], T]) -> T:
        """Do something, again and again while what hinders it may pass."""
        try:
            return patiently(
                action,
                lambda error: isinstance(error, OSError) and may_pass(error, local=self.is_local),
                patience=self.patience,
                pause=0.25,
                what=lambda error: f"{path} cannot be {what} ({error})",
            )
        except OSError as error:
            raise self._failed(what, path, error) from error

    @staticmethod
    def _failed(what: str, path: str, error: OSError) -> StorageError:
        fix = "give a writable 'storage'" if what == "written" else "look at the storage"
        if is_full(error):
            return StorageError(
                path=path,
                why="the disk is full",
                fix="make room, then run the same command again: nothing that finished is lost",
            )
        return StorageError(
            path=path,
            why=f"cannot be {what} ({error})",
            fix=f"{fix}, then run the same command again",
        )

    def read(self, name: str) -> bytes | None:
        """One whole object, or None if there is none."""
        path = self.path(name)
        return self._patiently("read", path, lambda: self._read(path))

    def _read(self, path: str) -> bytes | None:
        try:
            with self.filesystem.open_input_file(path) as source:
                return bytes(source.read())
        except FileNotFoundError:
            return None

    def read_many(self, names: Sequence[str]) -> list[bytes | None]:
        """Whole objects, or None for those that are not there."""
        return self.each(self.read, names)

    def each(self, look: Callable[[str], T], names: Sequence[str]) -> list[T]:
        """What is found out about each of many names; of a server many are asked for at a time."""
        if self.is_local or len(names) < 2:
            return [look(name) for name in names]
        with ThreadPoolExecutor(min(_AT_ONCE, len(names))) as pool:
            return list(pool.map(look, names))

    def whole(self, name: str) -> bytes:
        """One whole object that was there before.

        Raises:
            StorageError: it is gone.
        """
        content = self.read(name)
        if content is None:
            fix = "run the same command again, which makes it anew"
            raise StorageError(path=self.path(name), why="vanished", fix=fix)
        return content

    def remove(self, name: str) -> None:
        """Remove one object; it is no error if it is gone already."""
        path = self.path(name)
        self._patiently("removed", path, lambda: self._remove(path))

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(path)

    def remove_folder(self, name: str) -> None:
        """Remove a folder with all that is in it; it is no error if it is gone already."""
        path = self.path(name)

        def action() -> None:
            with contextlib.suppress(FileNotFoundError):
                self.filesystem.delete_dir(path)

        self._patiently("removed", path, action)

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the finished objects in a folder, sorted; empty if it does not exist."""
        found = (info.base_name for info in self._listed(folder))
        return tuple(sorted(name for name in found if not name.endswith(".tmp")))

    def folders(self, folder: str) -> tuple[str, ...]:
        """Names of the folders in a folder, sorted; empty if it does not exist."""
        selector = pafs.FileSelector(self.path(folder), allow_not_found=True)
        found = self._patiently("listed", folder, lambda: self.filesystem.get_file_info(selector))
        return tuple(sorted(each.base_name for each in found if not each.is_file))

    def files(self, folder: str) -> tuple[str, ...]:
        """Paths, inside a folder, of the files in it and in its folders; sorted."""
        path = self.path(folder)
        found = self._listed(folder, deep=True)
        return tuple(sorted(info.path.removeprefix(path).lstrip("/") for info in found))

    def _listed(self, folder: str, *, deep: bool = False) -> list[pafs.FileInfo]:
        path = self.path(folder) if folder else self.root
        selector = pafs.FileSelector(path, recursive=deep, allow_not_found=True)
        found = self._patiently("listed", path, lambda: self.filesystem.get_file_info(selector))
        return [info for info in found if info.is_file]

    def check_writable(self) -> None:
        """Raise `StorageError` at once unless a small object can be written; leaves nothing."""
        probe = f".probe-{uuid.uuid4().hex}"
        made = self._missing_folders()
        hasty = Storage(self.uri, 0.0)
        hasty.write(probe, b"rayscan", lasting=False)
        hasty.remove(probe)
        for folder in made:
            with contextlib.suppress(OSError):  # somebody else has put something into it
                folder.rmdir()

    def _missing_folders(self) -> list[Path]:
        """Local folders on the way to the storage that are not there yet, the deepest first."""
        root = Path(self.root)
        way = [root, *root.parents] if self.is_local else []
        return [folder for folder in way if not folder.exists()]

    def sweep(self, folder: str) -> None:
        """Remove what killed processes left half-written; only for the one who owns the storage."""
        for info in self._listed(folder, deep=True) if self.is_local else []:
            if info.base_name.endswith(".tmp"):
                self._remove(info.path)


def from_folder(uri: str, folder: Path) -> str:
    """Path or URL that a scan file in a folder names, for the working directory.

    >>> from_folder("../results/quickstart", Path("jobs"))
    'results/quickstart'
    >>> from_folder("s3://bucket/monojet", Path("jobs"))
    's3://bucket/monojet'
    """
    if "://" in uri:
        return uri
    try:
        place = folder / Path(uri).expanduser()
        short = Path(os.path.normpath(place))
        # Behind a link '..' is not the folder that the link is in.
        return str(short if os.path.realpath(short) == os.path.realpath(place) else place)
    except (RuntimeError, ValueError):  # no such user, or a NUL: said when the storage is opened
        return uri


def absolute(path: str) -> str:
    """Where a path of this machine leads.

    Raises:
        StorageError: nowhere: its user is unknown, or its links go round.
    """
    try:
        return str(Path(path).expanduser().resolve())
    except (RuntimeError, ValueError, OSError) as error:  # no such user; a loop of links; a NUL
        why = f"is no path that can be followed ({error})"
        raise StorageError(path=path, why=why, fix="give another path") from error


def _refuse_secrets(uri: str) -> None:
    """A URL ends up in tables and logs."""
    if masked(uri) != uri:
        raise StorageError(
            path=masked(uri),
            why="holds a password or a key",
            fix="leave it out and give credentials in the environment (AWS_ACCESS_KEY_ID, ...)",
        )
