"""Any Keras model as an architecture of histograms, trained by our loop: docs/your_network.md."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rayscan.models.architectures.network import HistogramNetwork
from rayscan.models.knobs import Legal, NetworkKnobs, Value, knob
from rayscan.models.networks.keras_network import KerasNetwork, refused_elsewhere

__all__ = ["KerasKnobs", "KerasModel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KerasKnobs(NetworkKnobs):
    """What the training loop reads; there is no dropout."""

    dropout: float = knob(0.0, Legal(least=0.0, most=0.0))


K = TypeVar("K", bound=KerasKnobs)


class KerasModel(HistogramNetwork[K], Generic[K]):
    """A Keras model of histograms; a pack of K is K models in one graph."""

    presets: Mapping[str, Mapping[str, Value]] = {}
    quick: Mapping[str, Value] = {
        "epochs": 12,
        "batch_size": 64,
        "learning_rate": 3e-3,
        "monitor": "loss",
    }

    @abstractmethod
    def build(self, shape: tuple[int, ...], values: K, outputs: int) -> Any:
        """A new Keras model (batch, *shape) -> (batch, outputs) without a last activation.

        Import Keras in here: checking and planning a scan does without it. Layers that keep a state
        (batch normalisation, dropout) and regularisers are refused.

        Args:
            shape: Bins along each axis.
            values: The knobs.
            outputs: 1, or the classes.
        """

    @abstractmethod
    def weights(self, shape: tuple[int, ...], values: K) -> int:
        """How many numbers are trained with one output, within a factor of two.

        Memory, files and time are planned by it before there is a model.
        """

    def products(self, shape: tuple[int, ...], values: K) -> tuple[float, float]:
        """Multiply-adds of one example in dense layers and in convolutions, which share weights."""
        return float(self.weights(shape, values)), 0.0

    def network(self, shape: tuple[int, ...], values: K, outputs: int) -> KerasNetwork:
        """The model, by its own knobs."""
        common = KerasKnobs.defaults()
        own = [name for name in self.knobs.defaults() if name not in common]
        return KerasNetwork(
            self, tuple((name, getattr(values, name)) for name in own), shape, outputs
        )

    def refused(self, shape: tuple[int, ...], values: K, outputs: int) -> str:
        """What is wrong with the model, once it is built."""
        return refused_elsewhere(self.network(shape, values, outputs))

    def sizes(self, described: dict[str, Any]) -> KerasNetwork:
        """The same of a stored classifier."""
        values = self.valued(described["knobs"])
        return self.network(tuple(described["shape"]), values, described["outputs"])

    def _weights(self, values: K, shape: tuple[int, ...]) -> int:
        return self.weights(shape, values)
