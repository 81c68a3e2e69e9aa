"""The dense network of items whose events stand side by side, through principal components."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from rayscan.models.architectures.base import Work, reading
from rayscan.models.architectures.items import (
    DRAWN,
    GATHERED,
    SUMMED,
    ItemArchitecture,
    ItemKnobs,
    features_of,
)
from rayscan.models.contract import Arrangement, ItemExamples, Member
from rayscan.models.knobs import COUNT, RATE, Float, Integer, Legal, Value, knob
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.item_network import FlatNetwork, ItemClassifier
from rayscan.models.networks.item_source import PrincipalSource
from rayscan.models.networks.progress import Progress

# CPU seconds per multiply-add of products and of an eigenvalue problem, single and double
# precision; of a training row beside its products; per multiply-add of a small batch, and of a
# score.
_MATRIX, _EIGEN, _ROW, _PRODUCT, _SCORED = 0.03e-9, 0.5e-9, 3e-6, 0.06e-9, 0.1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMLPKnobs(ItemKnobs):
    """As published (A. Celik, Eur. Phys. J. C 83 (2023)); layers and nodes are not, and searched.

    Attributes:
        variance: Share of the variance that the principal components keep, fitted on training items
            alone.
        order: Events in random order, or those of the signal in the ``last`` places of class 1, as
            a concatenation leaves them: an artefact.
    """

    learning_rate: float = knob(9e-4, RATE, Float(1e-4, 1e-2, log=True))
    schedule: Literal["cosine", "constant"] = knob(
        "constant", Legal(options=("cosine", "constant"))
    )
    batch_size: int = knob(32, COUNT, graph=True)
    epochs: int = knob(120, COUNT)
    patience: int = knob(10, COUNT)
    input: Literal["standard", "minmax"] = knob(
        "minmax", Legal(options=("standard", "minmax")), graph=True
    )
    refresh: Literal["never"] = knob("never", Legal(options=("never",)))
    layers: int = knob(2, Legal(least=1, most=20), Integer(2, 4), graph=True)
    units: int = knob(128, Legal(least=1, most=1e5), Integer(32, 512, log=True), graph=True)
    variance: float = knob(0.93, Legal(above=0.0, most=1.0))
    order: Literal["shuffled", "last"] = knob("shuffled", Legal(options=("shuffled", "last")))

    @property
    def arrangement(self) -> Arrangement:
        """With the order."""
        synthetic = 0 if self.oversample == "none" else self.synthetic
        return Arrangement(order=self.order, oversample=self.oversample, synthetic=synthetic)


class ItemMLP(ItemArchitecture[ItemMLPKnobs]):
    """Knows events by their place, of which real ones have none: it sees little but artefacts."""

    name = "item_mlp"
    knobs = ItemMLPKnobs
    presets: Mapping[str, Mapping[str, Value]] = {}
    quick: Mapping[str, Value] = {
        "epochs": 8,
        "units": 16,
        "learning_rate": 3e-3,
        "order": "last",
        "variance": 1.0,
    }

    def network(self, shape: tuple[int, ...], values: ItemMLPKnobs, outputs: int) -> DenseNetwork:
        """For so many components."""
        return DenseNetwork(math.prod(shape), (values.units,) * values.layers, outputs)

    def seen(self, values: ItemMLPKnobs) -> tuple[object, ...]:
        """The share of the variance too."""
        return values.input, values.arrangement, values.variance

    def source(self, examples: ItemExamples, values: ItemMLPKnobs) -> PrincipalSource:
        """Principal components of a frozen set."""
        return PrincipalSource(self.items(examples, values), values.variance)

    def sizes(self, described: Mapping[str, Any]) -> FlatNetwork:
        """Of what was stored."""
        return FlatNetwork(**{**described, "units": tuple(described["units"])})

    def work(self, values: ItemMLPKnobs, shape: tuple[int, ...], examples: int) -> Work:
        """Components of all training items, and the epochs on these."""
        columns = math.prod(shape)
        least = min(examples, columns)
        dense = self.network((least,), values, 1).products()[0]
        drawn = shape[0] * (DRAWN + GATHERED * shape[1])
        once = examples * drawn + 2 * _MATRIX * examples * columns * least + _EIGEN * least**3
        row = shape[0] * (DRAWN + SUMMED * shape[1]) + _SCORED * values.units * columns
        each = _ROW + _PRODUCT * dense
        return Work(training=once + values.epochs * examples * each, row=reading(0) + row)

    def held(
        self,
        values: ItemMLPKnobs,
        shape: tuple[int, ...],
        examples: int,
        *,
        size: int,
        members: int,
    ) -> int:
        """All items twice, the square matrix and its vectors, directions, components four times."""
        columns = math.prod(shape)
        least = min(examples, columns)
        weights = 20 * members * least * values.units
        items = 2 * 4 * examples * columns
        return weights + items + 3 * 8 * least**2 + 4 * columns * least + 4 * 4 * examples * least

    def stored(self, values: ItemMLPKnobs, shape: tuple[int, ...]) -> int:
        """The weights, of all features of all events."""
        sizes = self.network(shape, values, 1).shapes()
        return 2500 + 24 * shape[1] + 4 * sum(map(math.prod, sizes))

    def classifier(self, member: Member, progress: Progress) -> ItemClassifier:
        """Of raw features: the components are in the first layer."""
        source = cast("PrincipalSource", progress.task.source)
        network = cast("DenseNetwork", progress.task.network)
        kernel, bias, *rest = progress.best
        wide = source.principal.directions.astype(np.float64) @ kernel.astype(np.float64)
        moved = (bias - source.principal.mean @ wide).astype(np.float32)
        return ItemClassifier(
            architecture=self.name,
            features=features_of(member.examples),
            arrangement=cast("ItemMLPKnobs", progress.task.knobs).arrangement,
            seen=source.items.features,
            network=FlatNetwork(
                len(wide), network.units, network.outputs, events=source.items.shape[0]
            ),
            weights=[wide.astype(np.float32), moved, *rest],
        )
