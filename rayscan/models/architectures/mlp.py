"""The dense network of histograms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from rayscan.models.architectures.network import HistogramNetwork
from rayscan.models.knobs import (
    COUNT,
    LAYERS,
    NODES,
    PUBLISHED,
    RATE,
    Float,
    Integer,
    Legal,
    NetworkKnobs,
    knob,
)
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.smooth import SmoothNetwork


@dataclass(frozen=True, slots=True, kw_only=True)
class MLPKnobs(NetworkKnobs):
    """A dense network of histograms: ``layers`` hidden layers of ``units`` ReLU nodes.

    With its learning rate it needs fewer epochs than other networks. ``smooth`` is the input by the
    null's moments, none below one event, of a first layer whose neighbouring bins learn together.
    """

    learning_rate: float = knob(3e-3, RATE, Float(3e-4, 3e-2, log=True))
    epochs: int = knob(13, COUNT)
    layers: int = knob(2, LAYERS, Integer(1, 4), graph=True)
    units: int = knob(20, NODES, Integer(8, 128, log=True), graph=True)
    input: Literal["smooth", "standard", "maximum"] = knob(
        "smooth", Legal(options=("smooth", "standard", "maximum")), graph=True
    )


class MLP(HistogramNetwork[MLPKnobs]):
    """Dense network of the flat histogram, 900-20-20-1 as published."""

    name = "mlp"
    knobs = MLPKnobs
    presets = {"published": {**PUBLISHED, "layers": 2}}
    quick = {"epochs": 12, "batch_size": 64, "learning_rate": 3e-3, "monitor": "loss"}

    def fits(self, shape: tuple[int, ...]) -> str:
        """Any bins."""
        return ""

    def network(self, shape: tuple[int, ...], values: MLPKnobs, outputs: int) -> DenseNetwork:
        """``layers`` hidden layers of ``units`` nodes."""
        bins, units = math.prod(shape), (values.units,) * values.layers
        if values.input == "smooth":
            return SmoothNetwork(bins, units, outputs, shape)
        return DenseNetwork(bins, units, outputs)

    def sizes(self, described: dict[str, Any]) -> DenseNetwork:
        """A dense network."""
        return DenseNetwork(described["inputs"], tuple(described["units"]), described["outputs"])
