"""Simulated events as Delphes-layout ROOT files, from Pythia and a detector or from densities."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rayscan.errors import GeneratorError, nearest
from rayscan.generator import density, recipes
from rayscan.generator.delphes_writer import write
from rayscan.generator.density_events import Kind, kind_of
from rayscan.generator.particles import Reconstructed
from rayscan.generator.pythia import PythiaRun
from rayscan.generator.recipes import Level, Recipe
from rayscan.seeds import stream

Source = Literal["pythia", "density"]


# CPU seconds of a file (the generator's own start) and of a selected event: 20,000 at parton, 3,000
# at shower, 1,000 at hadron level of one boson and one jet (Z, W and mediators: 34-57, 410-430,
# 2,400-2,800 us with the start of the generator); top pairs cost three to four times as much.
_SECONDS: Mapping[Level, tuple[float, float]] = {
    "parton": (0.3, 30e-6),
    "shower": (0.4, 300e-6),
    "hadron": (1.2, 1500e-6),
}
_DENSITY_SECONDS = 0.02
# Bytes of an event: 58-131, 96-170, 132-202 measured, more for busy events.
_EVENT_BYTES: Mapping[Level, int] = {"parton": 80, "shower": 120, "hadron": 150}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generate:
    """Events to generate for one process.

    Attributes:
        process: Name in the catalogue, or in ``recipes``.
        events: Selected events to write.
        level: ``parton`` (hard process only; enough for the leading jet, not for what recoils),
            ``shower`` (radiation, anti-kT jets) or ``hadron`` (also hadronisation and decays).
            A density is of the level it was made at.
        source: ``pythia``, or ``density`` for the observables of a shipped table: pT and eta of
            the leading jet, or mT2 and the angle of jet and missing momentum.
        recipes: A YAML file with recipes of your own by name, relative to the scan file.
        recipe: The recipe itself in place of the catalogue's; a scan file that names ``recipes``
            has it from there, so that it goes wherever the scan goes.

    Raises:
        ValueError: The process is unknown, its recipe cannot be, or it is not available at this
            level or from this source.
    """

    process: str
    events: int
    level: Level = "parton"
    source: Source = "pythia"
    recipes: str | None = None
    recipe: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        levels = self.resolved.levels
        if self.events < 1:
            raise ValueError(f"events: {self.events} is not a positive number of events")
        if self.source == "density":
            self._check_density()
        elif self.level not in levels:
            raise ValueError(
                f"level: '{self.process}' cannot pass its selection at level '{self.level}'; "
                f"expected one of {', '.join(levels)}"
            )

    def seconds(self, files: int) -> float:
        """CPU seconds on the reference machine of the forecast, in so many files."""
        start, event = _SECONDS[self.level]
        if self._kind:
            start, event = _DENSITY_SECONDS, self._kind.seconds
        return files * start + self.events * event

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return self.events * (self._kind.size if self._kind else _EVENT_BYTES[self.level])

    @property
    def observables(self) -> tuple[str, ...] | None:
        """What alone is physical of the events of a density; None where all of them is."""
        return density.density(self.process).observables if self.source == "density" else None

    @property
    def _kind(self) -> Kind | None:
        return kind_of(self.observables) if self.observables else None

    @property
    def resolved(self) -> Recipe:
        """The recipe to follow: the user's own, or that of the catalogue."""
        if self.recipe is not None:
            try:
                return recipes.own(self.process, self.recipe)
            except ValueError as error:
                raise ValueError(f"{'recipes' if self.recipes else 'recipe'}: {error}") from error
        known = recipes.catalogue()
        if self.process not in known:
            nor = f" nor in {self.recipes}" if self.recipes else ""
            hint = nearest(self.process, known)
            raise ValueError(
                f"process: '{self.process}' is not in the catalogue{nor}{hint}; "
                f"expected one of {', '.join(known)}"
            )
        return known[self.process]

    def _check_density(self) -> None:
        if self.process not in density.tabulated():
            raise ValueError(
                f"source: there is no density of '{self.process}', only of "
                f"{', '.join(sorted(density.tabulated()))}; write 'pythia'"
            )
        if self.level != "parton":
            level = density.density(self.process).meta["level"]
            raise ValueError(
                f"level: '{self.level}', but the density of '{self.process}' is of level "
                f"'{level}'; leave 'level' out"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """One file of generated events.

    Attributes:
        path: Where it is: a path or a URL.
        events: Events in it.
        cross_section: Cross-section after the generator's preselection [pb]; of unit meaning only
            where the recipe's normalisation is ``lo``.
        cross_section_error: Its statistical error [pb].
        efficiency: Share of generated events that were kept.
        source: ``pythia`` or ``density``.
        settings: What was given to Pythia, here or when the density was made.
    """

    path: Path | str
    events: int
    cross_section: float
    cross_section_error: float
    efficiency: float
    source: Source
    settings: tuple[str, ...]


def generate(config: Generate, *, path: Path, seed: int, energy: float = 14000.0) -> Generated:
    """Write one file of exactly ``config.events`` selected events; equal seeds give equal events.

    The file has the layout of Delphes and beside the tree a JSON text ``rayscan_meta`` with
    settings, seed, cross-section and efficiency. It appears under its name only when complete.
    Shards of one process need different seeds; the energy is that of the proton collision [GeV].

    Raises:
        GeneratorError: Pythia is missing or refuses a setting, or the density has another energy.
        SelectionEmptyError: No generated event passes the preselection.
        StorageError: The file cannot be written.
    """
    recipe = config.resolved
    start = _density_draw if config.source == "density" else _pythia_draw
    draw = start(recipe, config.level, seed=seed, energy=energy)
    write(path, draw.batches, config.events, lambda: _meta(config, recipe, draw.result(), seed))
    return Generated(path=path, events=config.events, source=config.source, **draw.result())


@dataclass(frozen=True, slots=True)
class _Draw:
    """Events to come, and what is known of them once enough have come."""

    batches: Iterator[Reconstructed]
    result: Callable[[], dict[str, Any]]


def _pythia_draw(recipe: Recipe, level: Level, *, seed: int, energy: float) -> _Draw:
    run = PythiaRun(recipe, level, seed=seed, energy=energy)

    def result() -> dict[str, Any]:
        value, error = run.cross_section
        return {
            "cross_section": value,
            "cross_section_error": error,
            "efficiency": run.efficiency,
            "settings": run.settings,
        }

    return _Draw(run.batches(), result)


def _density_draw(recipe: Recipe, level: Level, *, seed: int, energy: float) -> _Draw:
    table = density.density(recipe.name)
    if energy != table.meta["energy_gev"]:
        why = f"its density is for {table.meta['energy_gev']:g} GeV, not {energy:g} GeV"
        fix = "write `source: pythia` for another energy"
        raise GeneratorError(process=recipe.name, why=why, fix=fix)
    names = ("cross_section", "cross_section_error", "efficiency")
    values = {name: table.meta[name] for name in names} | {
        "settings": tuple(table.meta["settings"])
    }
    rng = stream(seed, "density", recipe.name, level)
    return _Draw(density.batches(table, rng), lambda: values)


def _meta(config: Generate, recipe: Recipe, result: Mapping[str, Any], seed: int) -> dict[str, Any]:
    whole = "every branch, within the detector parametrisation"
    of_density = config.source == "density"
    return {
        **asdict(config),
        **result,
        **({"level": density.density(config.process).meta["level"]} if of_density else {}),
        "seed": seed,
        "title": recipe.title,
        "note": recipe.note,
        "normalisation": recipe.normalisation,
        "preselection": asdict(recipe.preselection),
        "physical": config.observables or whole,
    }
