"""Make the density tables shipped in rayscan/generator/densities (for maintainers).

    python jobs/make_densities.py rayscan/generator/densities --events 200000 alp spin1_on
    python jobs/make_densities.py rayscan/generator/densities --events 600000 znunu_jet \
        --slices 200 300 450 700 1000 1500 2000

counts parton-level events at 14 TeV (needs Pythia) in cells of (pT, |eta|) of the leading jet. A
background falls so steeply that a single run leaves cells empty in which signals have events; one
such event would tell a signal with certainty. Runs in slices of the hard process's pT, put together
by their cross-sections, fill them; counts are then in proportion only.

    python jobs/make_densities.py rayscan/generator/densities ww_2l2nu \
        --scan jobs/slepton-delphes.yaml --of ww --widths 2 0.1885 --floor 0.02
    python jobs/make_densities.py rayscan/generator/densities slepton_280_275 \
        --scan jobs/slepton-delphes.yaml --of slepton --widths 0.5 0.0628 --high 281 3.14159265

smooths the events of the input files of a process that pass the selection of a scan file (of
Delphes, or written by `rayscan generate`), in the observables of its axes. Equal arguments give
equal files.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from rayscan.ensembles.binning import Axis as BinAxis
from rayscan.events.selection import CutFlow, add, select
from rayscan.generator.density import Axis, Density, packed, tabulate
from rayscan.generator.pythia import PythiaRun
from rayscan.generator.recipes import Recipe, catalogue
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.study import load_study
from rayscan.scan.pools.inputs import Inputs, open_inputs, slices_of

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_LARGEST = 2**32 - 1
LEADING_JET = (
    # even in 1/pT: narrow where the spectrum is steep and full
    Axis(
        observable="jet1_pt",
        edges=np.asarray(1.0 / np.linspace(1.0 / 130.0, 1.0 / 5000.0, 61)),
        inside="log",
    ),
    Axis(observable="jet1_eta", edges=np.linspace(0.0, 5.0, 41), even=True),
)
LOG = logging.getLogger("make_densities")


def run(recipe: Recipe, *, events: int, seed: int, energy: float) -> tuple[PythiaRun, Counts]:
    """One Pythia run until it has at least ``events`` selected events, and their cells."""
    found = PythiaRun(recipe, "parton", seed=seed, energy=energy)
    counts = tabulate(LEADING_JET, np.zeros(0), np.zeros(0)).astype(np.int64)
    for batch in found.batches():
        leading = np.diff(batch.jets.event, prepend=-1) > 0
        counts += tabulate(LEADING_JET, batch.jets.pt[leading], batch.jets.eta[leading])
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
        return Density(axes=LEADING_JET, counts=runs[0][1].astype(np.uint32), meta=meta)
    cells = sum(
        counts * (section / counts.sum())
        for (_, counts), section in zip(runs, sections[:, 0], strict=True)
    )
    return Density(axes=LEADING_JET, counts=in_proportion(cells), meta=meta)


def in_proportion(cells: Floats) -> npt.NDArray[np.uint32]:
    """Whole numbers in proportion to these, as fine as they can be; what is not empty stays so."""
    counts = np.maximum(np.rint(cells * (_LARGEST / cells.max())), cells > 0)
    return np.asarray(counts, dtype=np.uint32)


def mirrored(values: Floats, edges: Floats, width: float, high: float) -> Floats:
    """Gaussian kernels of a width about values, in cells, with walls at both ends, (E, n).

    Values beyond the walls count at them: at the upper one lies what is in the last bin's overflow.
    """
    low, inside = edges[0], np.clip(values, edges[0], np.nextafter(high, edges[0]))
    images = (inside, 2 * low - inside, 2 * high - inside)
    every = sum(np.diff(ndtr((edges - each[:, None]) / width), axis=1) for each in images)
    return np.asarray(every) * (edges[1:] <= high + 1e-9)


def smoothed(config: ScanConfig, inputs: Inputs, process: str, said: argparse.Namespace) -> Density:
    """The density of the selected events of input files, in the observables of the axes."""
    names = config.binning.observables
    found = [
        select(piece, selection=config.selection, observables=names)
        for piece in slices_of(config, inputs, said.of)
    ]
    values = [np.concatenate([table[name].to_numpy() for table, _ in found]) for name in names]
    axes = tuple(map(_cells, config.binning.axes, said.cells))
    highs = said.high or [axis.edges[-1] for axis in axes]
    each = [
        mirrored(value.astype(np.float64), axis.edges, width, high)
        for value, axis, width, high in zip(values, axes, said.widths, highs, strict=True)
    ]
    cells = each[0].T @ each[1]
    cells = (1 - said.floor) * cells / cells.sum() + said.floor / cells.size
    flow = add(one for _, one in found)
    meta = _of_files(config, inputs, said, flow) | {"process": process, "high": list(highs)}
    return Density(axes=axes, counts=in_proportion(cells), meta=meta)


def _cells(axis: BinAxis, number: int) -> Axis:
    return Axis(observable=axis.observable, edges=np.linspace(axis.low, axis.high, number + 1))


def _of_files(
    config: ScanConfig, inputs: Inputs, said: argparse.Namespace, flow: CutFlow
) -> dict[str, Any]:
    """What is known of smoothed events, with the Poisson error of their number."""
    of_files = config.processes[said.of].cross_section
    if of_files is None:
        raise SystemExit(f"processes.{said.of}: give the cross-section of its files")
    first, last = flow.steps[0], flow.steps[-1]
    efficiency = last.sum_weights / first.sum_weights
    section = of_files * efficiency
    files = ", ".join(each.name for each in inputs.of(said.of))
    return {
        "cross_section": section,
        "cross_section_error": section / np.sqrt(last.events),
        "efficiency": efficiency,
        "energy_gev": config.energy,
        "events": last.events,
        "level": "delphes",
        "settings": [f"smoothed: {last.events} of {first.events} events of {files}"],
        "selection": asdict(config.selection),
        "widths": said.widths,
        "floor": said.floor,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="make the shipped density tables")
    parser.add_argument("folder", type=Path, help="where the .npz files go")
    parser.add_argument("processes", nargs="+", help="names in the catalogue")
    parser.add_argument("--events", type=int, default=200_000, help="selected events per run")
    parser.add_argument("--slices", type=float, nargs="*", default=(), help="edges in pT [GeV]")
    parser.add_argument("--seed", type=int, default=1, help="root seed")
    parser.add_argument("--scan", type=Path, help="a scan file: smooth events of its input files")
    parser.add_argument("--of", help="the process of the scan file")
    parser.add_argument("--widths", type=float, nargs=2, help="kernels, in the units of the axes")
    parser.add_argument("--cells", type=int, nargs=2, default=(100, 100), help="cells of each axis")
    parser.add_argument(
        "--high", type=float, nargs=2, help="upper walls; by default the axes' ends"
    )
    parser.add_argument("--floor", type=float, default=0.0, help="share spread over all cells")
    return parser.parse_args()


def _made(process: str, said: argparse.Namespace) -> Density:
    if said.scan is None:
        return tabulated(
            process, events=said.events, seed=said.seed, energy=14000.0, slices=said.slices
        )
    config = load_study(said.scan).base
    return smoothed(config, open_inputs(config, base=said.scan.parent), process, said)


def main() -> None:
    """Write one ``.npz`` per process named on the command line."""
    said = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for process in said.processes:
        start = time.process_time()
        table = _made(process, said)
        content = packed(table)
        (said.folder / f"{process}.npz").write_bytes(content)
        seconds = time.process_time() - start
        LOG.info("%s: %s bytes, %.1f CPU s, %s", process, len(content), seconds, table.meta)


if __name__ == "__main__":
    main()
