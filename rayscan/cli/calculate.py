"""The command of the four-step calculator: yields in, AUC, ceiling and limit out."""

from __future__ import annotations

from typing import Annotated

import typer


def calculate(
    results: Annotated[
        str | None,
        typer.Option(help="Storage of a scan that has run (a folder or URL), or its scan file."),
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Signal process of the scan.")] = None,
    cross_section_signal: Annotated[
        float | None, typer.Option(help="Of the signal, before the selection [pb].")
    ] = None,
    efficiency_signal: Annotated[
        float | None, typer.Option(help="Share of the signal that is selected.")
    ] = None,
    cross_section_background: Annotated[
        float | None, typer.Option(help="Of all backgrounds, before the selection [pb].")
    ] = None,
    efficiency_background: Annotated[
        float | None, typer.Option(help="Share of the background that is selected.")
    ] = None,
    luminosity: Annotated[float | None, typer.Option(help="Integrated [fb^-1].")] = None,
    background_uncertainty: Annotated[
        float | None, typer.Option(help="Relative uncertainty of the background yield.")
    ] = None,
    k: Annotated[
        float | None, typer.Option(help="Separation of signal and background, without --results.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """From cross-sections, efficiencies and luminosity to S/sqrt(B), the AUC and the limit.

    What is not given comes from the tables of the scan: cross-sections and efficiencies from its
    cut flow, the luminosity of its limits, the uncertainty of its scan file.

    Example: [bold]rayscan calculate --results results/quickstart --benchmark spin1 --luminosity 36
    [/bold]
    """
    from rayscan.report.calculator.answer import Analysis, calculate
    from rayscan.report.calculator.text import as_json, table
    from rayscan.results.read import read_tables
    from rayscan.results.storage import Storage
    from rayscan.scan.config.study import storage_of

    results = storage_of(results) if results is not None else None
    analysis = Analysis(
        cross_section_signal=cross_section_signal,
        efficiency_signal=efficiency_signal,
        cross_section_background=cross_section_background,
        efficiency_background=efficiency_background,
        luminosity=luminosity,
        background_uncertainty=background_uncertainty,
        k=k,
    )
    answer = calculate(
        analysis,
        tables=read_tables(results) if results is not None else None,
        benchmark=benchmark,
        storage=Storage(results) if results is not None else None,
    )
    if json:
        typer.echo(as_json(answer))
        return
    from rich.console import Console

    from rayscan.terminal.tables import show, warn

    console = Console()
    show(console, benchmark or "calculated", table(answer))
    for line in answer.cautions:
        warn(console, line)
