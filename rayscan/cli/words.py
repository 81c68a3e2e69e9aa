"""What every command says and does when the user must change something."""

import typer

EXIT_USER = 2


def complain(text: str) -> None:
    """One line on the error stream."""
    typer.echo(f"rayscan: {text}", err=True)
