"""Local files put in place whole, on the disk before they count."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

_NO_FLUSH = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What file systems say that cannot flush a folder."""


def put(target: Path, content: bytes, *, lasting: bool, check: Callable[[], None]) -> None:
    """Write one file; a reader, and whoever looks after a power failure, finds old or new.

    Its folder is made. With ``lasting`` both are flushed to the disk; ``check`` is asked when the
    content is written, before it takes its place, and raises to leave all as it was.
    """
    _make(target.parent, lasting=lasting)
    temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as out:
            out.write(content)
            if lasting:
                out.flush()
                os.fsync(out.fileno())
        check()
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):  # a full or vanished disk: what counts is the cause
            temporary.unlink()
        raise
    if lasting:
        _flush(target.parent)


def _make(folder: Path, *, lasting: bool) -> None:
    if folder.is_dir():
        return
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing if lasting else ():
        _flush(each.parent)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_FLUSH:
            raise
    finally:
        os.close(handle)
