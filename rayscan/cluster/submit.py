"""A scan as a Ray job, from a laptop: what is shipped, its id, its state, its log, its end."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from rayscan.cluster.address import alone, job_server, reach_loopback_directly
from rayscan.errors import ClusterError, ConfigError, Problem, first_line
from rayscan.keys import digest
from rayscan.results.names import BASE
from rayscan.scan.config import own_architectures, own_recipes
from rayscan.scan.config.file import parse_keys, read_text
from rayscan.scan.config.given import dump
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import load_study, located

LARGEST = 50e6
"""Bytes that are shipped at most: code and a scan file are far smaller."""

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_REASON = 12  # lines of a job's message that are shown
_ENTRY = "python -m rayscan run scan.yaml"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A submitted scan and what Ray says of it: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED."""

    id: str
    state: str
    message: str
    storage: str

    @property
    def reason(self) -> tuple[str, ...]:
        """Why it failed: what Ray says first, and the last lines, which hold the cause."""
        first, *rest = [each.rstrip() for each in self.message.splitlines() if each.strip()] or [""]
        return (first, *rest[-_REASON:])


def shippable(path: Path) -> ScanConfig:
    """A scan file that can run elsewhere: all that it and its variants name must be reached there.

    Raises:
        ConfigError: with every problem of the file, and every path that only exists here.
    """
    study = load_study(path)
    written = parse_keys(read_text(path), path=str(path))[1]
    kept = [(key, str(written[key])) for key in ("storage", "cache") if written.get(key)]
    problems = {name: list(_only_here(config)) for name, config in study.scans.items()}
    problems[BASE] = [*_relative(kept), *problems[BASE]]
    if any(problems.values()):
        raise ConfigError(path=str(path), problems=located(str(path), problems))
    return study.base


