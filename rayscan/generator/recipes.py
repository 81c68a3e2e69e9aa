"""The catalogue of processes that can be generated: data files read into checked recipes.

A recipe is a YAML file under ``processes/``: Pythia settings, the level it needs, what is done to
the hard process (dark-matter threshold, propagator, finite top mass), what the generator keeps, and
what it is in a study (``benchmark``). Users write theirs in one YAML file, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from rayscan.errors import FileUnreadableError, nearest
from rayscan.generator.benchmarks import Benchmark, Labels
from rayscan.yaml_text import YamlError, load, regular

FOLDER = files("rayscan.generator").joinpath("processes")
Level = Literal["parton", "shower", "hadron"]
LEVELS: tuple[Level, ...] = ("parton", "shower", "hadron")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A demand on the number of reconstructed objects of one kind.

    Attributes:
        object: What is counted; a ``bjet`` is a jet with a b tag, a ``lepton`` an electron or muon.
        pt_min: Objects below this transverse momentum [GeV] are not counted.
        abs_eta_max: Objects beyond this pseudorapidity are not counted.
        at_least: Fewest objects an event may have.
        at_most: Most objects an event may have; None means any number.
    """

    object: Literal["jet", "bjet", "lepton"]
    pt_min: float = 0.0
    abs_eta_max: float = 5.0
    at_least: int = 0
    at_most: int | None = None

    def __post_init__(self) -> None:
        if self.object not in {"jet", "bjet", "lepton"}:
            raise ValueError(f"object: '{self.object}' is not one of jet, bjet, lepton")
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most: {self.at_most} is below at_least ({self.at_least})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preselection:
    """What the generator keeps, on reconstructed objects; weaker than any analysis selection.

    Attributes:
        jet1_pt_min: Transverse momentum [GeV] the leading jet must exceed; 0 asks for no jet.
        jet1_abs_eta_max: Bound on the leading jet's pseudorapidity.
        met_min: Missing transverse momentum [GeV] the event must exceed.
        counts: Demands on numbers of objects, all of which must hold.
        same_flavour_pair: Ask for exactly two leptons (as counted), one flavour, opposite charges.
    """

    jet1_pt_min: float = 0.0
    jet1_abs_eta_max: float = 5.0
    met_min: float = 0.0
    counts: tuple[Count, ...] = ()
    same_flavour_pair: bool = False

    def __post_init__(self) -> None:
        if self.same_flavour_pair and not any(c.object == "lepton" for c in self.counts):
            raise ValueError("same_flavour_pair: needs a lepton entry in counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkMatter:
    """Massive Dirac dark matter in place of the massless neutrinos of the mediator's decay."""

    mediator_spin: Literal[0, 1, 2]
    mass: float

    def __post_init__(self) -> None:
        if self.mediator_spin not in {0, 1, 2}:
            raise ValueError(f"mediator_spin: {self.mediator_spin} is not 0, 1 or 2")
        if self.mass < 0:
            raise ValueError(f"mass: {self.mass} GeV is negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Propagator:
    """A mediator (mass, width) [GeV] wanted, and the broad one that was generated in its place."""

    mass: float
    width: float
    generated_mass: float
    generated_width: float
    mass_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FiniteTop:
    """Mediator masses [GeV] between which finite-top weights are tabulated."""

    mass_min: float
    mass_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One process of the catalogue.

    Attributes:
        name: Name in scan files, the name of the data file.
        title: What it is, in one line.
        note: What it stands for and what it is not.
        pythia: Pythia settings, one ``key = value`` each.
        pt_hat_min: Lowest hard-process pT [GeV] generated, per level.
        levels: Levels at which the preselection can pass.
        preselection: What the generator keeps.
        normalisation: ``lo`` if the cross-section is Pythia's leading order, ``arbitrary`` if the
            couplings were chosen freely and only shapes mean something.
        dark_matter: Threshold factor of the mediator's decay.
        propagator: Reweighting of the mediator's mass spectrum.
        finite_top: Finite-top-mass weights in place of the heavy-top limit.
        spectrum: SLHA file, beside the recipes, for supersymmetric processes.
        cross_section_scale: Factor on Pythia's cross-section.
        electrons_to_muons: Turn electrons (and their neutrinos) into muons in half of the events.
        benchmark: Mediator, regime, masses and labels, of processes that are benchmarks of a study.
    """

    name: str
    title: str
    note: str
    pythia: tuple[str, ...]
    preselection: Preselection
    normalisation: Literal["lo", "arbitrary"]
    pt_hat_min: Mapping[str, float] = field(default_factory=dict)
    levels: tuple[Level, ...] = LEVELS
    dark_matter: DarkMatter | None = None
    propagator: Propagator | None = None
    finite_top: FiniteTop | None = None
    spectrum: str | None = None
    cross_section_scale: float = 1.0
    electrons_to_muons: bool = False
    benchmark: Benchmark | None = None

    def __post_init__(self) -> None:
        if self.normalisation not in {"lo", "arbitrary"}:
            raise ValueError(f"normalisation: '{self.normalisation}' is not lo or arbitrary")
        unknown = sorted({*self.levels, *self.pt_hat_min} - set(LEVELS))
        if unknown:
            raise ValueError(f"levels: {unknown} are not among {list(LEVELS)}")
        without = [line for line in self.pythia if "=" not in line]
        if without:
            raise ValueError(f"pythia: {without} are not of the form 'key = value'")


def _preselection(values: Mapping[str, Any]) -> Preselection:
    counts = tuple(Count(**count) for count in values.get("counts", ()))
    return Preselection(**{**values, "counts": counts})


def _benchmark(values: Mapping[str, Any]) -> Benchmark:
    return Benchmark(**{**values, "labels": Labels(**values.get("labels", {}))})


_PARTS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "pythia": tuple,
        "levels": tuple,
        "pt_hat_min": MappingProxyType,
        "preselection": _preselection,
        "dark_matter": lambda values: DarkMatter(**values),
        "propagator": lambda values: Propagator(**values),
        "finite_top": lambda values: FiniteTop(**values),
        "benchmark": _benchmark,
    }
)


def recipe(name: str, values: Any) -> Recipe:
    """The recipe of a mapping of the fields of `Recipe`, without ``name``, as its YAML text holds.

    Raises:
        ValueError: A key is unknown or missing, or a value cannot be.
    """
    try:
        _check_keys(values)
        built = {key: _PARTS.get(key, lambda value: value)(value) for key, value in values.items()}
        return Recipe(name=name, **built)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"process '{name}': {error}") from error


def _check_keys(values: Any) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f"expected a mapping of keys, found {values!r:.60}")
    known = {each.name: each for each in fields(Recipe) if each.name != "name"}
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key '{key}'{nearest(str(key), known)}")
    needed = [n for n, f in known.items() if f.default is f.default_factory is MISSING]
    if absent := [name for name in needed if name not in values]:
        raise ValueError(f"lacks {', '.join(absent)}")
    spectrum = values.get("spectrum")
    if spectrum is not None and not FOLDER.joinpath(str(spectrum)).is_file():
        raise ValueError(f"spectrum: '{spectrum}' is not among the shipped SLHA files")


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Recipe]:
    """All processes that can be generated, by name.

    >>> catalogue()["znunu_jet"].title
    'Z(nu nu) + jet'
    """
    found = sorted(p.name[:-5] for p in FOLDER.iterdir() if p.name.endswith(".yaml"))
    texts = [FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in found]
    shipped = zip(found, texts, strict=True)
    return MappingProxyType({name: recipe(name, load(text)) for name, text in shipped})


def own_values(path: str | Path) -> Mapping[str, Any]:
    """The recipes of a user's file as they are written: a YAML mapping of name to recipe.

    Raises:
        FileUnreadableError: The file cannot be read, is not YAML, or holds no recipes by name.
    """
    fix = "give a YAML file of recipes by name, such as jobs/recipes.yaml"
    try:
        values = load(regular(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "is not a text file"
        raise FileUnreadableError(path=str(path), why=f"cannot be read ({why})", fix=fix) from error
    except YamlError as error:
        raise FileUnreadableError(path=str(path), why=f"is not YAML: {error}", fix=fix) from error
    if not isinstance(values, dict) or not values or not all(isinstance(n, str) for n in values):
        raise FileUnreadableError(path=str(path), why="holds no recipes by name", fix=fix)
    return values


def own(name: str, values: Any) -> Recipe:
    """A recipe of the user's, which must not take a name of the catalogue.

    Raises:
        ValueError: The name is taken, or the recipe cannot be.
    """
    if name in catalogue():
        raise ValueError(f"process '{name}': is in rayscan's catalogue; give yours another name")
    return recipe(name, values)
