"""The knobs of each architecture: defaults, presets, legal values and search ranges.

Defaults are the recipe that came nearest to the ceiling on sparse and on full histograms: counts
standardised by their exact null moments, neighbouring bins that learn together (smooth.py), cosine
decay of the learning rate, large batches, fresh draws at every epoch, weights chosen by a loss that
does not feel what moves all scores alike; features of events with their tails drawn in. The preset
``published`` is arXiv:2105.12018, Table 2: counts over their maximum, 1e-4, batches of 128, dropout
0.2, at most 1500 epochs with patience 100 on one frozen set.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias, cast

from rayscan.errors import nearest
from rayscan.models.losses.registry import problem

Value: TypeAlias = float | int | str

YOUNGER: Mapping[str, Value] = {"loss": "cross_entropy"}
"""Knobs that results older than them do not name, with what these have: no part of a key."""


@dataclass(frozen=True, slots=True)
class Float:
    """A real search range, both ends included."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole-number search range, both ends included."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values."""

    options: tuple[Value, ...]


Range: TypeAlias = Float | Integer | Choice


@dataclass(frozen=True, slots=True)
class _Legal:
    """What a knob may be, wider than what a search tries."""

    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None
    options: tuple[str, ...] = ()


def _knob(default: Value, legal: _Legal, search: Range | None = None) -> Any:
    return field(default=default, metadata={"legal": legal, "search": search})


_POSITIVE = _Legal(above=0.0, most=1e6)
_RATE = _Legal(above=0.0, most=1e30)  # too high a rate is told when it diverges
_NOT_NEGATIVE = _Legal(least=0.0, most=1e6)
_COUNT = _Legal(least=1, most=1e6)
_NODES = _Legal(least=1, most=1e6)
_LAYERS = _Legal(least=1, most=100)
_INPUTS = _Legal(options=("standard", "maximum"))
_MONITORS = _Legal(options=("aligned_loss", "loss"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """Base of all knobs: checks types and legal values of every field."""

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _legal(each, getattr(self, each.name)))


def _legal(knob: Field[Any], value: Any) -> Value:
    """The value in the type of its knob; ValueError if it cannot be."""
    kind = type(knob.default)
    wanted = {int: "a whole number", float: "a number", str: "a name"}[kind]
    number_for_float = kind is float and isinstance(value, int)
    if isinstance(value, bool) or not (isinstance(value, kind) or number_for_float):
        raise ValueError(f"{knob.name}: {value!r} is not {wanted}")
    legal: _Legal = knob.metadata["legal"]
    problem = _problem(legal, value)
    if problem:
        raise ValueError(f"{knob.name}: {value!r} {problem}")
    return float(value) if kind is float else value


def _problem(legal: _Legal, value: Any) -> str:
    if isinstance(value, str):
        known = ", ".join(legal.options)
        wrong = bool(legal.options) and value not in legal.options
        return f"is not one of {known}{nearest(value, legal.options)}" if wrong else ""
    if not abs(value) < float("inf"):
        return "must be finite"
    bounds = (
        (legal.least, operator.ge, "at least"),
        (legal.above, operator.gt, "above"),
        (legal.below, operator.lt, "below"),
        (legal.most, operator.le, "at most"),
    )
    broken = (f"{word} {b:g}" for b, fits, word in bounds if b is not None and not fits(value, b))
    return next((f"must be {each}" for each in broken), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatioKnobs(Knobs):
    """The closed form has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogisticKnobs(Knobs):
    """L2-penalised logistic regression.

    Attributes:
        C: Inverse strength of the penalty on the sum of losses (scikit-learn's C).
        draws: Epochs' worth of training histograms fitted at once.
        input: Counts by their exact null moments, or over the largest bin of each histogram.
    """

    C: float = _knob(1e-4, _POSITIVE, Float(1e-6, 1.0, log=True))
    draws: int = _knob(1, _COUNT)
    input: Literal["standard", "maximum"] = _knob("standard", _INPUTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SVMKnobs(Knobs):
    """Linear support vector machine (hinge loss) through one Gram matrix.

    Attributes:
        C: Inverse strength of the penalty on the sum of hinge losses.
        histograms: Most training histograms used; the Gram matrix holds their number squared.
        draws: Epochs' worth of training histograms to take them from.
        input: As for logistic regression.
    """

    C: float = _knob(1e-4, _POSITIVE, Float(1e-6, 1.0, log=True))
    histograms: int = _knob(4000, _Legal(least=2, most=100_000))
    draws: int = _knob(1, _COUNT)
    input: Literal["standard", "maximum"] = _knob("standard", _INPUTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkKnobs(Knobs):
    """What the training loop reads, common to all networks.

    Attributes:
        learning_rate: Of Adam (beta 0.9, 0.999, epsilon 1e-7).
        schedule: ``cosine`` decays to zero over ``epochs``; ``constant`` does not.
        batch_size: Examples per step.
        epochs: At most.
        patience: Epochs without better weights before stopping.
        monitor: Which weights are the best: those of the smallest loss on the validation
            pool (``loss``), or of the smallest after the best constant was added to all scores
            (``aligned_loss``, aligned.py).
        dropout: Probability of dropping a hidden node.
        l2: Factor of the sum of squared kernels added to the loss.
        input: Counts by their exact null moments, or over the largest bin of each histogram.
        refresh: New draws at every ``epoch``, or ``never``: one frozen set.
        loss: What is made small, a member of `rayscan.models.losses.registry`.
    """

    learning_rate: float = _knob(1e-3, _RATE, Float(1e-4, 1e-2, log=True))
    schedule: Literal["cosine", "constant"] = _knob(
        "cosine", _Legal(options=("cosine", "constant"))
    )
    batch_size: int = _knob(512, _COUNT, Choice((128, 256, 512, 1024)))
    epochs: int = _knob(25, _COUNT)
    patience: int = _knob(25, _COUNT)
    monitor: Literal["aligned_loss", "loss"] = _knob("aligned_loss", _MONITORS)
    dropout: float = _knob(0.0, _Legal(least=0.0, below=1.0), Float(0.0, 0.5))
    l2: float = _knob(0.0, _NOT_NEGATIVE, Float(1e-7, 1e-2, log=True))
    input: Literal["smooth", "squashed", "standard", "maximum"] = _knob("standard", _INPUTS)
    refresh: Literal["epoch", "never"] = _knob("epoch", _Legal(options=("epoch", "never")))
    loss: str = _knob(YOUNGER["loss"], _Legal())

    numbers: ClassVar[tuple[str, ...]] = ()
    """What a loss may need to know of the examples."""

    def __post_init__(self) -> None:
        Knobs.__post_init__(self)
        if why := problem(self.loss, self.numbers):
            raise ValueError(f"loss: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPKnobs(NetworkKnobs):
    """A dense network of histograms: ``layers`` hidden layers of ``units`` ReLU nodes.

    With its learning rate it needs fewer epochs than other networks. ``smooth`` is the input by the
    null's moments, none below one event, of a first layer whose neighbouring bins learn together.
    """

    learning_rate: float = _knob(3e-3, _RATE, Float(3e-4, 3e-2, log=True))
    epochs: int = _knob(13, _COUNT)
    layers: int = _knob(2, _LAYERS, Integer(1, 4))
    units: int = _knob(20, _NODES, Integer(8, 128, log=True))
    input: Literal["smooth", "standard", "maximum"] = _knob(
        "smooth", _Legal(options=("smooth", "standard", "maximum"))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CNNKnobs(NetworkKnobs):
    """A convolutional network: ``filters``, twice as many, one dense layer of ``units``."""

    filters: int = _knob(32, _NODES, Integer(8, 64, log=True))
    units: int = _knob(20, _NODES, Integer(8, 128, log=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMLPKnobs(NetworkKnobs):
    """A dense network of single events; its set of events is always frozen and standardised.

    Its outputs are taken as log-odds (event_network.py): the best weights have the smallest loss.
    ``squashed`` features have their tails drawn in before (inputs.py).
    """

    learning_rate: float = _knob(3e-3, _POSITIVE, Float(1e-4, 1e-2, log=True))
    monitor: Literal["aligned_loss", "loss"] = _knob("loss", _MONITORS)
    batch_size: int = _knob(1024, _COUNT, Choice((256, 512, 1024, 2048)))
    layers: int = _knob(3, _LAYERS, Integer(1, 5))
    units: int = _knob(64, _NODES, Integer(16, 256, log=True))
    input: Literal["squashed", "standard"] = _knob(
        "squashed", _Legal(options=("squashed", "standard"))
    )
    refresh: Literal["never"] = _knob("never", _Legal(options=("never",)))

    numbers: ClassVar[tuple[str, ...]] = ("S", "B")


_KNOBS: dict[str, type[Knobs]] = {
    "likelihood_ratio": LikelihoodRatioKnobs,
    "logistic_regression": LogisticKnobs,
    "linear_svm": SVMKnobs,
    "mlp": MLPKnobs,
    "cnn": CNNKnobs,
    "event_mlp": EventMLPKnobs,
}

_PUBLISHED: dict[str, Value] = {
    "learning_rate": 1e-4,
    "schedule": "constant",
    "batch_size": 128,
    "epochs": 1500,
    "patience": 100,
    "monitor": "loss",
    "dropout": 0.2,
    "input": "maximum",
    "refresh": "never",
    "units": 20,
}

_PRESETS: dict[str, dict[str, dict[str, Value]]] = {
    "mlp": {"published": {**_PUBLISHED, "layers": 2}},
    # Dropout is not stated for the convolutional network.
    "cnn": {"published": {**_PUBLISHED, "dropout": 0.0, "filters": 32}},
    "event_mlp": {"published": {**_PUBLISHED, "layers": 2, "input": "standard"}},
}


def _kind(name: str) -> type[Knobs]:
    if name not in _KNOBS:
        known = ", ".join(_KNOBS)
        raise ValueError(f"architecture: '{name}' is not one of {known}{nearest(name, _KNOBS)}")
    return _KNOBS[name]


def defaults(name: str) -> dict[str, Value]:
    """All knobs of an architecture with their default values.

    >>> defaults("logistic_regression")["C"]
    0.0001
    """
    return {each.name: cast("Value", each.default) for each in fields(_kind(name))}


def presets(name: str) -> tuple[str, ...]:
    """Names of the complete recipes of an architecture besides its defaults."""
    _kind(name)
    return tuple(_PRESETS.get(name, {}))


def preset(name: str, which: str) -> dict[str, Value]:
    """A complete recipe by name.

    >>> preset("mlp", "published")["batch_size"]
    128
    """
    known = presets(name)
    if which not in known:
        raise ValueError(
            f"preset: '{name}' has no preset '{which}', only: {', '.join(known) or 'none'}"
        )
    return {**defaults(name), **_PRESETS[name][which]}


def ranges(name: str) -> dict[str, Range]:
    """Where a search looks, for the knobs worth searching."""
    found = {each.name: each.metadata["search"] for each in fields(_kind(name))}
    return {knob: search for knob, search in found.items() if search is not None}


def knobs(name: str, values: Mapping[str, Value]) -> Knobs:
    """Defaults overridden by the given values, checked.

    Raises:
        ValueError: Unknown architecture or knob, wrong type, impossible value.
    """
    kind = _kind(name)
    known = [each.name for each in fields(kind)]
    for knob in values:
        if knob not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"{knob}: '{name}' has no such knob{nearest(knob, known)}: {listed}")
    return kind(**values)


def check(name: str, values: Mapping[str, Value]) -> None:
    """ValueError naming the nearest knob, the type or the range if the values cannot be used."""
    knobs(name, values)
