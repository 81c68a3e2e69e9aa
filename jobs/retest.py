"""Cross-tests and limits again from stored classifiers, without training.

    ray job submit --working-dir . -- python jobs/retest.py scan.yaml

Uses the classifiers in the scan's storage; trains nothing and says which are missing.
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
    """Test the stored classifiers of a scan file again; exit codes as for `jobs/scan.py`."""
    parser = argparse.ArgumentParser(description="Cross-test stored classifiers again.")
    parser.add_argument("scan", type=Path, help="scan file (YAML)")
    scan = parser.parse_args().scan
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        config = check_scan(scan).config
        with TerminalReporter(Console()) as reporter:
            result = run_scan(config, base=scan.parent, reporter=reporter, retest=True)
    except RayscanError as error:
        sys.stderr.write(f"rayscan: {error}\n")
        return 2
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
