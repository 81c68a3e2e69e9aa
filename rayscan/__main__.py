"""``python -m rayscan`` is the command ``rayscan``."""

from rayscan.cli.app import main

main()
