"""The command that draws labelled histograms of a scan into files, for a loop of one's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer


def ensembles(
    scan: Annotated[Path, typer.Argument(help="Scan file (YAML).", show_default=False)],
    pool: Annotated[str, typer.Option(help="train, validation or test.")],
    benchmark: Annotated[str, typer.Option(help="The signal in histograms of label 1.")],
    strength: Annotated[float, typer.Option(help="One of the list in 'mixtures' of the scan.")],
    number: Annotated[
        int, typer.Option(help="Histograms, both labels together: one half each, in turn.")
    ],
    out: Annotated[str, typer.Option(help="Folder or URL to write into; it must be empty.")],
    address: Annotated[
        str | None, typer.Option(help="Join this Ray cluster instead of starting one here.")
    ] = None,
) -> None:
    """Draw labelled histograms as Parquet files for a training of your own; see docs/ensembles.md.

    Example: [bold]rayscan ensembles scan.yaml --pool train --benchmark spin1 --strength 2
    --number 100000 --out spin1-train[/bold]
    """
    from rayscan.cluster.drawing import write_ensembles
    from rayscan.scan.config.study import load_study
    from rayscan.scan.steps.shards import Wanted

    study = load_study(scan)
    wanted = Wanted.of(study.base, pool=pool, benchmark=benchmark, strength=strength, number=number)
    command = shlex.join(["rayscan", *sys.argv[1:]])
    write_ensembles(study, wanted, out=out, command=command, address=address)
    typer.echo(f"{out}: {number} histograms in {wanted.shards} files; how to read them: README.md")
