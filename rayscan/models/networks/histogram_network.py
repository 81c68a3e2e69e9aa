"""A trained network of histograms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.models import scoring, storage
from rayscan.models.contract import Classifier, columns
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.packed import Network, Weights


@dataclass(frozen=True, slots=True, eq=False)
class NetworkClassifier(Classifier):
    """A trained network of histograms; scoring, saving and loading need numpy only."""

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
            description={"shape": list(self.shape), "network": self.network.description()},
            arrays=storage.network_arrays(self.seen, self.weights),
        )
        storage.carry(folder, self.network.origin)
