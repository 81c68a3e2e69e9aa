"""The command that makes events: the catalogue of processes, and one file of one of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from rayscan.cli.words import EXIT_USER, complain


def generate(
    process: Annotated[str, typer.Argument(help="Process of the catalogue, or 'list'.")],
    out: Annotated[Path, typer.Option(help="The ROOT file to write.")] = Path("events.root"),
    events: Annotated[int, typer.Option(help="Selected events to write.")] = 10_000,
    level: Annotated[str, typer.Option(help="parton, shower or hadron.")] = "parton",
    source: Annotated[str, typer.Option(help="pythia or density.")] = "pythia",
    seed: Annotated[int, typer.Option(help="Random seed.", min=0)] = 1,
    energy: Annotated[float, typer.Option(help="Centre-of-mass energy [GeV].")] = 14_000.0,
    recipes: Annotated[
        Path | None, typer.Option(help="A YAML file of your own recipes, by name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Make events of one process with Pythia 8 as a ROOT file in the Delphes layout.

    Example: [bold]rayscan generate spin1_on --events 10000 --out spin1.root[/bold]
    """
    from pydantic import TypeAdapter, ValidationError

    from rayscan.generator import generate as generation
    from rayscan.generator.recipes import own_values

    own = own_values(recipes) if recipes is not None else {}
    if process == "list":
        _list(own)
        return
    wanted = {"process": process, "events": events, "level": level, "source": source}
    if recipes is not None:
        wanted |= {"recipes": str(recipes), "recipe": own.get(process)}
    problems = list(_refused(out, energy, overwrite=overwrite))
    try:
        config = TypeAdapter(generation.Generate).validate_python(wanted)
    except ValidationError as error:
        problems += [_told(problem) for problem in error.errors(include_url=False)]
    for problem in problems:
        complain(problem)
    if problems:
        raise typer.Exit(EXIT_USER)
    made = generation.generate(config, path=out, seed=seed, energy=energy)
    typer.echo(
        f"{out}: {made.events} events, {made.cross_section:.4g} +- "
        f"{made.cross_section_error:.2g} pb after its filter"
    )


def _refused(out: Path, energy: float, *, overwrite: bool) -> Iterator[str]:
    if out.exists() and not overwrite:
        yield f"--out: {out} exists already; give another name, or --overwrite"
    if not (energy > 0 and math.isfinite(energy)):
        yield f"--energy: {energy} GeV, expected a finite number above 0"


def _told(problem: Any) -> str:
    """A problem of the recipe with the option it is about."""
    if problem["type"] == "value_error":  # begins with the name of the key
        message = str(problem["ctx"]["error"])
        return message if message.startswith(("process:", "recipe")) else f"--{message}"
    wanted = problem["msg"].replace("Input should be", "expected")
    return f"--{problem['loc'][0]}: found '{problem['input']}', {wanted}"


def _list(values: Any) -> None:
    from rich.console import Console

    from rayscan.generator.catalogue import catalogue, shown
    from rayscan.generator.recipes import own
    from rayscan.terminal.tables import show

    try:
        added = {name: own(name, each) for name, each in values.items()}
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(EXIT_USER) from None
    console = Console()
    show(console, "processes that can be generated", shown(catalogue(added)))
    console.print(
        "labels: trained alone / one binary network of many models / one network with a class for "
        "each; - takes no part",
        highlight=False,
    )
