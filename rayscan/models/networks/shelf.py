"""Rows of numbers in memory, or in a file without a name that is gone with the process."""

from __future__ import annotations

import tempfile
import weakref

import numpy as np
import numpy.typing as npt

from rayscan.errors import StorageError

Rows = npt.NDArray[np.float32]


class Shelf:
    """So many rows, written and read in any pieces.

    Args:
        rows: How many.
        columns: Numbers of each.
        kept: Whether they are in memory; else in the folder for temporary files.
    """

    def __init__(self, rows: int, columns: int, *, kept: bool) -> None:
        self._columns = columns
        self._kept = np.empty((rows, columns), np.float32) if kept else None
        if not kept:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  open as long as this is needed
            weakref.finalize(self, self._file.close)

    def put(self, first: int, rows: Rows) -> None:
        """Write rows from place ``first`` on.

        Raises:
            StorageError: There is no room for them.
        """
        if self._kept is not None:
            self._kept[first : first + len(rows)] = rows
            return
        try:
            self._file.seek(4 * self._columns * first)
            self._file.write(rows.tobytes())
            self._file.flush()
        except OSError as error:
            raise StorageError(
                path=tempfile.gettempdir(),
                why=f"events to train on do not fit there ({error.strerror})",
                fix="set TMPDIR to a folder of a larger disk of this machine",
            ) from error

    def get(self, first: int, count: int) -> Rows:
        """Rows from place ``first`` on."""
        if self._kept is not None:
            return self._kept[first : first + count]
        found = np.empty((count, self._columns), np.float32)
        self._file.seek(4 * self._columns * first)
        self._file.readinto(found.data.cast("B"))
        return found
