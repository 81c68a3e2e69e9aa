"""A whole scan as a Ray job.

    ray job submit --working-dir . -- python jobs/scan.py jobs/quickstart.yaml

Joins the cluster it runs on; started by hand, it starts a Ray of its own.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from rayscan.cluster.run import run_scan
from rayscan.errors import RayscanError
from rayscan.scan.checking import check_scan
from rayscan.terminal import TerminalReporter


def main() -> int:
    """Run the scan file on the command line; exit code 0 done, 1 some trials failed, 2 mend it."""
    parser = argparse.ArgumentParser(description="Run a rayscan scan file.")
    parser.add_argument("scan", type=Path, help="scan file (YAML)")
    scan = parser.parse_args().scan
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        config = check_scan(scan).config
        with TerminalReporter(Console()) as reporter:
            result = run_scan(config, base=scan.parent, reporter=reporter)
    except RayscanError as error:
        sys.stderr.write(f"rayscan: {error}\n")
        return 2
    for trial, why in result.failed.items():
        sys.stderr.write(f"rayscan: trial {trial} has no classifier: {why}\n")
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
