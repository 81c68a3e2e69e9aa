"""A folder somewhere `pyarrow.fs` can write, with objects that are put in place whole."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from rayscan.errors import StorageError


@dataclass(frozen=True, slots=True)
class Storage:
    """A folder somewhere `pyarrow.fs` can write: a path, ``s3://``, ``gs://``.

    Args:
        uri: Path or URL of the folder.
    """

    uri: str
    filesystem: pafs.FileSystem = field(init=False, repr=False, compare=False)
    root: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = self.uri if "://" in self.uri else str(Path(self.uri).expanduser().resolve())
        try:
            filesystem, root = pafs.FileSystem.from_uri(text)
        except (pa.ArrowInvalid, OSError) as error:
            raise StorageError(path=self.uri, why=f"cannot be opened ({error})") from error
        object.__setattr__(self, "uri", text)  # absolute: a worker has another working directory
        object.__setattr__(self, "filesystem", filesystem)
        object.__setattr__(self, "root", root.rstrip("/"))

    def __reduce__(self) -> tuple[type[Storage], tuple[str]]:
        return Storage, (self.uri,)

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

    def write(self, name: str, content: bytes) -> None:
        """Write one whole object, replacing it; a reader sees the old or the new, never half."""
        target = self.path(name)
        try:
            if not self.is_local:
                self._put(target, content)
                return
            self.filesystem.create_dir(target.rsplit("/", 1)[0], recursive=True)
            temporary = f"{target}.{uuid.uuid4().hex}.tmp"
            self._put(temporary, content)
            self.filesystem.move(temporary, target)
        except OSError as error:
            raise StorageError(
                path=target,
                why=f"cannot be written ({error})",
                fix="make room or give a writable 'storage', then run the same command again",
            ) from error

    def _put(self, target: str, content: bytes) -> None:
        with self.filesystem.open_output_stream(target) as out:
            out.write(content)

    def read(self, name: str) -> bytes | None:
        """One whole object, or None if there is none."""
        try:
            with self.filesystem.open_input_file(self.path(name)) as source:
                return bytes(source.read())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(
                path=self.path(name), why=f"cannot be read ({error})", fix="look at the storage"
            ) from error

    def remove(self, name: str) -> None:
        """Remove one object; it is no error if it is gone already."""
        try:
            self.filesystem.delete_file(self.path(name))
        except FileNotFoundError:
            return

    def names(self, folder: str) -> tuple[str, ...]:
        """Names of the finished objects in a folder, sorted; empty if it does not exist."""
        selector = pafs.FileSelector(self.path(folder), allow_not_found=True)
        found = (info.base_name for info in self.filesystem.get_file_info(selector) if info.is_file)
        return tuple(sorted(name for name in found if not name.endswith(".tmp")))

    def check_writable(self) -> None:
        """Raise `StorageError` unless a small object can be written and removed."""
        probe = f".probe-{uuid.uuid4().hex}"
        self.write(probe, b"rayscan")
        self.filesystem.delete_file(self.path(probe))

    def put_folder(self, local: Path, name: str) -> None:
        """Copy the files of a local folder (and of its folders) to a folder here."""
        for file in sorted(p for p in local.rglob("*") if p.is_file()):
            self.write(f"{name}/{file.relative_to(local).as_posix()}", file.read_bytes())

    def get_folder(self, name: str, local: Path) -> Path:
        """The files of a folder here as a local folder: itself if it is local already.

        Raises:
            StorageError: there is no such folder.
        """
        if self.is_local and Path(self.path(name)).is_dir():
            return Path(self.path(name))
        selector = pafs.FileSelector(self.path(name), recursive=True, allow_not_found=True)
        found = [info for info in self.filesystem.get_file_info(selector) if info.is_file]
        if not found:
            raise StorageError(path=self.path(name), why="no such folder", fix="train it again")
        for info in found:
            inner = info.path.removeprefix(self.path(name)).lstrip("/")
            target = local / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.read(f"{name}/{inner}") or b"")
        return local
