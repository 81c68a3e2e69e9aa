"""What a scan is: the configuration dataclasses of all rooms put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from rayscan.cores import allowed_cores
from rayscan.ensembles.binning import Binning
from rayscan.ensembles.mixture import Mixtures
from rayscan.ensembles.nuisance import Uncertainty
from rayscan.errors import MemberError
from rayscan.events.selection import Selection
from rayscan.events.spectra import Spectrum
from rayscan.events.split import Pools
from rayscan.models.architectures.base import Architecture
from rayscan.models.architectures.registry import architecture
from rayscan.scan.config.heads.registry import HEADS, head_of
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.process import Process
from rayscan.scan.config.search import Search
from rayscan.scan.config.validation import Validation

Strength = Literal["highest", "each", "drawn", "descending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSizes:
    """How many pseudo-experiments, and how they are drawn.

    Attributes:
        train: Histograms per class and epoch.
        validation: Histograms per class used for stopping.
        test: Histograms per class of each test set.
        method: ``without_replacement`` (published), ``multinomial`` or ``poisson``.
        uncertainty: What of the background every pseudo-experiment has its own value of, in
            training, validation, test and limits by score; its ``background`` and ``shape`` are
            in the fits of the other limits too. Both classes have it where class 0 holds a second
            signal; signals are known.
    """

    train: int = 10_000
    validation: int = 2_000
    test: int = 4_000
    method: Literal["without_replacement", "multinomial", "poisson"] = "without_replacement"
    uncertainty: Uncertainty | None = None

    @property
    def unsure(self) -> Uncertainty:
        """The uncertainties, all 0 where none are given."""
        return self.uncertainty or Uncertainty()

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            if getattr(self, name) < 10:
                raise ValueError(f"{name}: {getattr(self, name)} histograms, expected at least 10")
        if self.unsure.shape is not None and self.method == "without_replacement":
            raise ValueError(
                "method: without replacement events follow the law of their pool, not one of "
                "uncertain shape; write method: multinomial, or poisson"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureChoice:
    """One kind of classifier to train.

    Attributes:
        name: Name of the architecture.
        from_: Key ``from``: a Python file beside the scan file and the class in it that is the
            architecture, ``mine.py:MyNet``; by default it is ours, or of an installed package.
        code: The text of that file; read from it where the scan file does not have it.
        label: Name in tables and figures; by default ``name``, with the head if it is not binary.
        preset: A complete recipe to start from: ``default``, or ``published`` where there is one.
        hyperparameters: A number or word fixes a knob; ``{low, high, log}`` or ``{choices}`` lets
            the search choose it. Knobs that are not named keep their defaults.
        search: Search all knobs that are not fixed, over their default ranges.
        features: Observables that a network of events or items sees; by default those of the axes.
        head: ``binary``: one classifier per benchmark. ``multimodel``: one for all of them, whose
            class 1 holds histograms of each in equal numbers. ``multiclass``: one with a class for
            the background and for each of them.
        benchmarks: Signals it is trained on; by default all, for heads of several all that are not
            ``held_out``. It is tested on every signal.
        against: A signal of which class 0 of a binary head holds as many events as class 1 holds of
            its own; by default class 0 is background only.
    """

    name: str
    from_: Annotated[str | None, Field(alias="from")] = None
    code: str | None = None
    label: str = ""
    preset: str = "default"
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    search: bool = False
    features: tuple[str, ...] = ()
    head: Annotated[str, AfterValidator(HEADS.known)] = "binary"
    benchmarks: tuple[str, ...] = ()
    against: str | None = None

    @property
    def key(self) -> str:
        """The label, or the name (and what is special about the head) where there is none."""
        return self.label or f"{self.name}{head_of(self).mark}"

    @property
    def architecture(self) -> Architecture[Any]:
        """What its name stands for."""
        return architecture(self.name, self.origin)

    @property
    def origin(self) -> tuple[str, str] | None:
        """File and class, and the text of the file, of one of the user's own."""
        return None if self.from_ is None else (self.from_, self.code or "")

    @property
    def is_known(self) -> bool:
        """Whether its name stands for one; why not is said once, where files are read."""
        try:
            return bool(self.architecture)
        except KeyError:
            return False
        except MemberError:
            if self.from_ is None:
                raise
            return False

    @property
    def reads_events(self) -> bool:
        """Whether its classifiers read single events."""
        return self.architecture.reads == "events"

    @property
    def reads_items(self) -> bool:
        """Whether its classifiers read sets of events."""
        return self.architecture.reads == "items"

    @property
    def sees_features(self) -> bool:
        """Whether they see features of single events, of whatever they are the parts."""
        return self.architecture.reads != "histograms"

    @property
    def searches(self) -> bool:
        """Whether any knob is left to the search."""
        return self.search or any(isinstance(v, Mapping) for v in self.hyperparameters.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How often and where classifiers are trained.

    Attributes:
        strength: ``highest``: one classifier per benchmark, trained at the highest strength that
            is not too easy (ceiling at most 0.96; of several benchmarks that of the easiest) and
            tested at all; the best direction hardly depends on S. ``each``: one per strength, as
            published. ``drawn``: one per benchmark, every training histogram at a strength of the
            list drawn anew (those of class 0 too, so that no total tells), tested at all.
            ``descending``: one per strength, from the strongest down, each network starting from
            the weights of the next stronger one. Where that says nothing ``drawn`` is ``highest``
            (closed forms, networks of single events) and ``descending`` is ``each`` (those, linear
            models and searches); the column ``train_strength`` tells. Heads of several benchmarks
            and against a signal are no exception, but a multiclass head has one classifier per
            strength whatever is asked for (strength and shape of a signal look alike to it): for it
            ``highest`` and ``drawn`` are ``each``.
        repeats: Trainings per point with fixed hyperparameters.
        pack: Members trained together; more than 1 pays on a GPU.
    """

    strength: Strength = "highest"
    repeats: int = 3
    pack: int = 1

    def __post_init__(self) -> None:
        for name in ("repeats", "pack"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, expected at least 1")

    @property
    def one_for_all(self) -> bool:
        """Whether one classifier of a benchmark serves all strengths."""
        return self.strength in {"highest", "drawn"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTest:
    """Which test ensembles every classifier meets.

    Attributes:
        strengths: ``own`` tests at the strength of the training, ``all`` at every strength.
            One classifier for all strengths (``highest``, ``drawn``) always meets them all.
        curves: Whose ROC points and score distributions are kept: ``first`` those of the first
            repeat (of a search: the best member) on its own benchmark, ``repeats`` those of every
            repeat and fold there, ``all`` those of every classifier on everything it meets.
    """

    strengths: Literal["own", "all"] = "own"
    curves: Literal["first", "repeats", "all", "none"] = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one trial and the whole scan may take.

    Attributes:
        cpus_per_trial: CPU cores of one trial.
        gpus_per_trial: Share of a GPU of one trial; 0 trains on CPUs.
        workers: Trials at a time; by default as many as the cluster has room for.
    """

    cpus_per_trial: float = 1.0
    gpus_per_trial: float = 0.0
    workers: int | None = None

    def __post_init__(self) -> None:
        if not self.cpus_per_trial > 0:
            raise ValueError(f"cpus_per_trial: {self.cpus_per_trial}, expected above 0")
        if self.gpus_per_trial and not self.gpus_per_trial >= 0.001:
            raise ValueError(f"gpus_per_trial: {self.gpus_per_trial}, expected 0 or 0.001 or more")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers: {self.workers}, expected at least 1")

    @property
    def workers_here(self) -> int:
        """Processes at a time on this machine: one per core it may use where nothing is said."""
        return self.workers or allowed_cores()

    def slots(self, cpus: float, gpus: float) -> int:
        """Trials that so many cores and GPUs have room for at a time."""
        room = int(cpus / self.cpus_per_trial)
        if self.gpus_per_trial > 0:
            room = min(room, int(gpus / self.gpus_per_trial))
        return max(1, min(room, self.workers or room))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig:
    """A whole scan, as `scan.yaml` says it.

    Attributes:
        name: Short name of the scan.
        seed: Root of every random stream.
        storage: Where results go: a folder or URL. In a scan file relative to that file, here to
            the working directory.
        cache: Where generated files and event tables are kept; by default ``cache`` beside
            ``storage``.
        energy: Centre-of-mass energy [GeV] of generated events.
        processes: Backgrounds and signals by name, the main background first.
        selection: Objects and cuts.
        binning: One or two axes of the histograms.
        spectra: Observables whose spectra are kept beside those of cuts, axes and networks, by
            name, or with bins of their own (``{observable: met, bins: 40, low: 0, high: 800}``).
        pools: How events are split.
        mixtures: How much signal and background a histogram holds.
        ensembles: How many histograms.
        architectures: The classifiers.
        training: Repeats and strengths.
        search: Hyperparameter search, for architectures that leave a knob open.
        validation: Folds of frozen training sets, beside the tests on unseen events; None: none.
        crosstest: What every classifier is tested on.
        limits: 95 % CLs upper limits.
        resources: What a trial may take.
        skip_broken_files: Go on without input files that cannot be read (named in provenance).
        skip_broken_events: Leave out events with values that are not finite or impossible (a line
            of the cut flow).
    """

    name: str
    seed: int = 1
    storage: str
    cache: str | None = None
    energy: float = 14_000.0
    processes: Mapping[str, Process]
    selection: Selection = field(default_factory=Selection)
    binning: Binning
    spectra: tuple[Spectrum, ...] = ()
    pools: Pools = field(default_factory=Pools)
    mixtures: Mixtures
    ensembles: EnsembleSizes = field(default_factory=EnsembleSizes)
    architectures: tuple[ArchitectureChoice, ...]
    training: Training = field(default_factory=Training)
    search: Search = field(default_factory=Search)
    validation: Validation | None = None
    crosstest: CrossTest = field(default_factory=CrossTest)
    limits: Limits = field(default_factory=Limits)
    resources: Resources = field(default_factory=Resources)
    skip_broken_files: bool = False
    skip_broken_events: bool = False

    @property
    def observables(self) -> tuple[str, ...]:
        """Observables that cuts, axes and networks of events or items need, each once."""
        axes = [axis.observable for axis in self.binning.axes]
        cuts = [cut.observable for cut in self.selection.parsed]
        features = [name for choice in self.architectures for name in choice.features]
        return tuple(dict.fromkeys([*axes, *cuts, *features]))

    @property
    def shown(self) -> tuple[Spectrum, ...]:
        """The spectra that are kept, of each observable one."""
        names = (Spectrum(observable=name) for name in self.observables)
        return tuple({each.observable: each for each in (*names, *self.spectra)}.values())

    @property
    def read(self) -> tuple[str, ...]:
        """All observables that are computed while events are read, each once."""
        return tuple(each.observable for each in self.shown)

    @property
    def backgrounds(self) -> tuple[str, ...]:
        """Names of the background processes, the main one first."""
        return tuple(n for n, p in self.processes.items() if p.role == "background")

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names of the signal processes."""
        return tuple(n for n, p in self.processes.items() if p.role == "signal")
