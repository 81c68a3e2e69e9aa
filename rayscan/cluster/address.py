"""Which cluster is meant: what was given wins over the environment, and loopback needs no proxy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from rayscan.errors import ClusterError, first_line

JOB_SERVER = "http://127.0.0.1:8265"
"""Where `ray attach cluster.yaml -p 8265` brings the job server of a cluster."""

_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
_LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.0/8", "::1")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[\w.-]+):(?P<port>\d{1,5})")


def job_server(given: str | None = None) -> str:
    """URL of the job server that is meant.

    Args:
        given: By the user: a URL, ``host:port``, or what Ray can find one by (``auto``,
            ``ray://host:port``); else RAY_API_SERVER_ADDRESS, RAY_ADDRESS or `JOB_SERVER` counts.

    Raises:
        ClusterError: it is no address, or Ray finds no job server by it.
    """
    bootstrap = os.environ.get("RAY_ADDRESS") or ""
    name = given or os.environ.get("RAY_API_SERVER_ADDRESS")
    if not name and "://" not in bootstrap:  # of the cluster itself: not where its job server is
        return _found_by_ray(bootstrap) if bootstrap else JOB_SERVER
    name = name or bootstrap
    if name == "auto" or name.startswith("ray://"):
        return _found_by_ray(name)
    url = name if "://" in name else f"http://{name}"
    if not _is_url(url):
        raise ClusterError(
            what=f"'{name}' is no address of a job server",
            fix=f"give host:port or a URL, as {JOB_SERVER}",
        )
    return url.rstrip("/")


def _is_url(text: str) -> bool:
    """Whether it is a URL of a server without a name, a password or a question in it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    named = re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.%]+\]", parts.netloc) is not None
    good = named or _host_port(parts.netloc) is not None
    return good and parts.scheme in {"http", "https"} and not re.search(r"[?#\s]", text)


def cluster(given: str) -> tuple[str, int] | None:
    """Host and port of a Ray cluster by the address a user gave; None for ``auto``, ``local``.

    Raises:
        ClusterError: it is no address.
    """
    if given in {"auto", "local"}:
        return None
    found = _host_port(given.removeprefix("ray://"))
    if found is None:
        raise ClusterError(
            what=f"'{given}' is no address of a Ray cluster",
            fix="give auto, host:port or ray://host:port (a job server, http://..., is for "
            "rayscan submit)",
        )
    return found


def _host_port(text: str) -> tuple[str, int] | None:
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        return None
    return match["host"].strip("[]"), int(match["port"])


def _found_by_ray(name: str) -> str:
    from ray.dashboard.utils import get_address_for_submission_client

    try:
        with alone():
            return str(get_address_for_submission_client(name))
    except Exception as error:  # Ray raises no kind of its own
        raise ClusterError(
            what=f"no job server was found by '{name}' ({first_line(error)[:200]})",
            fix=f"give its URL with --address, as {JOB_SERVER}",
        ) from error


@contextmanager
def alone() -> Iterator[None]:
    """Hide the addresses of the environment from Ray, which prefers them to what it is given."""
    hidden = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def reach_loopback_directly() -> None:
    """Never ask a proxy for this machine itself; of this process and of all that it starts."""
    values = [os.environ.get(name) or "" for name in ("no_proxy", "NO_PROXY")]
    known = [each.strip() for value in values for each in value.split(",") if each.strip()]
    listed = "*" if "*" in known else ",".join(dict.fromkeys([*known, *_LOOPBACK]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = listed
