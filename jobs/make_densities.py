"""Make the density tables shipped in rayscan/events/densities (for maintainers; needs Pythia).

    python jobs/make_densities.py rayscan/events/densities --events 200000 znunu_jet alp

Each table holds counts of parton-level events at 14 TeV in cells of (pT, |eta|) of the leading jet.
Equal arguments give equal files.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np

from rayscan.events.density import Density, packed, tabulate
from rayscan.events.pythia import PythiaRun
from rayscan.events.recipes import catalogue

LOG = logging.getLogger("make_densities")


def tabulated(process: str, *, events: int, seed: int, energy: float) -> Density:
    """The density of a process from at least ``events`` selected events of one Pythia run."""
    run = PythiaRun(catalogue()[process], "parton", seed=seed, energy=energy)
    counts = tabulate(np.zeros(0), np.zeros(0))
    for batch in run.batches():
        leading = np.diff(batch.jets.event, prepend=-1) > 0
        counts += tabulate(batch.jets.pt[leading], batch.jets.eta[leading])
        if counts.sum() >= events:
            break
    value, error = run.cross_section
    meta = {
        "process": process,
        "cross_section": value,
        "cross_section_error": error,
        "efficiency": run.efficiency,
        "energy_gev": energy,
        "events": int(counts.sum()),
        "level": "parton",
        "seed": seed,
        "settings": list(run.settings),
    }
    return Density(counts=counts, meta=meta)


def main() -> None:
    """Write one ``.npz`` per process named on the command line."""
    parser = argparse.ArgumentParser(description="make the shipped density tables")
    parser.add_argument("folder", type=Path, help="where the .npz files go")
    parser.add_argument("processes", nargs="+", help="names in the catalogue")
    parser.add_argument("--events", type=int, default=200_000, help="selected events per table")
    parser.add_argument("--seed", type=int, default=1, help="root seed")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for process in chosen.processes:
        start = time.process_time()
        table = tabulated(process, events=chosen.events, seed=chosen.seed, energy=14000.0)
        content = packed(table)
        (chosen.folder / f"{process}.npz").write_bytes(content)
        seconds = time.process_time() - start
        LOG.info("%s: %s bytes, %.1f CPU s, %s", process, len(content), seconds, table.meta)


if __name__ == "__main__":
    main()
