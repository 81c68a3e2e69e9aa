"""The commands that speak to a cluster from a laptop: submit, status, logs, cancel."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rayscan.scan.journal import Status
    from rayscan.scan.storage import Storage

JobId = Annotated[str, typer.Argument(help="Id that `rayscan submit` printed.", show_default=False)]
Address = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS", help="URL of the cluster's job server (dashboard)."
    ),
]
_ADDRESS = "http://127.0.0.1:8265"
_SILENT = 60.0


def submit(
    scan: Annotated[Path, typer.Argument(help="Scan file (YAML).", show_default=False)],
    address: Address = _ADDRESS,
) -> None:
    """Submit a scan to a cluster and return at once; the same command again resumes it.

    Example: [bold]rayscan submit scan.yaml --address http://127.0.0.1:8265[/bold]
    """
    from rayscan.cluster.submit import JobServer, shippable

    config = shippable(scan)
    server = JobServer(address)
    if note := server.version_note():
        typer.echo(f"warning: {note}", err=True)
    job = server.submit(scan, config, typer.echo)
    where = "" if address == _ADDRESS else f" --address {address}"
    typer.echo(f"submitted: {job}")
    typer.echo(f"  rayscan status {job}{where}")
    typer.echo(f"  rayscan logs {job} --follow{where}")
    typer.echo(f"  rayscan cancel {job}{where}")
    typer.echo(f"  rayscan results {shlex.quote(config.storage)}")


def status(
    what: Annotated[
        str,
        typer.Argument(
            help="A scan file, the storage of a scan, or the id of a job.", show_default=False
        ),
    ],
    address: Address = _ADDRESS,
) -> None:
    """Say how far a scan is: done, running, failed, time left, last error.

    Example: [bold]rayscan status results/quickstart[/bold]
    """
    storage, variants = what, None
    if what.endswith((".yaml", ".yml")):
        from rayscan.scan.study import load_study

        study = load_study(Path(what))
        storage, variants = study.base.storage, tuple(study.variants)
    elif "/" not in what and not Path(what).exists():
        from rayscan.cluster.submit import JobServer

        job = JobServer(address).get(what)
        typer.echo(f"job:      {job.id} is {job.state.lower()}")
        if job.state == "FAILED" and job.message:
            typer.echo(f"          {job.message.strip().splitlines()[0]}")
        storage = job.storage
    for name, value in _progress(storage):
        typer.echo(f"{name + ':':<10}{value}")
    for line in _variants(storage, variants):
        typer.echo(line)


def _variants(storage: str, names: Sequence[str] | None) -> Iterator[str]:
    """A line for each variant: those of the scan file, or those that the storage holds."""
    from rayscan.scan.journal import read_status
    from rayscan.scan.storage import Storage
    from rayscan.scan.study import variant_storage
    from rayscan.scan.study_tables import variant_names

    known = variant_names(storage) if names is None else names
    width = max(map(len, known), default=0) + 2
    for name in known:
        place = Storage(variant_storage(storage, name), 10.0)
        found = read_status(place)
        text = "not begun"
        if found is not None:
            text = f"{_state(found, place)}; {found.trained} classifiers, {found.failed} failed"
        if found is not None and found.state == "running":
            text += f"; {found.stage}: {found.done} of {found.total} {found.unit}"
        if found is not None and found.last_error:
            text += f"; {found.last_error.splitlines()[0]}"
        yield f"  {name + ':':<{width}}{text}"


def _state(found: Status, place: Storage) -> str:
    """The state of a run, and whether it still lives."""
    from rayscan.scan.lock import holder

    if found.state == "running":
        owner = holder(place)
        silence = time.time() - (owner.beaten if owner else found.updated)
        if owner is None or silence > _SILENT:
            return f"running, but not heard of for {silence:.0f} s: run the same command again"
    return found.state


def _progress(storage: str) -> list[tuple[str, str]]:
    """What the storage says of its last run."""
    from rayscan.scan.journal import read_status
    from rayscan.scan.storage import Storage

    place = Storage(storage, 10.0)
    found = read_status(place)
    if found is None:
        return [("storage", f"{storage}: no run has begun here")]
    told = [
        ("scan", f"{found.scan} ({_state(found, place)})"),
        ("storage", storage),
        ("stage", f"{found.stage}: {found.done} of {found.total} {found.unit}"),
        ("trained", f"{found.trained} classifiers, {found.failed} failed"),
    ]
    if found.state == "running" and found.seconds_left is not None:
        told.append(("left", f"about {found.seconds_left:.0f} s of this stage"))
    if found.last_error:
        told.append(("error", found.last_error))
    return told


def logs(
    job: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends.")
    ] = False,
    address: Address = _ADDRESS,
) -> None:
    """Show what a job has written.

    Example: [bold]rayscan logs rayscan-monojet-1a2b3c4d --follow[/bold]
    """
    from rayscan.cluster.submit import JobServer

    for piece in JobServer(address).logs(job, follow=follow):
        sys.stdout.write(piece)
        sys.stdout.flush()


def cancel(job: JobId, address: Address = _ADDRESS) -> None:
    """Stop a job; nothing that finished is lost.

    Example: [bold]rayscan cancel rayscan-monojet-1a2b3c4d[/bold]
    """
    from rayscan.cluster.submit import JobServer

    ended = JobServer(address).cancel(job)
    typer.echo(f"{job} is {ended.state.lower()}; nothing that finished is lost.")
    typer.echo("To go on: submit the same scan file again.")


def register(app: Any) -> None:
    """Add the commands to the command line."""
    for command in (submit, status, logs, cancel):
        app.command()(command)
