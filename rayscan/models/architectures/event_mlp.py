"""The dense network of single events."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, cast

from rayscan.models import storage
from rayscan.models.architectures.network import NetworkArchitecture
from rayscan.models.contract import EventExamples, Member
from rayscan.models.knobs import (
    COUNT,
    LAYERS,
    MONITORS,
    NODES,
    POSITIVE,
    PUBLISHED,
    Choice,
    Float,
    Integer,
    Legal,
    NetworkKnobs,
    knob,
)
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.event_network import EventClassifier
from rayscan.models.networks.event_source import WINDOW, EventSource, stays_in_memory
from rayscan.models.networks.inputs import Squash
from rayscan.models.networks.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMLPKnobs(NetworkKnobs):
    """A dense network of single events; its set of events is always frozen and standardised.

    Its outputs are taken as log-odds (event_network.py): the best weights have the smallest loss.
    ``squashed`` features have their tails drawn in before (inputs.py).
    """

    learning_rate: float = knob(3e-3, POSITIVE, Float(1e-4, 1e-2, log=True))
    monitor: Literal["aligned_loss", "loss"] = knob("loss", MONITORS)
    batch_size: int = knob(1024, COUNT, Choice((256, 512, 1024, 2048)), graph=True)
    layers: int = knob(3, LAYERS, Integer(1, 5), graph=True)
    units: int = knob(64, NODES, Integer(16, 256, log=True), graph=True)
    input: Literal["squashed", "standard"] = knob(
        "squashed", Legal(options=("squashed", "standard")), graph=True
    )
    refresh: Literal["never"] = knob("never", Legal(options=("never",)))

    numbers: ClassVar[tuple[str, ...]] = ("S", "B")


class EventMLP(NetworkArchitecture[EventMLPKnobs]):
    """Dense network of single events, classes of equal total weight whatever their numbers."""

    name = "event_mlp"
    knobs = EventMLPKnobs
    presets = {"published": {**PUBLISHED, "layers": 2, "input": "standard"}}
    quick = {"epochs": 3, "batch_size": 256, "units": 8, "layers": 2, "learning_rate": 1e-2}
    reads = "events"
    learns = "one signal"
    learns_strength = False
    warm_starts = False

    def fits(self, shape: tuple[int, ...]) -> str:
        """Any features."""
        return ""

    def draws(self, values: EventMLPKnobs) -> int:
        """None: it reads events."""
        return 0

    def held(
        self,
        values: EventMLPKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """The weights of a pack, a window of events four times, and those that stay in memory."""
        window = min(examples, WINDOW)
        held = super().held(values, shape, window, size=size, members=members)
        inputs = examples * math.prod(shape)
        return held + size * inputs * (examples > WINDOW and stays_in_memory(inputs))

    def network(self, shape: tuple[int, ...], values: EventMLPKnobs, outputs: int) -> DenseNetwork:
        """``layers`` hidden layers of ``units`` nodes."""
        return DenseNetwork(math.prod(shape), (values.units,) * values.layers, outputs)

    def source(self, examples: EventExamples, values: EventMLPKnobs) -> EventSource:
        """Events, seen as the knob ``input`` says."""
        return EventSource(examples, squashed=values.input == "squashed")

    def classifier(self, member: Member, progress: Progress) -> EventClassifier:
        """Of raw features."""
        source = cast("EventSource", progress.task.source)
        features = tuple(cast("EventExamples", member.examples).features)
        return EventClassifier(self.name, features, source.seen, progress.best, source.squash)

    def restore(self, folder: Path) -> EventClassifier:
        """Read a saved network."""
        body, arrays = storage.read(folder, "features")
        seen, weights = storage.network_of(arrays)
        found = {name: arrays[name] for name in ("centre", "width") if name in arrays}
        squash = Squash(**found) if found else None
        return EventClassifier(self.name, tuple(body["features"]), seen, weights, squash)