def _relative(places: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    for key, place in places:
        if "://" not in place and not Path(place).is_absolute() and place[:1] != "~":
            what = (
                f"'{place}' is relative: the job runs in a folder of the cluster that is removed "
                "with it; give a URL (s3://...) or an absolute path that every node reaches"
            )
            yield Problem(where=key, what=what)


def _named(config: ScanConfig) -> dict[str, str]:
    """Files that a scan file names and that are shipped with it, each by its place in it."""
    return {**own_recipes.named(config), **own_architectures.named(config)}


def _only_here(config: ScanConfig) -> Iterator[Problem]:
    """Files of events at relative paths, and named files that are not below the scan file."""
    processes = config.processes.items()
    yield from _relative((f"processes.{n}.files", file) for n, p in processes for file in p.files)
    for where, place in _named(config).items():
        if ".." in Path(place).parts:
            what = f"'{place}' is above the scan file and not shipped; put it beside the scan file"
            yield Problem(where=where, what=what)


def pack(scan: Path, folder: Path) -> int:
    """Put what a job needs into an empty folder: this very rayscan and the scan file.

    Returns:
        Bytes of it all: rayscan, the scan file, the recipes and architectures it names.

    Raises:
        ClusterError: it is too large to be shipped.
    """
    with resources.as_file(resources.files("rayscan")) as package:
        shutil.copytree(package, folder / "rayscan", ignore=_LEFT_OUT)
    shutil.copyfile(scan, folder / "scan.yaml")
    named = [_named(config) for config in load_study(scan).scans.values()]
    for place in {place for each in named for place in each.values()}:
        if not Path(place).is_absolute():  # absolute ones are reached from every node
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(scan.parent / place, folder / place)
    files = {p: p.stat().st_size for p in folder.rglob("*") if p.is_file()}
    size = sum(files.values())
    if size > LARGEST:
        largest = max(files, key=lambda p: files[p]).relative_to(folder)
        raise ClusterError(
            what=f"{size / 1e6:.0f} MB would be shipped, at most {LARGEST / 1e6:.0f} are allowed",
            fix=f"the largest file is {largest}: move it out of the package",
        )
    return size


def scan_id(config: ScanConfig) -> str:
    """Submission id of a scan: equal scan files have equal ids.

    Where it runs and where results go belong to it: the same scan into another storage is another
    job. Variants do not: a file to which one was added waits for the job that runs already.
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", config.name)
    return f"rayscan-{name}-{digest(dump(config))[:8]}"


class JobServer:
    """The job server of a cluster.

    Args:
        address: As of `address.job_server`; the attribute is the URL that is asked.

    Raises:
        ClusterError: nothing answers there, or it wants a token.
    """

    def __init__(self, address: str | None = None) -> None:
        reach_loopback_directly()
        self.address = job_server(address)
        from ray.job_submission import JobSubmissionClient

        with _told(self.address), alone(), warnings.catch_warnings(action="ignore"):
            self._client: Any = JobSubmissionClient(self.address)

    def version_note(self) -> str:
        """What to know if the cluster runs another Ray than this machine, else empty."""
        import ray

        theirs = str(getattr(self._client, "_server_ray_version", ray.__version__))
        if theirs == ray.__version__:
            return ""
        return f"the cluster runs Ray {theirs}, this machine {ray.__version__}"

    def find(self, job: str) -> Job | None:
        """A job, or None if the server knows no such id."""
        with _told(self.address):
            known = {str(j.submission_id): j for j in self._client.list_jobs() if j.submission_id}
        if job not in known:
            return None
        found = known[job]
        storage = (found.metadata or {}).get("storage", "")
        return Job(
            id=job,
            state=str(getattr(found.status, "value", found.status)),
            message=str(found.message or ""),
            storage=storage,
        )

    def get(self, job: str) -> Job:
        """A job.

        Raises:
            ClusterError: the server knows no such id.
        """
        found = self.find(job)
        if found is None:
            raise ClusterError(
                what=f"{self.address} knows no job '{job}'",
                fix="give the id that `rayscan submit` printed, or a storage",
            )
        return found

    def submit(self, scan: Path, config: ScanConfig, say: Callable[[str], None]) -> str:
        """Submit a scan; its id.

        Raises:
            ClusterError: the same scan runs already, or the cluster refuses it.
        """
        job = self._free_id(scan_id(config))
        with tempfile.TemporaryDirectory(prefix="rayscan-job-") as folder:
            size = pack(scan, Path(folder))
            say(f"shipping {size / 1e6:.1f} MB: rayscan itself and {scan.name}")
            with _told(self.address):
                return str(
                    self._client.submit_job(
                        entrypoint=_ENTRY,
                        submission_id=job,
                        runtime_env={"working_dir": folder},
                        metadata={"scan": config.name, "storage": config.storage},
                    )
                )

    def _free_id(self, wanted: str) -> str:
        """The id of the scan, or of its next run if earlier ones have ended."""
        number, job = 1, wanted
        while (found := self.find(job)) is not None:
            if found.state not in ENDED:
                raise ClusterError(
                    what=f"this scan is there already: job {job} is {found.state.lower()}",
                    fix=f"follow it with: rayscan logs {job} --follow, or stop it with: "
                    f"rayscan cancel {job}",
                )
            number += 1
            job = f"{wanted}-{number}"
        return job

    def logs(self, job: str, *, follow: bool) -> Iterator[str]:
        """What a job has written so far, and with ``follow`` what it writes until it ends."""
        self.get(job)
        if not follow:
            with _told(self.address):
                yield str(self._client.get_job_logs(job))
            return
        with _told(self.address), asyncio.Runner() as runner:
            stream = self._client.tail_job_logs(job).__aiter__()
            while True:
                try:
                    yield runner.run(anext(stream))
                except StopAsyncIteration:
                    return

    def cancel(self, job: str, seconds: float = 60.0) -> Job:
        """Stop a job and wait until it has stopped.

        Raises:
            ClusterError: it did not stop in time.
        """
        if self.get(job).state not in ENDED:
            with _told(self.address):
                self._client.stop_job(job)
        deadline = time.monotonic() + seconds
        while (found := self.get(job)).state not in ENDED:
            if time.monotonic() > deadline:
                raise ClusterError(
                    what=f"job {job} is still {found.state.lower()} after {seconds:.0f} s",
                    fix="look at its log, or try again",
                )
            time.sleep(0.5)
        return found


@contextmanager
def _told(address: str) -> Iterator[None]:
    """What went wrong with a cluster, as one sentence a user can act on."""
    import requests
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        raise ClusterError(
            what=f"{address} wants a token ({first_line(error)})",
            fix="set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN (or RAY_AUTH_TOKEN_PATH) to the token "
            "of the cluster",
        ) from error
    except (ConnectionError, requests.exceptions.RequestException, RuntimeError) as error:
        away = isinstance(error, ConnectionError | requests.exceptions.ConnectionError)
        what, fix = f"{address}: {first_line(error)[:400]}", "look at the cluster's dashboard"
        if away:
            what = f"no job server answers at {address}"
            fix = "open the tunnel (ray attach cluster.yaml -p 8265), or give --address"
        raise ClusterError(what=what, fix=fix) from error
