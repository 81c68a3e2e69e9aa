"""The permutation-invariant network of items: what it makes of each event, summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.items import (
    DRAWN,
    GATHERED,
    SUMMED,
    ItemArchitecture,
    ItemKnobs,
    features_of,
)
from rayscan.models.contract import ItemExamples, Member
from rayscan.models.knobs import COUNT, NODES, RATE, Choice, Float, Integer, Legal, Value, knob
from rayscan.models.networks.item_network import ItemClassifier, SetNetwork
from rayscan.models.networks.item_source import WINDOW, ItemSource
from rayscan.models.networks.packed import Network, Weights
from rayscan.models.networks.progress import Progress
from rayscan.models.networks.sources import Source
from rayscan.seeds import stream

_REFERENCE = 1024
"""Events of the null that are taken off while it is trained: their mean moves outputs by about as
much as two items differ."""
# CPU seconds per multiply-add in training: items of 1,000 events, 12 features, 32 and 96 units.
_PRODUCT = 0.17e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSetKnobs(ItemKnobs):
    """A dense network of each event, their sum or attention, a dense readout.

    Attributes:
        layers: Hidden layers that see an event.
        units: Nodes of each.
        width: Numbers of an event that are summed.
        readout: Hidden layers of as many nodes as ``units`` that see the sums; 0: scores are sums
            of one number of each event.
        pooling: ``sum``, or a mean by weights that are learned (``attention``).
    """

    learning_rate: float = knob(3e-3, RATE, Float(3e-4, 1e-2, log=True))
    batch_size: int = knob(64, COUNT, Choice((32, 64, 128)), graph=True)
    epochs: int = knob(20, COUNT)
    patience: int = knob(20, COUNT)
    layers: int = knob(2, Legal(least=1, most=20), Integer(1, 3), graph=True)
    units: int = knob(32, NODES, Integer(16, 128, log=True), graph=True)
    width: int = knob(8, NODES, graph=True)
    readout: int = knob(0, Legal(least=0, most=20), Integer(0, 2), graph=True)
    pooling: Literal["sum", "attention"] = knob(
        "sum", Legal(options=("sum", "attention")), Choice(("sum", "attention")), graph=True
    )


class ItemSet(ItemArchitecture[ItemSetKnobs]):
    """Deep sets: blind to the order of the events."""

    name = "item_set"
    knobs = ItemSetKnobs
    presets: Mapping[str, Mapping[str, Value]] = {}
    quick: Mapping[str, Value] = {"epochs": 3, "units": 8, "batch_size": 32, "learning_rate": 1e-2}

    def network(self, shape: tuple[int, ...], values: ItemSetKnobs, outputs: int) -> SetNetwork:
        """For items of (events, features)."""
        units = (values.units,)
        return SetNetwork(
            events=shape[0],
            features=shape[1],
            units=units * values.layers,
            width=values.width,
            readout=units * values.readout,
            outputs=outputs,
            pooling=values.pooling,
            reference=_REFERENCE,
        )

    def initial(self, network: Network, source: Source, seed: int) -> Weights:
        """With events of class 0 for reference."""
        known = cast("ItemSource", source).null(_REFERENCE)
        return [*network.plain.initial(stream(seed, "weights")), known]

    def source(self, examples: ItemExamples, values: ItemSetKnobs) -> ItemSource:
        """Items, window by window."""
        return self.items(examples, values)

    def sizes(self, described: Mapping[str, Any]) -> SetNetwork:
        """Of what was stored."""
        layers = {name: tuple(described[name]) for name in ("units", "readout")}
        return SetNetwork(**{**described, **layers})

    def work(self, values: ItemSetKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """By the multiply-adds of all events of an item; scores see events of pools once."""
        products = self.network(shape, values, 1).products()[0]
        drawn = shape[0] * (DRAWN + GATHERED * shape[1])
        return Work(
            training=values.epochs * examples * (drawn + _PRODUCT * products),
            row=reading(0) + shape[0] * (DRAWN + SUMMED * values.width),
        )

    def held(
        self,
        values: ItemSetKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """Weights, windows, and what the layers make of the events of a batch."""
        network = self.network(shape, values, 1)
        nodes = sum(network.units) + network.width
        weights = 20 * members * self._weights(values, shape)
        windows = 4 * 4 * min(WINDOW, examples * shape[0] * shape[1])
        batch = max(network.rows, values.batch_size) * shape[0]
        return weights + windows + 4 * 4 * members * batch * nodes

    def stored(self, values: ItemSetKnobs, shape: tuple[int, ...]) -> int:
        """The weights, and the moments of features."""
        return 2500 + 24 * shape[1] + 4 * self._weights(values, shape)

    def classifier(self, member: Member, progress: Progress) -> ItemClassifier:
        """Of raw features."""
        network = cast("SetNetwork", progress.task.network)
        return ItemClassifier(
            architecture=self.name,
            features=features_of(member.examples),
            arrangement=cast("ItemSetKnobs", progress.task.knobs).arrangement,
            seen=cast("ItemSource", progress.task.source).features,
            network=network.plain,
            weights=network.folded(progress.best),
        )
