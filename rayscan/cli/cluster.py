"""The commands that speak to a cluster from a laptop: submit, status, logs, cancel."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from rayscan.cli.words import EXIT_USER

JobId = Annotated[str, typer.Argument(help="Id that `rayscan submit` printed.", show_default=False)]
Address = Annotated[
    str | None,
    typer.Option(
        help="The cluster's job server (dashboard), a URL or host:port; else "
        "RAY_API_SERVER_ADDRESS, RAY_ADDRESS or http://127.0.0.1:8265."
    ),
]


def submit(
    scan: Annotated[Path, typer.Argument(help="Scan file (YAML).", show_default=False)],
    address: Address = None,
) -> None:
    """Submit a scan to a cluster and return at once; the same command again resumes it.

    Example: [bold]rayscan submit scan.yaml --address http://127.0.0.1:8265[/bold]
    """
    from rayscan.cluster.address import JOB_SERVER
    from rayscan.cluster.submit import JobServer, shippable

    config = shippable(scan)
    server = JobServer(address)
    if note := server.version_note():
        typer.echo(f"warning: {note}", err=True)
    job = server.submit(scan, config, typer.echo)
    where = "" if server.address == JOB_SERVER else f" --address {server.address}"
    typer.echo(f"submitted: {job} to {server.address}")
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
    address: Address = None,
) -> None:
    """Say how far a scan is: done, running, failed, time left, last error.

    Example: [bold]rayscan status results/quickstart[/bold]
    """
    storage, variants, failed = what, None, False
    if what.endswith((".yaml", ".yml")):
        from rayscan.scan.config.study import load_study

        study = load_study(Path(what))
        storage, variants = study.base.storage, tuple(study.variants)
    elif "/" not in what and not Path(what).exists():
        from rayscan.cluster.submit import JobServer

        job = JobServer(address).get(what)
        typer.echo(f"job:      {job.id} is {job.state.lower()}")
        failed = job.state == "FAILED"
        for line in job.reason if failed else ():
            typer.echo(f"          {line}")
        storage = job.storage
    if storage:  # a job of somebody else has none
        for name, value in _progress(storage):
            typer.echo(f"{name + ':':<10}{value}")
        for line in _variants(storage, variants):
            typer.echo(line)
    if failed:
        raise typer.Exit(EXIT_USER)


def _variants(storage: str, names: Sequence[str] | None) -> Iterator[str]:
    """A line for each variant: those of the scan file, or those that the storage holds."""
    from rayscan.results import so_far
    from rayscan.results.journal import read_status
    from rayscan.results.names import variant_storage
    from rayscan.results.storage import Storage
    from rayscan.results.variants import variant_names

    known = variant_names(storage) if names is None else names
    width = max(map(len, known), default=0) + 2
    for name in known:
        place = Storage(variant_storage(storage, name), 10.0)
        found = read_status(place)
        text = "not begun"
        if found is not None:
            text = (
                f"{so_far.state(found, place)}; {found.trained} classifiers, {found.failed} failed"
            )
        if found is not None and found.state == "running":
            text += f"; {so_far.stage(found)}"
        if found is not None and found.last_error:
            text += f"; {found.last_error.splitlines()[0]}"
        yield f"  {name + ':':<{width}}{text}"


def _progress(storage: str) -> list[tuple[str, str]]:
    """What the storage says of its last run."""
    from rayscan.results import so_far
    from rayscan.results.journal import read_status
    from rayscan.results.storage import Storage

    place = Storage(storage, 10.0)
    found = read_status(place)
    if found is None:
        return [("storage", f"{storage}: no run has begun here")]
    told = [
        ("scan", f"{found.scan} ({so_far.state(found, place)})"),
        ("storage", storage),
        ("stage", so_far.stage(found)),
        ("trained", f"{found.trained} classifiers, {found.failed} failed"),
    ]
    if found.state == "running":
        told.append(("left", so_far.left(found, time.time())))
    if found.last_error:
        told.append(("error", found.last_error))
    return told


def logs(
    job: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends.")
    ] = False,
    address: Address = None,
) -> None:
    """Show what a job has written.

    Example: [bold]rayscan logs rayscan-monojet-1a2b3c4d --follow[/bold]
    """
    from rayscan.cluster.submit import JobServer

    for piece in JobServer(address).logs(job, follow=follow):
        sys.stdout.write(piece)
        sys.stdout.flush()


def cancel(job: JobId, address: Address = None) -> None:
    """Stop a job; nothing that finished is lost.

    Example: [bold]rayscan cancel rayscan-monojet-1a2b3c4d[/bold]
    """
    from rayscan.cluster.submit import JobServer

    ended = JobServer(address).cancel(job)
    typer.echo(f"{job} is {ended.state.lower()}; nothing that finished is lost.")
    typer.echo("To go on: submit the same scan file again.")
