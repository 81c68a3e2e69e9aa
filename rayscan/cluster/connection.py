"""The Ray cluster a scan runs on: joined or started here, with room for its trials."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import ray
from ray._common.utils import get_default_ray_temp_dir
from ray._private import ray_constants
from ray.exceptions import RayError

from rayscan.cluster.address import alone, cluster, reach_loopback_directly
from rayscan.cores import allowed_cores
from rayscan.errors import ClusterError, ConfigError, Problem, first_line
from rayscan.scan.config.scan import ScanConfig

logger = logging.getLogger(__name__)

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
"""Equal sums on every machine, no GPU for a trial that asked for none, room for several trials on
one, and no chatter."""

_ANSWER = 10.0  # seconds for a cluster to accept a connection
_TRIES = 3
_LONGEST_FOLDER = 107 - len("/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")


def connect(address: str | None = None, *, workers: int | None = None) -> None:
    """Join the Ray cluster at an address, or start one on this machine.

    Args:
        address: ``auto``, ``ray://host:port`` or ``host:port``; None starts a local one, unless
            this process runs as a Ray job, which joins the cluster it runs on.
        workers: CPU slots of a local cluster; by default one per core this process may use.

    Raises:
        ClusterError: Nothing answers at the address, or it does not let us in.
    """
    if ray.is_initialized():
        return
    reach_loopback_directly()
    options: dict[str, Any] = {
        "runtime_env": {"env_vars": WORKER_ENVIRONMENT},
        "logging_level": logging.ERROR,
        "log_to_driver": False,
    }
    if joined := address or os.environ.get("RAY_ADDRESS"):
        join(joined, options)
    else:
        start({**options, "num_cpus": workers or allowed_cores()})


@contextmanager
def left_at_the_end() -> Iterator[None]:
    """A Ray that is started or joined meanwhile is ended or left; one that was there stays."""
    before = ray.is_initialized()
    try:
        yield
    finally:
        if not before:
            ray.shutdown()


def start(options: Mapping[str, Any], init: Callable[..., object] = ray.init) -> None:
    """Start a cluster on this machine, which nobody else reaches.

    Ray gives a node 30 seconds to come up, which a busy machine may not manage: it is tried again,
    with what a failed start left behind ended first.

    Raises:
        ClusterError: It did not come up.
    """
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        # Otherwise Ray writes one into the home folder, readable for all, and needs that folder.
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    options = {"_temp_dir": session_folder(), "include_dashboard": False, **options}
    with _on_loopback():
        for tries_left in reversed(range(_TRIES)):
            before = _rays()
            try:
                init(address="local", configure_logging=True, **options)
            except Exception as error:  # of a node that is too slow Ray raises no kind of its own
                _end(_rays() - before)
                why = first_line(error)[:200]
                if not tries_left:
                    raise ClusterError(
                        what=f"Ray did not start on this machine in {_TRIES} attempts ({why})",
                        fix="see whether it is overloaded or out of memory or disk; the same "
                        "command again goes on",
                    ) from error
                logger.warning("Ray did not start (%s); tried again", why)
            else:
                return


@contextmanager
def _on_loopback() -> Iterator[None]:
    """All ports of a cluster that starts meanwhile are on 127.0.0.1.

    Ray's switch for macOS and Windows, where a firewall would ask; on Linux it does the same. Ray
    has read its environment already, so this process is told by hand.
    """
    before, variable = ray_constants.ENABLE_RAY_CLUSTER, ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[variable] = "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[variable]


def session_folder() -> str | None:
    """Where a local cluster keeps its session, if not where Ray would: the name must be short.

    Raises:
        ClusterError: The names of sockets would be too long, and there is no shorter folder.
    """
    wanted = Path(get_default_ray_temp_dir())
    if len(os.fsencode(wanted)) <= _LONGEST_FOLDER:
        return None
    for folder in ("/tmp", "/var/tmp"):
        if os.access(folder, os.W_OK):
            what = "%s is too long for the names of sockets; Ray keeps its session in %s/ray"
            logger.warning(what, wanted.parent, folder)
            return f"{folder}/ray"
    raise ClusterError(
        what=f"the temporary folder {wanted.parent} is too long for the names of Ray's sockets "
        f"({_LONGEST_FOLDER - len('/ray')} characters at most)",
        fix="set RAY_TMPDIR to a shorter one",
    )


def _rays() -> set[psutil.Process]:
    """Processes of Ray's own programs below this one; workers end with their raylet."""
    found, programs = set(), str(Path(ray.__file__).parent)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if any(word.startswith(programs) for word in process.cmdline()):
                found.add(process)
    return found


def _end(processes: set[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=_ANSWER)


def join(address: str, options: Mapping[str, Any], init: Callable[..., object] = ray.init) -> None:
    """Join a cluster that is there, at an address as in `connect`.

    Raises:
        ClusterError: It is no address, nothing answers there, or it does not let us in.
    """
    place = cluster(address)
    try:
        if place is not None:  # Ray itself tries for minutes
            socket.create_connection(place, timeout=_ANSWER).close()
        with alone():
            init(address=address, **options)
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise ClusterError(
            what=f"no Ray cluster could be joined at {address} ({first_line(error)[:200]})",
            fix="see that it runs and that this machine reaches it; if it wants a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH)",
        ) from error


def job_id() -> str:
    """Submission id of the Ray job this process runs as, or an empty string.

    Ray hands it to the driver in the metadata of the job.
    """
    known = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    return str((known.get("metadata") or {}).get("job_submission_id", ""))


def check_room(config: ScanConfig, *, joined: bool) -> None:
    """Refuse a scan whose trials no node can hold, which would wait for ever.

    A cluster that was there before us (``joined``) may still grow.

    Raises:
        ConfigError: this machine has too few cores or GPUs for one trial.
    """
    if joined:
        return
    room = ray.cluster_resources()
    wanted = {"CPU": config.resources.cpus_per_trial, "GPU": config.resources.gpus_per_trial}
    problems = tuple(
        Problem(
            where=f"resources.{name.lower()}s_per_trial",
            what=f"{need:g}, but this machine has {room.get(name, 0):g} for Ray; lower it, or join "
            "a cluster with --address",
        )
        for name, need in wanted.items()
        if need > room.get(name, 0)
    )
    if problems:
        raise ConfigError(path=config.name, problems=problems)
