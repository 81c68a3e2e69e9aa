"""Where an input file lies: a path of this machine, or a URL that `pyarrow.fs` opens.

Credentials come from the environment, never from a URL, which ends up in tables and logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.fs as pafs

from rayscan import patterns
from rayscan.errors import FileUnreadableError, StorageError

_WILD = frozenset("*[")
_SECRET_OPTIONS = ("secret", "key", "token", "password", "signature", "sig")
_HOST_OPTIONS = ("endpoint_override", "blob_storage_authority", "dfs_storage_authority")
_SCHEMES = "give a path, or a URL that begins with s3://, gs://, abfs:// or hdfs://"
_ANSWERS = (
    "see that this machine may read it (credentials in the environment) and that its server "
    "answers, then run the same command again"
)


def is_url(place: str) -> bool:
    """Whether it is a URL rather than a path of this machine."""
    return "://" in place


def tail(place: str) -> tuple[str, ...]:
    """The parts of a path; of a URL without its options, written as a path would be."""
    if not is_url(place):
        return Path(place).parts
    address = place.partition("?")[0].partition("://")[2]
    return PurePosixPath(unquote(address)).parts


def masked(place: str) -> str:
    """A place with its passwords and keys as stars: it ends up in tables and logs.

    >>> masked("s3://me:secret@bucket/a.root?region=eu&access_key=abc")
    's3://***@bucket/a.root?region=eu&access_key=***'
    >>> masked("s3://bucket/a.root?region=eu")
    's3://bucket/a.root?region=eu'
    """
    if not is_url(place):
        return place
    address, mark, options = place.partition("?")
    scheme, rest = address.split("://", 1)
    server, slash, path = rest.partition("/")
    user, at, host = server.rpartition("@")
    if ":" in user:
        server = f"***{at}{host}"
    for name, value in parse_qsl(options):
        if value and any(word in name.lower() for word in _SECRET_OPTIONS):
            options = options.replace(f"{name}={quote(value, safe='')}", f"{name}=***")
            options = options.replace(f"{name}={value}", f"{name}=***")
    return f"{scheme}://{server}{slash}{path}{mark}{options}"


def named_host(place: str) -> str:
    """The host that a URL itself names, where it is not that of its kind of storage; else empty.

    >>> named_host("s3://bucket/a.root?region=eu&endpoint_override=10.0.0.7:9000")
    '10.0.0.7:9000'
    >>> named_host("s3://bucket/a.root?region=eu")
    ''
    >>> named_host("hdfs://name@lab.example:8020/a.root")
    'lab.example:8020'
    """
    if not is_url(place):
        return ""
    address, _, options = place.partition("?")
    if told := [value for name, value in parse_qsl(options) if name.lower() in _HOST_OPTIONS]:
        return ", ".join(dict.fromkeys(told))
    scheme, rest = address.lower().split("://", 1)
    host = rest.partition("/")[0].rpartition("@")[2]
    own = scheme in {"s3", "gs", "gcs", "file"}
    azure = scheme in {"abfs", "abfss"} and ("." not in host or host.endswith(".windows.net"))
    return "" if own or azure else host


def expand(pattern: str, base: Path) -> tuple[str, ...]:
    """The files that a path or URL names, wildcards ``*``, ``[...]`` and ``**`` allowed, sorted.

    A name that exists is no wildcard: ``run[1]`` is that folder where there is one.

    Args:
        pattern: A path relative to ``base``, an absolute one, or a URL, in which ``?`` begins the
            options.
        base: Folder of the scan file.

    Raises:
        FileUnreadableError: There is none, or it climbs out of ``base``, or holds a secret.
        StorageError: The server of a URL does not answer or refuses.
    """
    if ".." in tail(pattern):
        raise FileUnreadableError(
            path=pattern,
            why="it climbs out of its folder ('..')",
            fix="give an absolute path, or put the scan file above its input",
        )
    if not is_url(pattern):
        shown = str(patterns.absolute(pattern, base))
        fix = "paths are relative to the folder of the scan file"
        return _some(patterns.matching(pattern, base), shown, fix=fix)
    if masked(pattern) != pattern:
        raise FileUnreadableError(
            path=masked(pattern),
            why="it holds a secret",
            fix="leave it out and give credentials in the environment (AWS_ACCESS_KEY_ID, ...)",
        )
    return _some(_matches(pattern), pattern, fix="correct the URL in the scan file")


def _some(found: Sequence[str], pattern: str, *, fix: str) -> tuple[str, ...]:
    if not found:
        raise FileUnreadableError(path=pattern, why="no such file", fix=fix)
    return tuple(sorted(found))


def _matches(pattern: str) -> list[str]:
    address, mark, options = pattern.partition("?")
    scheme, _, rest = address.partition("://")
    parts = rest.split("/")
    wild = next((i for i, part in enumerate(parts) if _WILD & set(part)), len(parts))
    if wild == len(parts):
        return [pattern]
    folder = f"{scheme}://{'/'.join(parts[:wild])}"
    filesystem, root = _located(f"{folder}{mark}{options}")
    with _answering(pattern):
        while wild < len(parts):
            deeper = f"{root}/{parts[wild]}"
            if filesystem.get_file_info(deeper).type == pafs.FileType.NotFound:
                break
            folder, root = f"{folder}/{quote(parts[wild])}", deeper
            wild += 1
        if wild == len(parts):
            return [f"{folder}{mark}{options}"]
        selector = pafs.FileSelector(root, recursive=len(parts) - wild > 1, allow_not_found=True)
        listed = [info.path for info in filesystem.get_file_info(selector) if info.is_file]
    inner = [path.removeprefix(root).lstrip("/") for path in listed]
    names = [name for name in inner if _fits(name.split("/"), parts[wild:])]
    return [f"{folder}/{quote(name)}{mark}{options}" for name in names]


def _fits(names: Sequence[str], wild: Sequence[str]) -> bool:
    if not wild:
        return not names
    if wild[0] == "**":
        return _fits(names, wild[1:]) or (bool(names) and _fits(names[1:], wild))
    return bool(names) and fnmatchcase(names[0], wild[0]) and _fits(names[1:], wild[1:])


@lru_cache(maxsize=1024)
def _located(url: str) -> tuple[pafs.FileSystem, str]:
    """The file system of a URL and the path in it; made once, a client is not for free."""
    with _answering(url):
        try:
            filesystem, path = pafs.FileSystem.from_uri(url)
        except pa.ArrowInvalid as error:
            raise FileUnreadableError(
                path=url, why=f"it is no URL of a known kind ({error})", fix=_SCHEMES
            ) from error
    return filesystem, path.rstrip("/")


@contextmanager
def _answering(place: str) -> Iterator[None]:
    """A server that does not answer is not a damaged file: it must never be left out for that."""
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(place) from error
    except OSError as error:
        if is_url(place):
            raise StorageError(path=place, why=f"cannot be read ({error})", fix=_ANSWERS) from error
        why = f"it cannot be opened ({error.strerror or error})"
        raise FileUnreadableError(path=place, why=why, fix="make it readable") from error


def _missing(place: str) -> FileUnreadableError:
    return FileUnreadableError(
        path=place, why="there is no such file", fix="correct the path in the scan file"
    )


def size_of(place: str) -> int:
    """Size of a file [bytes].

    Raises:
        FileUnreadableError: It is missing, a directory or not readable.
        StorageError: The server of a URL does not answer or refuses.
    """
    return int(_info(place).size)


def _info(place: str) -> pafs.FileInfo:
    filesystem, path = _located(place) if is_url(place) else (pafs.LocalFileSystem(), place)
    with _answering(place):
        if not is_url(place):
            Path(place).stat()  # says why it cannot be opened: Arrow finds no file then
        info = filesystem.get_file_info(path)
    if info.type == pafs.FileType.NotFound:
        raise _missing(place)
    if info.type == pafs.FileType.Directory:
        why, fix = "it is a directory", "name the files in it, or use a pattern"
        raise FileUnreadableError(path=place, why=why, fix=fix)
    if not info.is_file:
        why = "it is no file but a pipe, a socket or a device"
        fix = "write its bytes into a file and name that"
        raise FileUnreadableError(path=place, why=why, fix=fix)
    return info


class _Remote:
    """A file behind a URL, as far as uproot needs one."""

    def __init__(self, url: str) -> None:
        self._url = url
        filesystem, path = _located(url)
        with _answering(url):
            self._file = filesystem.open_input_file(path)

    def read(self, count: int) -> bytes:
        with _answering(self._url):
            return bytes(self._file.read(count))

    def seek(self, position: int) -> int:
        with _answering(self._url):
            return int(self._file.seek(position))

    def __repr__(self) -> str:
        return self._url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def reading(place: str) -> Iterator[Any]:
    """A file, open for reading bytes: ``read`` and ``seek``.

    Raises:
        FileUnreadableError: It is missing or not readable.
        StorageError: The server of a URL does not answer or refuses, now or while it is read.
    """
    if is_url(place):
        with _Remote(place) as remote:
            yield remote
        return
    with ExitStack() as stack:
        with _answering(place):
            stream = stack.enter_context(Path(place).open("rb"))
        yield stream


def stamp_of(place: str) -> tuple[int, int]:
    """Size [bytes] and time of the last change [ns] of a file: another file has others.

    Raises:
        FileUnreadableError: It is missing, a directory or not readable.
        StorageError: The server of a URL does not answer or refuses.
    """
    info = _info(place)
    return int(info.size), int(info.mtime_ns or 0)


def beside(uri: str, name: str) -> str:
    """Path or URL of a folder beside another one.

    >>> beside("s3://bucket/scans/monojet?region=eu-central-1", "cache")
    's3://bucket/scans/cache?region=eu-central-1'
    >>> beside("results/quickstart", "cache")
    'results/cache'
    """
    if not is_url(uri):
        here = Path(uri) if Path(uri).name not in {"", ".."} else Path(uri).resolve()
        return str(here.parent / name)
    parts = urlsplit(uri)
    folder = parts.path.rstrip("/").rsplit("/", 1)[0]
    return urlunsplit(parts._replace(path=f"{folder}/{name}"))


def inside(uri: str, name: str) -> str:
    """Path or URL of a folder inside another one.

    >>> inside("s3://bucket/monojet?region=eu-central-1", "variants/bins-5")
    's3://bucket/monojet/variants/bins-5?region=eu-central-1'
    >>> inside("results/monojet", "variants/bins-5")
    'results/monojet/variants/bins-5'
    """
    if not is_url(uri):
        return str(Path(uri) / name)
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))
