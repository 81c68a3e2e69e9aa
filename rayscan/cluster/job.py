"""A scan as a Ray job: what `jobs/scan.py` and `jobs/retest.py` run."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from rayscan.cluster.run import run_scan
from rayscan.errors import RayscanError
from rayscan.scan.checking import check_scan
from rayscan.scan.progress import TerminalReporter


def run_job(description: str, *, retest: bool = False) -> int:
    """Run the scan file named on the command line on the cluster this job belongs to.

    Args:
        description: What ``--help`` says.
        retest: Train nothing: test the stored classifiers again.

    Returns:
        Exit code: 0 done, 1 some trials have no classifier (listed), 2 the user must mend it.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("scan", type=Path, help="scan file (YAML)")
    scan: Path = parser.parse_args().scan
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        config = check_scan(scan).config
        with TerminalReporter(Console()) as reporter:
            result = run_scan(config, base=scan.parent, reporter=reporter, retest=retest)
    except RayscanError as error:
        sys.stderr.write(f"rayscan: {error}\n")
        return 2
    for trial, why in result.failed.items():
        sys.stderr.write(f"rayscan: trial {trial} has no classifier: {why}\n")
    return 1 if result.failed else 0
