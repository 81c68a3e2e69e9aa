"""The convolutional network of two-dimensional histograms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rayscan.errors import ShapeMismatchError
from rayscan.models.architectures.network import HistogramNetwork
from rayscan.models.knobs import (
    COUNT,
    LAYERS,
    NODES,
    PUBLISHED,
    RATE,
    YOUNGER,
    Float,
    Integer,
    Legal,
    NetworkKnobs,
    Value,
    knob,
)
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.transfer.pictures import Look

_LAYERS = "convolutions", "pools", "pooling", "padding", "activation", "dropped"
_INPUTS = Legal(options=("smooth", "standard", "maximum", "colours", "channels"))
_KEPT = 8  # times that a training holds what convolutions make of a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class CNNKnobs(NetworkKnobs):
    """Convolutions of a histogram, or of a picture of it, and one dense layer of ``units``.

    Attributes:
        filters: Of the first convolution; all others have twice as many.
        convolutions: How many, each of 3 x 3 cells.
        pools: Convolutions, from the last, that a pool of 2 x 2 cells follows.
        pooling: The ``mean`` of its cells, or the ``maximum``.
        padding: ``same``: with zeros around, so that bins at the edge have their place; ``valid``:
            without.
        activation: Of convolutions. Counts are noise in each bin, of which ``relu`` loses half.
        dropped: What ``dropout`` acts on: the ``dense`` layer, or what each of the
            ``convolutions`` passes on and, once more, what the dense layer sees.
        input: Counts as of `NetworkKnobs`, by moments none of which is below one event
            (``smooth``), or as a picture in a colour map or in three equal ``channels``.
        pixels: Of a side of the picture.
    """

    learning_rate: float = knob(4e-3, RATE, Float(3e-4, 3e-2, log=True))
    epochs: int = knob(8, COUNT)
    filters: int = knob(8, NODES, Integer(4, 64, log=True), graph=True)
    units: int = knob(20, NODES, Integer(8, 128, log=True), graph=True)
    convolutions: int = knob(3, LAYERS, graph=True)
    pools: int = knob(3, Legal(least=0, most=100), graph=True)
    pooling: Literal["mean", "maximum"] = knob(
        "mean", Legal(options=("mean", "maximum")), graph=True
    )
    padding: Literal["same", "valid"] = knob("same", Legal(options=("same", "valid")), graph=True)
    activation: Literal["tanh", "relu"] = knob("tanh", Legal(options=("tanh", "relu")), graph=True)
    dropped: Literal["dense", "convolutions"] = knob(
        "dense", Legal(options=("dense", "convolutions")), graph=True
    )
    input: Literal["smooth", "standard", "maximum", "colours", "channels"] = knob(
        "smooth", _INPUTS, graph=True
    )
    pixels: int = knob(100, Legal(least=1, most=4096), graph=True)


_CELIK: dict[str, Value] = {
    "learning_rate": 1e-3,
    "schedule": "constant",
    "batch_size": 300,
    "epochs": 1000,
    "patience": 1000,
    "monitor": "loss",
    "dropout": 0.2,
    "dropped": "convolutions",
    "refresh": "never",
    "input": "colours",
    "filters": 32,
    "convolutions": 3,
    "pools": 3,
    "pooling": "maximum",
    "padding": "valid",
    "activation": "relu",
    "units": 1024,
    "pixels": 100,
}


class CNN(HistogramNetwork[CNNKnobs]):
    """Convolutional network of the two-dimensional histogram (convolution.py)."""

    name = "cnn"
    knobs = CNNKnobs
    presets: Mapping[str, Mapping[str, Value]] = {
        # arXiv:2105.12018, Table 2. Its dropout is not stated.
        "published": {
            **PUBLISHED,
            **{each: YOUNGER[each] for each in _LAYERS},
            "dropout": 0.0,
            "filters": 32,
        },
        # A. Celik, Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 2. Pixels and
        # pools are not stated: 100 and three, or 50 and two, give its 6,611,969 parameters.
        "celik": _CELIK,
        "celik_50": {**_CELIK, "pixels": 50, "pools": 2},
    }
    quick = {"epochs": 6, "batch_size": 64, "learning_rate": 1e-2, "filters": 4, "monitor": "loss"}

    def fits(self, shape: tuple[int, ...]) -> str:
        """Two axes."""
        return "" if len(shape) == 2 else "pictures of two axes"

    def refused(self, shape: tuple[int, ...], values: CNNKnobs, outputs: int) -> str:
        """What is too small for unpadded convolutions."""
        try:
            self.network(shape, values, outputs)
        except ShapeMismatchError as error:
            return str(error)
        return ""

    def held(
        self, values: CNNKnobs, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """As any network, and what convolutions make of a batch, of each member of a pack."""
        batch = members * min(values.batch_size, examples)
        made = 4 * _KEPT * batch * self.network(shape, values, 1).activations()
        return made + super().held(values, shape, examples, size=size, members=members)

    def network(self, shape: tuple[int, ...], values: CNNKnobs, outputs: int) -> ConvolutionNetwork:
        """As the knobs say."""
        look: Any = values.input if values.input in get_args(Look) else ""
        layers = {each: getattr(values, each) for each in _LAYERS}
        pixels = values.pixels if look else 0
        return ConvolutionNetwork(
            shape, values.filters, values.units, outputs, look=look, pixels=pixels, **layers
        )

    def sizes(self, described: dict[str, Any]) -> ConvolutionNetwork:
        """A convolutional network; older ones say nothing of what was not there to choose."""
        return ConvolutionNetwork(**{**described, "shape": tuple(described["shape"])})
