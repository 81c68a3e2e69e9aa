"""The command line: verbs and paths; a knob is a key of the scan file."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from rayscan import cli_calculate, cli_cluster, cli_generate
from rayscan.errors import RayscanError

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
Results = Annotated[str, typer.Argument(help="Storage of a scan: a folder or URL.")]

EXIT_USER, EXIT_INTERRUPTED = 2, 130


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="Where to write the scan file.")] = Path("scan.yaml"),
) -> None:
    """Write a commented scan file to start from.

    Example: [bold]rayscan init scan.yaml[/bold]
    """
    if path.exists():
        _complain(f"{path}: exists already; give another name, or remove it")
        raise typer.Exit(EXIT_USER)
    template = resources.files("rayscan.scan").joinpath("template.yaml")
    path.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    typer.echo(f"wrote {path}; edit it, then: rayscan check {path}")


@app.command()
def check(scan: ScanFile) -> None:
    """Validate a scan file and open every input; every problem at once.

    Example: [bold]rayscan check scan.yaml[/bold]
    """
    from rayscan.scan.checking import check_scan

    found = check_scan(scan)
    for line in found.lines:
        typer.echo(line)
    typer.echo(f"{scan}: no problem found; next: rayscan plan {scan}")


@app.command()
def plan(
    scan: ScanFile,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Time a few real draws and steps on this machine.")
    ] = False,
) -> None:
    """Say what will run and what it needs: points, trainings, draws, memory, disk, time.

    Example: [bold]rayscan plan scan.yaml[/bold]
    """
    from rich.console import Console

    from rayscan.scan.cost import calibrated, reference
    from rayscan.scan.study import load_study
    from rayscan.scan.study_cost import estimate_study
    from rayscan.terminal import show

    study = load_study(scan)
    rates = calibrated(study.base) if calibrate else reference()
    costs = estimate_study(study, rates, scan.parent)
    console = Console()
    show(console, f"points of {study.base.name}", costs.base.points)
    show(console, "needs", costs.base.needs)
    if len(costs.variants):
        show(console, "the scan and its variants, one after the other", costs.variants)
    for line in costs.warnings:
        console.print(f"[yellow]warning:[/yellow] {line}", highlight=False)


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
    from rich.console import Console

    from rayscan.scan.checking import check_scan
    from rayscan.scan.progress import TerminalReporter

    console = Console()
    study = check_scan(scan, here=not (address or os.environ.get("RAY_ADDRESS"))).study
    from rayscan.cluster.study import run_study

    try:
        with TerminalReporter(console) as reporter:
            result = run_study(
                study, names=variant or (), base=scan.parent, reporter=reporter, address=address
            )
    except KeyboardInterrupt:
        again = " ".join(["rayscan", *sys.argv[1:]])
        _complain(f"stopped; nothing that finished is lost. To go on: {again}")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _ending(console, study.base.storage, [each.storage for each in result.results.values()])
    for line in result.complaints:
        _complain(line)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _ending(console: Any, study: str, storages: list[str]) -> None:
    """The short table of the only scan that ran, or one of the scan and its variants."""
    from rayscan.scan.study_tables import read_study
    from rayscan.scan.tables import read_tables
    from rayscan.scan.views import comparisons, headline
    from rayscan.terminal import show

    one = len(storages) == 1
    where, tables = (storages[0], "tables") if one else (study, "**/tables")
    if one:
        show(console, "AUC and its ceiling", headline(read_tables(where)))
    elif storages:
        for title, frame in comparisons(read_study(study)).items():
            show(console, title, frame)
    console.print(f"tables:  {where}/{tables}/*.parquet", highlight=False)
    console.print(f"more:    rayscan results {where}", highlight=False)
    console.print(f"figures: rayscan plot {where}", highlight=False)


@app.command()
def results(storage: Results) -> None:
    """Show the tables of a scan, finished or running; takes its storage or its scan file.

    Example: [bold]rayscan results results/quickstart[/bold]
    """
    if storage.endswith((".yaml", ".yml")):
        from rayscan.scan.scan_file import load_scan

        storage = load_scan(Path(storage)).storage
    from rich.console import Console

    from rayscan.scan.cautions import warnings
    from rayscan.scan.study_tables import variant_names
    from rayscan.scan.tables import read_tables
    from rayscan.scan.views import sections
    from rayscan.terminal import show

    console = Console()
    names = variant_names(storage)
    if names and not _variants(console, storage, names):
        return
    tables = read_tables(storage)
    for title, frame in sections(tables).items():
        show(console, title, frame)
    for line in warnings(tables):
        console.print(f"[yellow]warning:[/yellow] {line}", highlight=False)


def _variants(console: Any, storage: str, names: Sequence[str]) -> bool:
    """The variants side by side; whether the scan itself has begun, too."""
    from rayscan.scan.study import BASE, variant_storage
    from rayscan.scan.study_tables import read_study
    from rayscan.scan.views import comparisons
    from rayscan.terminal import show

    study = read_study(storage)
    for title, frame in comparisons(study).items():
        show(console, title, frame)
    for name in names:
        console.print(f"{name}: rayscan results {variant_storage(storage, name)}", highlight=False)
    return BASE in set(study.provenance["variant"])


@app.command()
def plot(
    storage: Results,
    out: Annotated[Path | None, typer.Option(help="Folder for the figures.")] = None,
    study: Annotated[
        str, typer.Option(help="Also the figures of this published study: monojet.")
    ] = "",
) -> None:
    """Draw the figures of a scan, or of a published study from a scan and its variants.

    Example: [bold]rayscan plot results/monojet --study monojet[/bold]
    """
    from rayscan.scan.figures import draw_all
    from rayscan.scan.study_figures import STUDIES, draw_study
    from rayscan.scan.study_tables import read_study
    from rayscan.scan.tables import read_tables

    if study and study not in STUDIES:
        _complain(f"--study: no study '{study}' (known: {', '.join(STUDIES)})")
        raise typer.Exit(EXIT_USER)
    folder = out or _local_folder(storage, "figures")
    if study:
        paths = draw_study(read_study(storage), study, folder)
    else:
        paths = draw_all(read_tables(storage), folder)
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
    from rayscan.scan.page import write_page
    from rayscan.scan.tables import read_tables

    path = out or _local_folder(storage, "report.html")
    write_page(read_tables(storage), path)
    typer.echo(str(path))


cli_cluster.register(app)
cli_generate.register(app)
cli_calculate.register(app)


def _local_folder(storage: str, name: str) -> Path:
    """A place for files made from results: beside the tables if they are on this machine."""
    return Path(storage) / name if "://" not in storage else Path(name)


def _complain(text: str) -> None:
    typer.echo(f"rayscan: {text}", err=True)


def main() -> None:
    """Entry point of the command ``rayscan``: errors of ours end in one message, exit code 2."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        app()
    except RayscanError as error:
        _complain(str(error))
        sys.exit(EXIT_USER)


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
