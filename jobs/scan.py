"""A whole scan as a Ray job.

    ray job submit --working-dir . -- python jobs/scan.py jobs/quickstart.yaml

Joins the cluster it runs on; started by hand, it starts a Ray of its own.
"""

from __future__ import annotations

import sys

from rayscan.cluster.job import run_job

if __name__ == "__main__":
    sys.exit(run_job("Run a rayscan scan file."))
