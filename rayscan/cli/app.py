"""The command line: verbs and paths; a knob is a key of the scan file."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import rayscan
from rayscan.cli.calculate import calculate
from rayscan.cli.cluster import cancel, logs, status, submit
from rayscan.cli.ensembles import ensembles
from rayscan.cli.generate import generate
from rayscan.cli.words import EXIT_USER, complain
from rayscan.errors import RayscanError, StorageError

if TYPE_CHECKING:
    from rayscan.cluster.study import StudyResult

app = typer.Typer(
    name="rayscan",
    help="Which signal could a trained classifier see in my events, how strong must it be, "
    "and what would I exclude?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

ScanFile = Annotated[Path, typer.Argument(help="Scan file (YAML).", show_default=False)]
Results = Annotated[
    str, typer.Argument(help="Storage of a scan (a folder or URL), or its scan file.")
]

EXIT_INTERRUPTED = 130
_OUT = "give another place with --out"


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write the scan file.")] = Path("scan.yaml"),
) -> None:
    """Write a commented scan file to start from.

    Example: [bold]rayscan init scan.yaml[/bold]
    """
    if path.exists():
        complain(f"{path}: exists already; give another name, or remove it")
        raise typer.Exit(EXIT_USER)
    template = resources.files("rayscan.scan.config").joinpath("template.yaml").read_text("utf-8")
    if not path.parent.is_dir():
        complain(f"{path}: there is no folder {path.parent}; make it first, or give another place")
        raise typer.Exit(EXIT_USER)
    with _writing(path, "give another place"):
        path.write_text(template, encoding="utf-8")
    typer.echo(f"wrote {path}; edit it, then: rayscan check {shlex.quote(str(path))}")


@app.command()
def check(scan: ScanFile) -> None:
    """Validate a scan file and open every input; every problem at once.

    Example: [bold]rayscan check scan.yaml[/bold]
    """
    typer.echo(f"{rayscan.check(scan)}; next: rayscan plan {shlex.quote(str(scan))}")


@app.command()
def plan(
    scan: ScanFile,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time a few draws on this machine.")
    ] = False,
) -> None:
    """Say what will run and what it needs: points, trainings, memory, disk, time.

    Example: [bold]rayscan plan scan.yaml[/bold]
    """
    from rich.console import Console

    rayscan.plan(scan, calibrate=calibrate).show(Console())


@app.command()
def run(
    scan: ScanFile,
    address: Annotated[
        str | None, typer.Option(help="Join this Ray cluster instead of starting one here.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="Run only this variant ('base': the scan itself); repeatable."),
    ] = None,
) -> None:
    """Run a scan and its variants; the same command again resumes them.

    Example: [bold]rayscan run jobs/quickstart.yaml[/bold]
    """
    from rayscan.cluster.watched import run_watched

    try:
        result = run_watched(scan, address=address, variants=variant or ())
    except KeyboardInterrupt:
        again = shlex.join(["rayscan", *sys.argv[1:]])
        complain(f"stopped; nothing that finished is lost. To go on: {again}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _ending(result)
    for line in result.complaints:
        complain(line)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _ending(result: StudyResult) -> None:
    """The short table of the only scan that ran, or one of the scan and its variants."""
    from rich.console import Console

    from rayscan.report.views import comparisons, headline
    from rayscan.terminal.tables import show

    console, one = Console(), result.alone
    where, tables = (one, "tables") if one else (result.storage, "**/tables")
    if one:
        show(console, "AUC and its ceiling", headline(result.tables()))
    elif result.results:
        for title, frame in comparisons(result.tables()).items():
            show(console, title, frame)
    typer.echo(f"tables:  {where}/{tables}/*.parquet")
    typer.echo(f"more:    rayscan results {shlex.quote(where)}")
    typer.echo(f"figures: rayscan plot {shlex.quote(where)}")


@app.command()
def results(
    storage: Results,
    study: Annotated[
        str, typer.Option(help="Only the tables of this published study beside its own: slepton.")
    ] = "",
) -> None:
    """Show the tables of a scan, finished or running.

    Example: [bold]rayscan results results/quickstart[/bold]
    """
    from rich.console import Console
    from rich.markup import escape

    from rayscan.report.cautions import warnings
    from rayscan.report.views import sections
    from rayscan.results.so_far import unfinished, what_there_is
    from rayscan.results.storage import Storage
    from rayscan.results.variants import variant_names
    from rayscan.scan.config.study import storage_of
    from rayscan.terminal.tables import show, warn

    console, storage = Console(), storage_of(storage)
    names = variant_names(storage)
    if study:
        _published(console, storage, study)
        return
    if names and not _variants(console, storage, names):
        return
    tables = rayscan.read_tables(storage)
    if told := unfinished(Storage(storage), tables):
        console.print(f"[yellow]{escape(told)}[/yellow]", highlight=False)
    so_far = {} if len(tables.points) else what_there_is(tables)
    for title, frame in (so_far | sections(tables)).items():
        show(console, title, frame)
    for line in warnings(tables):
        warn(console, line)


def _published(console: Any, storage: str, study: str) -> None:
    """The tables of a published study, of the scan itself and of each of its variants."""
    from rayscan.report.published.beside import NOTE, shown, studies
    from rayscan.terminal.tables import show

    if study not in studies():
        complain(f"--study: no tables of a study '{study}' (known: {', '.join(studies())})")
        raise typer.Exit(EXIT_USER)
    for title, frame in shown(rayscan.read_study(storage), study).items():
        show(console, title, frame)
    console.print(NOTE, highlight=False)


def _variants(console: Any, storage: str, names: Sequence[str]) -> bool:
    """The variants side by side; whether the scan itself has begun, too."""
    from rayscan.report.views import comparisons
    from rayscan.results.journal import read_status
    from rayscan.results.names import BASE, variant_storage
    from rayscan.results.so_far import stage
    from rayscan.results.storage import Storage
    from rayscan.terminal.tables import show

    study = rayscan.read_study(storage)
    for title, frame in comparisons(study).items():
        show(console, title, frame)
    for name in names:
        own = variant_storage(storage, name)
        found = read_status(Storage(own))
        told = "" if found is None or found.state == "done" else f" ({found.state}, {stage(found)})"
        typer.echo(f"{name}: rayscan results {shlex.quote(own)}{told}")
    return BASE in set(study.provenance["variant"])


@app.command()
def plot(
    storage: Results,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures.")] = None,
    study: Annotated[
        str, typer.Option(help="Also the figures of this published study: monojet, slepton.")
    ] = "",
) -> None:
    """Draw the figures of a scan, or of a published study from a scan and its variants.

    Example: [bold]rayscan plot results/monojet --study monojet[/bold]
    """
    from rayscan.report.figures.all import draw_all
    from rayscan.report.figures.study import STUDIES, draw_study
    from rayscan.scan.config.study import storage_of

    if study and study not in STUDIES:
        complain(f"--study: no study '{study}' (known: {', '.join(STUDIES)})")
        raise typer.Exit(EXIT_USER)
    storage = storage_of(storage)
    folder = out or _local_folder(storage, "figures")
    tables = rayscan.read_study(storage) if study else rayscan.read_tables(storage)
    with _writing(folder, _OUT):
        paths = draw_study(tables, study, folder) if study else draw_all(tables, folder)
    for path in paths:
        typer.echo(str(path))


@app.command()
def report(
    storage: Results,
    out: Annotated[Path | None, typer.Option(help="The HTML file to write.")] = None,
) -> None:
    """Write one self-contained HTML page with tables and figures.

    Example: [bold]rayscan report results/quickstart[/bold]
    """
    from rayscan.report.page import write_page
    from rayscan.scan.config.study import storage_of

    storage = storage_of(storage)
    path = out or _local_folder(storage, "report.html")
    tables = rayscan.read_tables(storage)
    with _writing(path, _OUT):
        write_page(tables, path)
    typer.echo(str(path))


for command in (submit, status, logs, cancel, generate, calculate, ensembles):
    app.command()(command)


def _local_folder(storage: str, name: str) -> Path:
    """A place for files made from results: beside the tables if they are on this machine."""
    return Path(storage) / name if "://" not in storage else Path(name)


@contextmanager
def _writing(place: Path, fix: str) -> Iterator[None]:
    """A place that cannot be written as one sentence."""
    try:
        yield
    except OSError as error:
        why = f"cannot be written ({error.strerror or error})"
        raise StorageError(path=str(place), why=why, fix=fix) from error


def main() -> None:
    """Entry point of the command ``rayscan``: errors of ours end in one message, exit code 2."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    os.environ["MPLBACKEND"] = "agg"  # that of a notebook would not be found, and matplotlib raises
    try:
        app()
    except RayscanError as error:
        complain(str(error))
        sys.exit(EXIT_USER)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
