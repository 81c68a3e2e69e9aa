"""A scan as a Ray job: what `jobs/scan.py` and `jobs/retest.py` run."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rayscan.cluster.watched import run_watched
from rayscan.errors import RayscanError


def run_job(description: str, *, retest: bool = False) -> int:
    """Run the scan file named on the command line, and its variants, on the cluster of this job.

    Returns:
        Exit code: 0 done, 1 some trials have no classifier (listed), 2 the user must mend it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("scan", type=Path, help="scan file (YAML)")
    parser.add_argument(
        "--variant", action="append", default=[], help="run only this one (repeatable)"
    )
    arguments = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        result = run_watched(arguments.scan, variants=arguments.variant, retest=retest)
    except RayscanError as error:
        sys.stderr.write(f"rayscan: {error}\n")
        return 2
    for line in result.complaints:
        sys.stderr.write(f"rayscan: {line}\n")
    return result.exit_code
