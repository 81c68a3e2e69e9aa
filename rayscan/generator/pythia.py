"""Pythia 8 runs: settings to selected, reconstructed events and their cross-section.

Pythia is imported when a run starts. It holds the interpreter's lock and cannot be pickled: run
several in processes, not in threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import as_file
from types import MappingProxyType
from typing import Any

import awkward as ak
import numpy as np

from rayscan.arrays import Flags
from rayscan.errors import GeneratorError, SelectionEmptyError
from rayscan.generator.clustering import anti_kt
from rayscan.generator.detector import partons_as_jets, reconstruct
from rayscan.generator.hard_process import HardProcess, acceptance
from rayscan.generator.libraries import library
from rayscan.generator.particles import Particles, Reconstructed
from rayscan.generator.preselection import passes
from rayscan.generator.recipes import FOLDER, Level, Recipe
from rayscan.seeds import integer, stream

LEVEL_SETTINGS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        # one by one: PartonLevel:all = off would leave the hard process out of the event record
        "parton": (
            "PartonLevel:ISR = off",
            "PartonLevel:FSR = off",
            "PartonLevel:MPI = off",
            "PartonLevel:Remnants = off",
            "HadronLevel:all = off",
            "Check:event = off",
        ),
        "shower": (
            "PartonLevel:MPI = off",
            "HadronLevel:Hadronize = off",
            "TimeShower:pTmin = 2.0",
            "SpaceShower:pTmin = 2.0",
            "TimeShower:QEDshowerByQ = off",
            "SpaceShower:QEDshowerByQ = off",
        ),
        "hadron": ("PartonLevel:MPI = off",),
    }
)
_BATCH = MappingProxyType({"parton": 5000, "shower": 1000, "hadron": 500})
_LARGEST_SEED = 900_000_000
_PICOBARN_PER_MILLIBARN = 1e9
_WARM_UP = 1000
"""Events thrown away while Pythia still finds the maximum of its phase-space weights."""


class PythiaRun:
    """One seeded Pythia run of a process, from which batches of selected events are drawn.

    Args:
        recipe: The process.
        level: How far events are simulated.
        seed: Root seed; equal seeds give equal events.
        energy: Centre-of-mass energy of the proton collision [GeV].
        patience: Events after which a run that kept none gives up.

    Attributes:
        settings: All settings given to Pythia.
        generated: Events generated so far.
        passed: Events that passed reweighting and preselection.

    Raises:
        GeneratorError: Pythia is missing or refuses a setting.
    """

    def __init__(
        self, recipe: Recipe, level: Level, *, seed: int, energy: float, patience: int = 200_000
    ) -> None:
        self.recipe = recipe
        self.level = level
        self.energy = energy
        self.patience = patience
        self.settings = settings(recipe, level, seed=seed, energy=energy)
        self.generated = 0
        self.passed = 0
        self._pythia = _start(recipe, self.settings)
        self._pythia.nextBatch(_WARM_UP)
        self._veto = stream(seed, "hard process", recipe.name, level)
        self._detector = stream(seed, "detector", recipe.name, level)

    def batches(self) -> Iterator[Reconstructed]:
        """Selected events, batch after batch without end.

        Raises:
            GeneratorError: Pythia returns no events.
            SelectionEmptyError: None of the first ``patience`` events passes the preselection.
        """
        while True:
            yield self._batch()
            if self.passed == 0 and self.generated >= self.patience:
                steps = (("generated", self.generated), ("generator preselection", 0))
                raise SelectionEmptyError(process=self.recipe.name, steps=steps)

    @property
    def efficiency(self) -> float:
        """Share of generated events that passed."""
        return self.passed / self.generated

    @property
    def cross_section(self) -> tuple[float, float]:
        """Cross-section after the preselection and its statistical error [pb]."""
        info, efficiency = self._pythia.infoPython(), self.efficiency
        scale = _PICOBARN_PER_MILLIBARN * self.recipe.cross_section_scale
        selected = scale * info.sigmaGen() * efficiency
        before = info.sigmaErr() / info.sigmaGen()
        return selected, selected * math.sqrt(before**2 + (1.0 - efficiency) / self.passed)

    def _batch(self) -> Reconstructed:
        record = self._pythia.nextBatch(_BATCH[self.level])
        if len(record) == 0:
            fix = "try other settings or another level"
            why = "Pythia returned no events"
            raise GeneratorError(process=self.recipe.name, why=why, fix=fix)
        self.generated += len(record)
        record = record[self._accepted(record)]
        final, heavy = self._particles(record)
        clustering = partons_as_jets if self.level == "parton" else anti_kt
        rng = self._detector
        events = reconstruct(final, heavy, len(record), clustering=clustering, rng=rng)
        kept = events.keep(passes(events, self.recipe.preselection))
        self.passed += kept.events
        return kept

    def _accepted(self, record: Any) -> Flags:
        info = record.info
        names = {"id1": "id1", "id2": "id2", "s": "sHat", "t": "tHat", "u": "uHat"}
        hard = HardProcess(**{ours: ak.to_numpy(info[theirs]) for ours, theirs in names.items()})
        probability = acceptance(hard, self.recipe, energy=self.energy)
        if probability is None:
            return np.ones(len(record), dtype=np.bool_)
        return np.asarray(self._veto.random(len(record)) < probability)

    def _particles(self, record: Any) -> tuple[Particles, Particles]:
        """Final particles, and the c and b quarks that give jets their flavour."""
        table = record.prt
        names = ("px", "py", "pz", "e")
        px, py, pz, energy = (ak.to_numpy(ak.flatten(table.p[name])) for name in names)
        event = np.repeat(np.arange(len(table)), ak.to_numpy(ak.num(table.id)))
        code = ak.to_numpy(ak.flatten(table.id)).astype(np.int64)
        every = Particles(event=event, pdg_id=code, px=px, py=py, pz=pz, energy=energy)
        if self.recipe.electrons_to_muons:
            every = half_as_muons(every, self._detector.random(len(table)) < 0.5)
        final = ak.to_numpy(ak.flatten(table.status)) > 0
        heavy = np.isin(np.abs(every.pdg_id), (4, 5))
        # hadronised quarks are no longer final
        heavy &= ~final if self.level == "hadron" else final
        return every.take(final), every.take(heavy)


def half_as_muons(particles: Particles, muons: Flags) -> Particles:
    """Electrons and their neutrinos turned into muons and theirs in the events of a mask (E,)."""
    turned = muons[particles.event] & np.isin(np.abs(particles.pdg_id), (11, 12))
    steps = np.where(turned, 2 * np.sign(particles.pdg_id), 0)
    return replace(particles, pdg_id=particles.pdg_id + steps)


def settings(recipe: Recipe, level: Level, *, seed: int, energy: float) -> tuple[str, ...]:
    """All Pythia settings of a run, in the order they are given."""
    # Pythia takes seeds from 1 to 900,000,000; 0 would mean the clock
    own_seed = 1 + integer(seed, "pythia", recipe.name, level) % _LARGEST_SEED
    lines = [
        "Print:quiet = on",
        f"Beams:eCM = {energy:g}",
        "Random:setSeed = on",
        f"Random:seed = {own_seed}",
        # without it, wide mediators are sampled with a bias that differs from seed to seed
        "PhaseSpace:increaseMaximum = on",
        *recipe.pythia,
        *LEVEL_SETTINGS[level],
    ]
    if level in recipe.pt_hat_min:
        lines.append(f"PhaseSpace:pTHatMin = {recipe.pt_hat_min[level]:g}")
    return tuple(lines)


def _start(recipe: Recipe, lines: tuple[str, ...]) -> Any:
    pythia = library("pythia8mc", recipe.name).Pythia("", False)  # noqa: FBT003 (Pythia's banner)
    for line in lines:
        # Pythia says no by its return value and goes on
        if not pythia.readString(line):
            fix = "see the key and its range in Pythia's manual"
            why = f"Pythia refuses the setting '{line}'"
            raise GeneratorError(process=recipe.name, why=why, fix=fix)
    if not _initialised(pythia, recipe):
        fix = "run it with Print:quiet = off to see Pythia's own message"
        why = "Pythia cannot initialise the process"
        raise GeneratorError(process=recipe.name, why=why, fix=fix)
    return pythia


def _initialised(pythia: Any, recipe: Recipe) -> bool:
    if recipe.spectrum is None:
        return bool(pythia.init())
    with as_file(FOLDER.joinpath(recipe.spectrum)) as path:
        pythia.settings.word("SLHA:file", str(path))
        pythia.settings.mode("SLHA:verbose", 0)
        return bool(pythia.init())


def missing() -> str | None:
    """None where Pythia and FastJet can be imported, else one sentence why not."""
    try:
        library("pythia8mc")
        library("fastjet")
    except GeneratorError as error:
        return f"{error.why}; {error.fix}"
    return None
