"""The convolutional network of two-dimensional histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rayscan.models.architectures.network import HistogramNetwork
from rayscan.models.knobs import NODES, PUBLISHED, Integer, NetworkKnobs, knob
from rayscan.models.networks.convolution import SMALLEST, ConvolutionNetwork, pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class CNNKnobs(NetworkKnobs):
    """A convolutional network: ``filters``, twice as many, one dense layer of ``units``."""

    filters: int = knob(32, NODES, Integer(8, 64, log=True), graph=True)
    units: int = knob(20, NODES, Integer(8, 128, log=True), graph=True)


class CNN(HistogramNetwork[CNNKnobs]):
    """Convolutional network of the two-dimensional histogram (convolution.py)."""

    name = "cnn"
    knobs = CNNKnobs
    # Its published dropout is not stated.
    presets = {"published": {**PUBLISHED, "dropout": 0.0, "filters": 32}}
    quick = {"epochs": 6, "batch_size": 64, "learning_rate": 1e-2, "filters": 4, "monitor": "loss"}

    def fits(self, shape: tuple[int, ...]) -> str:
        """Two axes of at least five bins."""
        return "" if pictures(shape) else f"pictures of at least {SMALLEST} x {SMALLEST} bins"

    def network(self, shape: tuple[int, ...], values: CNNKnobs, outputs: int) -> ConvolutionNetwork:
        """The published layers."""
        return ConvolutionNetwork(shape, values.filters, values.units, outputs)

    def sizes(self, described: dict[str, Any]) -> ConvolutionNetwork:
        """A convolutional network."""
        shape, outputs = tuple(described["shape"]), described["outputs"]
        return ConvolutionNetwork(shape, described["filters"], described["units"], outputs)
