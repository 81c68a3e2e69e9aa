"""Anti-kT jets from energy deposits, with FastJet (extra ``generate``)."""

from __future__ import annotations

import awkward as ak
import numpy as np

from rayscan.generator.libraries import library
from rayscan.generator.particles import Particles

RADIUS = 0.4
CLUSTERED_PT_MIN = 8.0
"""Jets below this transverse momentum [GeV] count as unclustered energy."""


def anti_kt(deposits: Particles, events: int) -> Particles:
    """Anti-kT jets of radius 0.4 (arXiv:0802.1189) as particles of code 0, in the order of events.

    Raises:
        GeneratorError: FastJet is not installed.
    """
    fastjet = library("fastjet")
    # its banner would land in standard output, which belongs to results
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)  # noqa: SLF001 (no public way)
    count = np.bincount(deposits.event, minlength=events)
    columns = {"px": deposits.px, "py": deposits.py, "pz": deposits.pz, "E": deposits.energy}
    momenta = {name: ak.unflatten(values, count) for name, values in columns.items()}
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    sequence = fastjet.ClusterSequence(ak.zip(momenta, with_name="Momentum4D"), definition)
    jets = sequence.inclusive_jets(min_pt=CLUSTERED_PT_MIN)
    number = ak.to_numpy(ak.num(jets.px))
    event = np.repeat(np.arange(events), number)
    px, py, pz, energy = (
        ak.to_numpy(ak.flatten(jets[name])).astype(np.float64) for name in ("px", "py", "pz", "E")
    )
    code = np.zeros(len(event), dtype=np.int64)
    return Particles(event=event, pdg_id=code, px=px, py=py, pz=pz, energy=energy)
