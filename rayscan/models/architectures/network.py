"""What networks share as architectures: the one training loop, what it costs, holds and stores."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import numpy as np

from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models import storage
from rayscan.models.architectures.base import Architecture, Work, reading
from rayscan.models.contract import Classifier, Examples, Member, Trained, Watch
from rayscan.models.knobs import NetworkKnobs
from rayscan.models.networks.histogram_network import NetworkClassifier
from rayscan.models.networks.packed import Network, Weights
from rayscan.models.networks.progress import Progress, Task
from rayscan.models.networks.sources import HistogramSource, Source

N = TypeVar("N", bound=NetworkKnobs)

# CPU seconds per training example and epoch, per input of it, and per multiply-add of dense layers
# and of convolutions. Dense networks of 200, 900, 2,500 bins, 20 and 80 units, 4,000-8,000
# histograms: 0.75-9 us; of single events, 64 and 256 units: 0.57-5 us. 30x30 bins, 32 filters,
# batch 128: 0.9 ms.
EXAMPLE, INPUT, PRODUCT, _CONVOLUTION = 0.3e-6, 1.7e-9, 0.03e-9, 0.35e-9
_SCORED_CONVOLUTION = 0.14e-9
_WEIGHT = 20  # bytes in training: itself, its best, its gradient, Adam's two moments
_COPIES = 4  # of an epoch: two here and two on the device


class NetworkArchitecture(Architecture[N], Generic[N]):
    """A network that the training loop of packs trains."""

    engine = "tensorflow"

    @abstractmethod
    def network(self, shape: tuple[int, ...], values: N, outputs: int) -> Network:
        """The sizes that shape and knobs ask for."""

    @abstractmethod
    def source(self, examples: Any, values: N) -> Source:
        """Examples as the training loop takes them."""

    @abstractmethod
    def classifier(self, member: Member, progress: Progress) -> Classifier:
        """What a training ended with."""

    def seen(self, values: N) -> Hashable:
        """What its source depends on beside the examples: members that agree in both share one."""
        return values.input, values.refresh

    def initial(self, network: Network, source: Source, seed: int) -> Weights | None:
        """Weights to start from, of a network that needs to know its examples for them."""
        return None

    def draws(self, values: N) -> int:
        """One epoch's worth of a frozen set, or every epoch anew."""
        return 1 if values.refresh == "never" else values.epochs

    def work(self, values: N, shape: tuple[int, ...], examples: int) -> Work:
        """By the multiply-adds of its layers."""
        dense, convolved = self.network(shape, values, 1).plain.products()
        inputs = math.prod(shape)
        each = EXAMPLE + INPUT * inputs + PRODUCT * dense + _CONVOLUTION * convolved
        return Work(
            training=values.epochs * examples * each,
            row=reading(inputs) + PRODUCT * dense + _SCORED_CONVOLUTION * convolved,
        )

    def held(
        self, values: N, shape: tuple[int, ...], examples: int, *, size: int, members: int
    ) -> int:
        """The weights of a pack, and an epoch four times."""
        weights = _WEIGHT * members * self._weights(values, shape)
        return weights + _COPIES * examples * math.prod(shape) * size

    def stored(self, values: N, shape: tuple[int, ...]) -> int:
        """The weights, and the moments of the input."""
        return 1000 + 16 * math.prod(shape) + 4 * self._weights(values, shape)

    def train(
        self, members: Sequence[Member], *, watch: Watch | None = None
    ) -> list[Trained | DivergedError]:
        """Train a pack; members of the same ``examples`` object share its draws."""
        from rayscan.models.networks.training import train

        sources: dict[Hashable, Source] = {}
        tasks = [self._task(member, sources) for member in members]
        ended = train(tasks, architecture=self.name, watch=watch)
        return [
            end if isinstance(end, DivergedError) else self._trained(member, end)
            for member, end in zip(members, ended, strict=True)
        ]

    def _task(self, member: Member, sources: dict[Hashable, Source]) -> Task:
        values = self.valued(member.hyperparameters)
        key = id(member.examples), self.seen(values)
        if key not in sources:
            sources[key] = self.source(member.examples, values)
        source = sources[key]
        outputs = source.n_classes if source.n_classes > 2 else 1
        network = self.network(source.shape, values, outputs)
        start = warm(network, member.start) or self.initial(network, source, member.seed)
        return Task(network, source, values, member.seed, start)

    def _trained(self, member: Member, end: Progress) -> Trained:
        return Trained(self.classifier(member, end), end.epochs, end.best_epoch, end.history)

    def _weights(self, values: N, shape: tuple[int, ...]) -> int:
        return sum(map(math.prod, self.network(shape, values, 1).plain.shapes()[::2]))


class HistogramNetwork(NetworkArchitecture[N], Generic[N]):
    """A network of histograms: all but its sizes and what it can see."""

    reads = "histograms"
    learns = "any classes"
    learns_strength = True
    warm_starts = True

    @abstractmethod
    def sizes(self, described: dict[str, Any]) -> Network:
        """The sizes written by ``NetworkClassifier.save``."""

    def source(self, examples: Examples, values: N) -> Source:
        """Draws, seen as the knob ``input`` says."""
        return HistogramSource(examples, how=values.input, frozen=values.refresh == "never")

    def classifier(self, member: Member, progress: Progress) -> NetworkClassifier:
        """Of raw counts."""
        network, seen = progress.task.network, progress.task.source.seen
        shape = tuple(cast("Examples", member.examples).shape)
        best = network.folded(progress.best)
        return NetworkClassifier(self.name, shape, network.plain, seen, best)

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
