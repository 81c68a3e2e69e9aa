"""What a knob is: its default, legal values and search range; the knobs that all networks share.

Defaults are the recipe that came nearest to the ceiling on sparse and on full histograms: counts
standardised by their exact null moments, neighbouring bins that learn together (smooth.py), cosine
decay of the learning rate, large batches, fresh draws at every epoch, weights chosen by a loss that
does not feel what moves all scores alike; features of events with their tails drawn in. The preset
``published`` is arXiv:2105.12018, Table 2: counts over their maximum, 1e-4, batches of 128, dropout
0.2, at most 1500 epochs with patience 100 on one frozen set.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias, cast

from rayscan.errors import nearest
from rayscan.models.losses.registry import problem

Value: TypeAlias = float | int | str

YOUNGER: Mapping[str, Value] = {"loss": "cross_entropy", "penalty": "l2"}
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


def middle(allowed: Range) -> Value:
    """What a forecast takes for a knob that is searched."""
    if isinstance(allowed, Choice):
        return allowed.options[len(allowed.options) // 2]
    ends = allowed.low, allowed.high
    found = math.sqrt(math.prod(ends)) if allowed.log else sum(ends) / 2
    return round(found) if isinstance(allowed, Integer) else found


@dataclass(frozen=True, slots=True)
class Legal:
    """What a knob may be, wider than what a search tries."""

    least: float | None = None
    above: float | None = None
    below: float | None = None
    most: float | None = None
    options: tuple[str, ...] = ()


def knob(default: Value, legal: Legal, search: Range | None = None, *, graph: bool = False) -> Any:
    """A field of a `Knobs` class.

    Args:
        default: Its value where nothing is said; its type is that of all values.
        legal: What it may be.
        search: Where a search looks; None: it is not worth searching.
        graph: Whether each of its values needs a compiled graph of its own.
    """
    return field(default=default, metadata={"legal": legal, "search": search, "graph": graph})


POSITIVE = Legal(above=0.0, most=1e6)
RATE = Legal(above=0.0, most=1e30)  # too high a rate is told when it diverges
NOT_NEGATIVE = Legal(least=0.0, most=1e6)
COUNT = Legal(least=1, most=1e6)
NODES = Legal(least=1, most=1e6)
LAYERS = Legal(least=1, most=100)
INPUTS = Legal(options=("standard", "maximum"))
MONITORS = Legal(options=("aligned_loss", "loss"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Knobs:
    """Base of all knobs: checks types and legal values of every field."""

    younger: ClassVar[Mapping[str, Value]] = YOUNGER
    """As `YOUNGER`, of this class."""

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _legal(each, getattr(self, each.name)))

    @classmethod
    def defaults(cls) -> dict[str, Value]:
        """All knobs with their default values."""
        return {each.name: cast("Value", each.default) for each in fields(cls)}

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """Where a search looks, for the knobs worth searching."""
        found = {each.name: each.metadata["search"] for each in fields(cls)}
        return {name: search for name, search in found.items() if search is not None}

    @classmethod
    def graphs(cls) -> frozenset[str]:
        """Knobs of which each value needs a compiled graph of its own."""
        return frozenset(each.name for each in fields(cls) if each.metadata["graph"])


def _legal(knob: Field[Any], value: Any) -> Value:
    """The value in the type of its knob; ValueError if it cannot be."""
    kind = type(knob.default)
    wanted = {int: "a whole number", float: "a number", str: "a name"}[kind]
    number_for_float = kind is float and isinstance(value, int)
    if isinstance(value, bool) or not (isinstance(value, kind) or number_for_float):
        raise ValueError(f"{knob.name}: {value!r} is not {wanted}")
    legal: Legal = knob.metadata["legal"]
    problem = _problem(legal, value)
    if problem:
        raise ValueError(f"{knob.name}: {value!r} {problem}")
    return float(value) if kind is float else value


def _problem(legal: Legal, value: Any) -> str:
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

    learning_rate: float = knob(1e-3, RATE, Float(1e-4, 1e-2, log=True))
    schedule: Literal["cosine", "constant"] = knob("cosine", Legal(options=("cosine", "constant")))
    batch_size: int = knob(512, COUNT, Choice((128, 256, 512, 1024)), graph=True)
    epochs: int = knob(25, COUNT)
    patience: int = knob(25, COUNT)
    monitor: Literal["aligned_loss", "loss"] = knob("aligned_loss", MONITORS)
    dropout: float = knob(0.0, Legal(least=0.0, below=1.0), Float(0.0, 0.5))
    l2: float = knob(0.0, NOT_NEGATIVE, Float(1e-7, 1e-2, log=True))
    input: Literal["smooth", "squashed", "standard", "maximum", "colours", "channels"] = knob(
        "standard", INPUTS, graph=True
    )
    refresh: Literal["epoch", "never"] = knob("epoch", Legal(options=("epoch", "never")))
    loss: str = knob(YOUNGER["loss"], Legal(), graph=True)

    numbers: ClassVar[tuple[str, ...]] = ()
    """What a loss may need to know of the examples."""

    def __post_init__(self) -> None:
        Knobs.__post_init__(self)
        if why := problem(self.loss, self.numbers):
            raise ValueError(f"loss: {why}")


PUBLISHED: dict[str, Value] = {
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
