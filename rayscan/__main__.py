"""``python -m rayscan`` is the command ``rayscan``."""

from rayscan.cli import main

main()
