"""Dense and convolutional networks of histograms: their architectures and their classifier."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt

from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models import scoring, storage
from rayscan.models.contract import (
    Architecture,
    Classifier,
    Examples,
    Member,
    Trained,
    Watch,
    columns,
)
from rayscan.models.knobs import CNNKnobs, MLPKnobs, NetworkKnobs, knobs
from rayscan.models.networks.convolution import ConvolutionNetwork
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.packed import Network, Weights
from rayscan.models.networks.progress import Progress, Task
from rayscan.models.networks.smooth import SmoothNetwork
from rayscan.models.networks.sources import HistogramSource

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkClassifier(Classifier):
    """A trained network of histograms; scoring, saving and loading need numpy only.

    Attributes:
        architecture: ``mlp`` or ``cnn``.
        shape: Bins along each axis.
        network: Sizes.
        seen: Input transform.
        weights: Kernels and biases.
    """

    reads: ClassVar[Literal["histograms", "events"]] = "histograms"
    architecture: str
    shape: tuple[int, ...]
    network: Network
    seen: Input
    weights: Weights

    def layers(self) -> scoring.Layers | None:
        """Dense layers that act on reduced raw counts; None for a convolutional network."""
        if not isinstance(self.network, DenseNetwork):
            return None
        return scoring.folded(self.seen, self.weights)

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Log-odds (N,), or logits (N, classes), of raw counts (N, bins)."""
        x = columns(x, int(np.prod(self.shape)), what="histograms")
        x = scoring.readable(x, self.architecture)
        layers = self.layers()
        if layers is None:
            outputs = self.network.outputs_of(self.weights, self.seen.apply(x))
        else:
            outputs = scoring.stacked_outputs([layers], x)[0]
        return scoring.finite(outputs, self.architecture)

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.npz``."""
        storage.write(
            folder,
            architecture=self.architecture,
            description={"shape": list(self.shape), "network": asdict(cast("Any", self.network))},
            arrays=storage.network_arrays(self.seen, self.weights),
        )


class _NetworkArchitecture(Architecture):
    """What the two architectures share: everything but the sizes of the network."""

    reads = "histograms"

    @abstractmethod
    def network(self, shape: tuple[int, ...], values: NetworkKnobs, outputs: int) -> Network:
        """The sizes that shape and knobs ask for."""

    @abstractmethod
    def sizes(self, described: dict[str, Any]) -> Network:
        """The sizes written by ``NetworkClassifier.save``."""

    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Train a pack; members of the same ``examples`` object share its draws."""
        from rayscan.models.networks.training import train

        sources: dict[tuple[int, str, str], HistogramSource] = {}
        tasks = [self._task(member, sources) for member in members]
        ended = train(tasks, architecture=self.name, watch=watch)
        return [
            end if isinstance(end, DivergedError) else self._trained(member, end)
            for member, end in zip(members, ended, strict=True)
        ]

    def restore(self, folder: Path) -> NetworkClassifier:
        """Read a saved network."""
        body, arrays = storage.read(folder, "shape", "network")
        seen, weights = storage.network_of(arrays)
        try:
            network = self.sizes(body["network"])
        except (KeyError, TypeError) as error:
            raise storage.unreadable(folder, f"sizes of the network: {error}") from error
        if [array.shape for array in weights] != network.shapes():
            raise storage.unreadable(folder, "weights and sizes of the network disagree")
        return NetworkClassifier(self.name, tuple(body["shape"]), network, seen, weights)

    def _task(self, member: Member, sources: dict[tuple[int, str, str], HistogramSource]) -> Task:
        examples = cast("Examples", member.examples)
        values = cast("NetworkKnobs", knobs(self.name, member.hyperparameters))
        key = (id(examples), values.input, values.refresh)
        if key not in sources:
            sources[key] = HistogramSource(
                examples, how=values.input, frozen=values.refresh == "never"
            )
        outputs = examples.n_classes if examples.n_classes > 2 else 1
        network = self.network(tuple(examples.shape), values, outputs)
        return Task(network, sources[key], values, member.seed, warm(network, member.start))

    def _trained(self, member: Member, progress: Progress) -> Trained:
        network, seen = progress.task.network, progress.task.source.seen
        shape = tuple(cast("Examples", member.examples).shape)
        classifier = NetworkClassifier(
            self.name, shape, network.plain, seen, network.folded(progress.best)
        )
        return Trained(classifier, progress.epochs, progress.best_epoch, progress.history)


def warm(network: Network, start: Classifier | None) -> Weights | None:
    """The weights of another classifier, if it has the same sizes.

    Raises:
        ShapeMismatchError: It has not.
    """
    if start is None:
        return None
    weights: Weights = getattr(start, "weights", [])
    found = [np.shape(array) for array in weights]
    if found != network.plain.shapes():
        raise ShapeMismatchError(
            what="weights to start from",
            expected=tuple(map(str, network.plain.shapes())),
            found=tuple(n for shape in found for n in shape),
        )
    return network.unfolded(weights)


class MLP(_NetworkArchitecture):
    """Dense network of the flat histogram, 900-20-20-1 as published."""

    name = "mlp"

    def network(self, shape: tuple[int, ...], values: NetworkKnobs, outputs: int) -> Network:
        """``layers`` hidden layers of ``units`` nodes."""
        sizes = cast("MLPKnobs", values)
        bins, units = int(np.prod(shape)), (sizes.units,) * sizes.layers
        if sizes.input == "smooth":
            return SmoothNetwork(bins, units, outputs, shape)
        return DenseNetwork(bins, units, outputs)

    def sizes(self, described: dict[str, Any]) -> Network:
        """A dense network."""
        return DenseNetwork(described["inputs"], tuple(described["units"]), described["outputs"])


class CNN(_NetworkArchitecture):
    """Convolutional network of the two-dimensional histogram (convolution.py)."""

    name = "cnn"

    def network(self, shape: tuple[int, ...], values: NetworkKnobs, outputs: int) -> Network:
        """The published layers; two axes of at least five bins."""
        sizes = cast("CNNKnobs", values)
        return ConvolutionNetwork(shape, sizes.filters, sizes.units, outputs)

    def sizes(self, described: dict[str, Any]) -> Network:
        """A convolutional network."""
        return ConvolutionNetwork(
            tuple(described["shape"]),
            described["filters"],
            described["units"],
            described["outputs"],
        )
