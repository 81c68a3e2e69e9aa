"""Cross-tests and limits again from stored classifiers, without training.

    ray job submit --working-dir . -- python jobs/retest.py scan.yaml

Uses the classifiers in the scan's storage, trains nothing, and says which are missing. What only
tests depend on may differ from the scan that trained them: limits, luminosities, test ensembles.
"""

from __future__ import annotations

import sys

from rayscan.cluster.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("Cross-test stored classifiers again.", retest=True))
