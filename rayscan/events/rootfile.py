"""A ROOT file opened, or one error that says why it cannot be and what to do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import uproot
from uproot.exceptions import KeyInFileError

from rayscan import places
from rayscan.errors import FileUnreadableError, TreeMissingError

_COPY_AGAIN = "copy or produce the file again, or take it out of the scan file"
_HEADER_BYTES = 64
_BLOCK_HEADER_BYTES = 9
_TREES = frozenset({"TTree", "TNtuple", "TNtupleD"})
_FOLDERS = frozenset({"TDirectory", "TDirectoryFile"})
_RNTUPLE = "ROOT::RNTuple"
_AS_TREE = (
    "write it as a TTree, as Delphes does (RDataFrame's Snapshot: fOutputFormat = "
    "ROOT::RDF::ESnapshotOutputFormat::kTTree)"
)


@contextmanager
def opened(path: str | Path, tree: str) -> Iterator[Any]:
    """The tree of a file while it is open; the highest cycle, where there are several.

    Raises:
        FileUnreadableError: The file holds nothing, or what is read while it is open is damaged.
        StorageError: The server of a URL does not answer: that is no damage.
        TreeMissingError: A sound file without that tree.
    """
    path = str(path)
    try:
        with _source(path) as source, uproot.open(source) as file:
            yield _tree(file, path, tree)
    except Exception as error:
        # Bytes that are not what they should be make uproot and the decompressors raise anything.
        if _is_ours(error) and not isinstance(error, _LengthError):
            raise
        raise broken(path, f"it is damaged ({type(error).__name__}: {_short(error)})") from error


def _source(path: str) -> Any:
    """What uproot opens: a path (a text could mean ``file:tree``), or a remote file."""
    return places.reading(path) if places.is_url(path) else nullcontext(Path(path))


def _is_ours(error: BaseException) -> bool:
    """Whether our own code raised it: then it is a bug, not a damaged file."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals["__name__"]).startswith("rayscan.")


class _LengthError(Exception):
    """An object's key and the blocks it is compressed in say different lengths."""


def _check_length(
    *, chunk: Any, cursor: Any, compressed_bytes: int, uncompressed_bytes: int, **others: Any
) -> None:
    """Compare the lengths before anything is unpacked; called by uproot before each block.

    uproot reserves what the key says, up to 2 GB, and copies all that is left of it for each class
    that it meets: one wrong bit takes minutes.
    """
    if others["num_blocks"]:
        return
    here, length = cursor.copy(), 0
    while length < uncompressed_bytes and here.index < cursor.index + compressed_bytes:
        head = here.bytes(chunk, _BLOCK_HEADER_BYTES, others["context"]).tobytes()
        length += int.from_bytes(head[6:9], "little")
        here.skip(int.from_bytes(head[3:6], "little"))
    if length != uncompressed_bytes:
        raise _LengthError(f"blocks of {length} bytes where {uncompressed_bytes} should be")


uproot.compression.decompress.hook_before_block = _check_length


def _tree(file: Any, path: str, name: str) -> Any:
    keys = tuple(file.keys(cycle=False, recursive=False))
    if not keys:
        raise broken(path, "it is a ROOT file that holds nothing: its writer never closed it")
    try:
        found = file[name]  # of several cycles, the highest
    except KeyInFileError as error:
        raise _no_tree(file, path, name) from error
    if not isinstance(found, uproot.TTree):
        raise _no_tree(file, path, name)
    return found


def _no_tree(file: Any, path: str, name: str) -> TreeMissingError:
    """What there is in place of a tree, and what to write or do."""
    kinds: dict[str, str] = dict(file.classnames(cycle=False))
    top = tuple(
        key if kind in _TREES | _FOLDERS else f"{key} ({kind})"
        for key, kind in kinds.items()
        if "/" not in key
    )
    inner = [key for key, kind in kinds.items() if "/" in key and kind in _TREES]
    named = [key for key in inner if key.rpartition("/")[2] == name] or inner
    own = kinds.get(name, "")
    if own == _RNTUPLE:
        return TreeMissingError(path=path, tree=name, found=top, kind=own, fix=_AS_TREE)
    if named:
        fix = f"write 'tree: {named[0]}' beside its files"
        return TreeMissingError(path=path, tree=name, found=(*top, *named[:3]), fix=fix)
    return TreeMissingError(path=path, tree=name, found=top, kind=own)


def checked_size(path: str) -> int:
    """Size of a file [bytes], from its header alone.

    Raises:
        FileUnreadableError: It is missing, a directory, empty, not ROOT, or shorter than its header
            says.
        StorageError: The server of a URL does not answer or refuses.
    """
    size = places.size_of(path)
    with places.reading(path) as stream:
        header = stream.read(_HEADER_BYTES)
    if size == 0:
        raise broken(path, "it is empty")
    if not header.startswith(b"root") or len(header) < _HEADER_BYTES:
        fix = "give the ROOT output of Delphes"
        raise FileUnreadableError(path=path, why="it is not a ROOT file", fix=fix)
    end = _end(header)
    if size < end:
        raise broken(path, f"it is truncated: {size} bytes, its header says {end}")
    return size


def _end(header: bytes) -> int:
    """fEND, the first byte after the file (ROOT's TFile header: magic, version, fBEGIN, fEND)."""
    version = int(struct.unpack_from(">i", header, 4)[0])
    layout = ">q" if version >= 1_000_000 else ">i"  # files beyond 2 GB have 64-bit pointers
    return int(struct.unpack_from(layout, header, 12)[0])


def broken(path: str, why: str) -> FileUnreadableError:
    """The error for a file that must be replaced."""
    return FileUnreadableError(path=path, why=why, fix=_COPY_AGAIN)


def _short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:120] if lines else "no message"
