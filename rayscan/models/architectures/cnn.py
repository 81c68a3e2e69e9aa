"""The convolutional network of two-dimensional histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast, get_args

from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.network import EXAMPLE, INPUT, PRODUCT, HistogramNetwork
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
from rayscan.models.networks.convolution import ConvolutionNetwork, least_cells
from rayscan.models.transfer.pictures import Look

_LAYERS: Mapping[str, Value] = {
    "convolutions": 2,
    "pools": 2,
    "pooling": "maximum",
    "padding": "valid",
    "activation": "relu",
    "dropped": "dense",
}
"""The layers of arXiv:2105.12018, which were the only ones once."""
_INPUTS = Legal(options=("smooth", "standard", "maximum", "colours", "channels"))
# CPU seconds of training for each multiply-add of convolutions, and for each number that they make
# and pools pass on; of a score for each number of a patch, and for each multiply-add. One core,
# 50 x 50 bins, an example: 0.39 ms and 0.6 ms of the default, 2.5 and 1.6 of `published`, 16 and 13
# of `celik`, 9.5 and 11 of `celik_50`.
_CONVOLVED, _MADE = 0.05e-9, {"mean": 10e-9, "maximum": 24e-9}
_PATCH, _SCORED = 8e-9, 0.03e-9
_KEPT = 3.3  # times that a training holds the patches of a batch


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

    younger: ClassVar[Mapping[str, Value]] = {**YOUNGER, **_LAYERS, "pixels": 100}

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

    def __post_init__(self) -> None:
        NetworkKnobs.__post_init__(self)
        if self.look and self.pixels < self.least:
            raise ValueError(f"pixels: {self.pixels} must be at least {self.least} to be convolved")

    @property
    def look(self) -> Look | Literal[""]:
        """Of the picture; empty where counts are seen."""
        return cast("Look", self.input) if self.input in get_args(Look) else ""

    @property
    def least(self) -> int:
        """Fewest cells along an axis that all convolutions have something to see of."""
        return least_cells(self.convolutions, self.padding)


_CELIK: dict[str, Value] = {
    "learning_rate": 1e-3,
    "schedule": "constant",
    "batch_size": 300,
    "epochs": 1000,
    "patience": 1000,
    "monitor": "loss",
    "dropout": 0.2,
    "refresh": "never",
    "input": "colours",
    "filters": 32,
    **_LAYERS,
    "convolutions": 3,
    "pools": 3,
    "dropped": "convolutions",
    "units": 1024,
    "pixels": 100,
}


class CNN(HistogramNetwork[CNNKnobs]):
    """Convolutional network of the two-dimensional histogram (convolution.py)."""

    name = "cnn"
    knobs = CNNKnobs
    presets: Mapping[str, Mapping[str, Value]] = {
        # arXiv:2105.12018, Table 2. Its dropout is not stated.
        "published": {**PUBLISHED, **_LAYERS, "dropout": 0.0, "filters": 32},
        # A. Celik, Eur. Phys. J. C 83 (2023), 10.1140/epjc/s10052-023-12290-4, Table 2. Pixels and
        # pools are not stated: 100 and three, or 50 and two, give its 6,611,969 parameters.
        "celik": _CELIK,
        "celik_50": {**_CELIK, "pixels": 50, "pools": 2},
    }
    quick = {"epochs": 6, "batch_size": 64, "learning_rate": 1e-2, "filters": 4, "monitor": "loss"}

    def fits(self, shape: tuple[int, ...]) -> str:
        """Two axes."""
        return "" if len(shape) == 2 else "pictures of two axes"

    def fits_with(self, shape: tuple[int, ...], values: CNNKnobs) -> str:
        """Enough bins for unpadded convolutions."""
        enough = values.look or min(shape) >= values.least
        return "" if enough else f"pictures of at least {values.least} x {values.least} bins"

    def work(self, values: CNNKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """By the multiply-adds and the numbers of its layers."""
        network, inputs = self.network(shape, values, 1), math.prod(shape)
        dense, convolved = network.products()
        seen, made = (sum(each) for each in zip(*network.numbers(), strict=True))
        each = EXAMPLE + INPUT * inputs + PRODUCT * dense
        each += _CONVOLVED * convolved + _MADE[values.pooling] * made
        return Work(
            training=values.epochs * examples * each,
            row=reading(inputs) + _PATCH * seen + _SCORED * (dense + convolved),
        )

    def held(
        self, values: CNNKnobs, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """As any network, and what convolutions see of a batch, of each member of a pack."""
        seen = sum(seen for seen, _ in self.network(shape, values, 1).numbers())
        batch = members * min(values.batch_size, examples)
        own = super().held(values, shape, examples, size=size, members=members)
        return own + round(4 * _KEPT * batch * seen)

    def network(self, shape: tuple[int, ...], values: CNNKnobs, outputs: int) -> ConvolutionNetwork:
        """As the knobs say."""
        layers: Any = {each: getattr(values, each) for each in _LAYERS}
        pixels = values.pixels if values.look else 0
        return ConvolutionNetwork(
            shape, values.filters, values.units, outputs, look=values.look, pixels=pixels, **layers
        )

    def sizes(self, described: dict[str, Any]) -> ConvolutionNetwork:
        """A convolutional network; older ones say nothing of what was not there to choose."""
        return ConvolutionNetwork(**{**described, "shape": tuple(described["shape"])})
