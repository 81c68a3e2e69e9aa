"""Make the density tables shipped in rayscan/generator/densities (for maintainers; needs Pythia).

    python jobs/make_densities.py rayscan/generator/densities --events 200000 alp spin1_on
    python jobs/make_densities.py rayscan/generator/densities --events 600000 znunu_jet \
        --slices 200 300 450 700 1000 1500 2000

Each table holds counts of parton-level events at 14 TeV in cells of (pT, |eta|) of the leading jet.
A background falls so steeply that a single run leaves cells empty in which signals have events; one
such event would tell a signal with certainty. Runs in slices of the hard process's pT, put together
by their cross-sections, fill them; counts are then in proportion only. Equal arguments give equal
files.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rayscan.generator.density import Density, packed, tabulate
from rayscan.generator.pythia import PythiaRun
from rayscan.generator.recipes import Recipe, catalogue

Counts = npt.NDArray[np.int64]

_LARGEST = 2**32 - 1
LOG = logging.getLogger("make_densities")


def run(recipe: Recipe, *, events: int, seed: int, energy: float) -> tuple[PythiaRun, Counts]:
    """One Pythia run until it has at least ``events`` selected events, and their cells."""
    found = PythiaRun(recipe, "parton", seed=seed, energy=energy)
    counts = tabulate(np.zeros(0), np.zeros(0)).astype(np.int64)
    for batch in found.batches():
        leading = np.diff(batch.jets.event, prepend=-1) > 0
        counts += tabulate(batch.jets.pt[leading], batch.jets.eta[leading])
        if counts.sum() >= events:
            break
    return found, counts


def sliced(recipe: Recipe, edges: Sequence[float]) -> list[Recipe]:
    """The process in slices of the hard process's pT [GeV], from the lowest to without end."""
    lows = [recipe.pt_hat_min["parton"], *edges]
    return [
        replace(
            recipe,
            pt_hat_min={**recipe.pt_hat_min, "parton": low},
            pythia=(*recipe.pythia, f"PhaseSpace:pTHatMax = {high:g}"),
        )
        for low, high in pairwise([*lows, -1.0])
    ]


def tabulated(
    process: str, *, events: int, seed: int, energy: float, slices: Sequence[float] = ()
) -> Density:
    """The density of a process from at least ``events`` selected events of each Pythia run."""
    recipe = catalogue()[process]
    parts = sliced(recipe, slices) if slices else [recipe]
    runs = [run(each, events=events, seed=seed, energy=energy) for each in parts]
    sections = np.array([found.cross_section for found, _ in runs])
    generated = sum(
        value / found.efficiency for (found, _), (value, _) in zip(runs, sections, strict=True)
    )
    value, error = sections[:, 0].sum(), np.sqrt((sections[:, 1] ** 2).sum())
    meta = {
        "process": process,
        "cross_section": float(value),
        "cross_section_error": float(error),
        "efficiency": float(value / generated),
        "energy_gev": energy,
        "events": int(sum(counts.sum() for _, counts in runs)),
        "level": "parton",
        "seed": seed,
        "settings": list(runs[0][0].settings),
        "slices_gev": list(slices),
    }
    if not slices:
        return Density(counts=runs[0][1].astype(np.uint32), meta=meta)
    cells = sum(
        counts * (section / counts.sum())
        for (_, counts), section in zip(runs, sections[:, 0], strict=True)
    )
    counts = np.maximum(np.rint(cells * (_LARGEST / cells.max())), cells > 0)
    return Density(counts=counts.astype(np.uint32), meta=meta)


def main() -> None:
    """Write one ``.npz`` per process named on the command line."""
    parser = argparse.ArgumentParser(description="make the shipped density tables")
    parser.add_argument("folder", type=Path, help="where the .npz files go")
    parser.add_argument("processes", nargs="+", help="names in the catalogue")
    parser.add_argument("--events", type=int, default=200_000, help="selected events per run")
    parser.add_argument("--slices", type=float, nargs="*", default=(), help="edges in pT [GeV]")
    parser.add_argument("--seed", type=int, default=1, help="root seed")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for process in chosen.processes:
        start = time.process_time()
        table = tabulated(
            process,
            events=chosen.events,
            seed=chosen.seed,
            energy=14000.0,
            slices=chosen.slices,
        )
        content = packed(table)
        (chosen.folder / f"{process}.npz").write_bytes(content)
        seconds = time.process_time() - start
        LOG.info("%s: %s bytes, %.1f CPU s, %s", process, len(content), seconds, table.meta)


if __name__ == "__main__":
    main()
