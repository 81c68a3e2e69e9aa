"""A network of which K are trained at once: where each member sits and how weights are stacked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats

Array: TypeAlias = npt.NDArray[Any]
Weights: TypeAlias = list[Array]
"""Kernels and biases of one network in turn: [kernel, bias, kernel, bias, ...]."""
Drop: TypeAlias = Callable[[Any, int], Any]
"""Drops nodes of the hidden layer number i, values (K, batch, units)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """C chunks of M members each; the members of a chunk learn from the same dataset.

    One wide product serves the first layer of all M members of a chunk. M is the greatest common
    divisor of the numbers of members per dataset, so every chunk is full: repeats on shared data
    give C = 1, M = K; members with data of their own give C = K, M = 1.

    Attributes:
        chunks: Dataset of each chunk, shape (C,).
        per_chunk: M.
        datasets: D.
        order: Member in each of the K = C M slots.
    """

    chunks: tuple[int, ...]
    per_chunk: int
    datasets: int
    order: tuple[int, ...] = field(compare=False)  # a graph does not depend on it

    @property
    def members(self) -> int:
        """K."""
        return len(self.chunks) * self.per_chunk


def layout(datasets: Sequence[Hashable]) -> Layout:
    """The layout of members, given the dataset of each.

    >>> layout(["a", "b", "a", "b"])
    Layout(chunks=(0, 1), per_chunk=2, datasets=2, order=(0, 2, 1, 3))
    """
    counts = Counter(datasets)
    number = {key: index for index, key in enumerate(counts)}
    per_chunk = math.gcd(*counts.values())
    chunks = [number[key] for key, count in counts.items() for _ in range(count // per_chunk)]
    order = sorted(range(len(datasets)), key=lambda member: number[datasets[member]])
    return Layout(tuple(chunks), per_chunk, len(counts), tuple(order))


class Network(ABC):
    """Sizes of a network and its arithmetic; frozen and hashable, holds no weights."""

    outputs: int

    @property
    @abstractmethod
    def by_chunk(self) -> int:
        """How many leading arrays are stored by chunk, (C, ..., M, units), for one wide product."""

    @property
    @abstractmethod
    def hidden(self) -> int:
        """Hidden layers that know dropout."""

    @property
    def kernels(self) -> tuple[int, ...]:
        """Which arrays are kernels: the others, biases, are not made small by ``l2``."""
        return tuple(range(0, len(self.shapes()), 2))

    @property
    def xla(self) -> bool:
        """Whether XLA compiles its graphs: several times faster where layers are dense."""
        return True

    @property
    def rows(self) -> int:
        """Validation rows that a graph scores at a time."""
        return 1024

    @abstractmethod
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights of one member."""

    @abstractmethod
    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:
        """Unsquashed outputs (K, batch, outputs) of stacked weights in a Keras graph.

        The input x is by chunk, (C, batch, inputs).
        """

    @abstractmethod
    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """Unsquashed outputs (N, outputs) of one member, plain numpy."""

    @property
    def origin(self) -> tuple[str, str] | None:
        """What a classifier must be stored with, beside sizes and weights (`storage.carry`)."""
        return None

    def description(self) -> dict[str, Any]:
        """Its sizes as JSON has them."""
        return asdict(cast("Any", self))

    def products(self) -> tuple[float, float]:
        """Multiply-adds of one example in dense layers and in convolutions."""
        return float(sum(map(math.prod, self.shapes()[::2]))), 0.0

    @property
    def plain(self) -> Network:
        """The network that scores once this one is trained: itself, unless it learns otherwise."""
        return self

    def folded(self, weights: Weights) -> Weights:
        """Weights of ``plain`` that give the same outputs."""
        return weights

    def unfolded(self, weights: Weights) -> Weights:
        """Weights that ``folded`` makes into these."""
        return weights

    def initial(self, rng: np.random.Generator) -> Weights:
        """Glorot-uniform kernels and zero biases (the defaults of Keras)."""
        weights: Weights = []
        for shape in self.shapes():
            if len(shape) == 1:
                weights.append(np.zeros(shape, np.float32))
                continue
            field = math.prod(shape[:-2])
            bound = math.sqrt(6.0 / (field * (shape[-2] + shape[-1])))
            weights.append(rng.uniform(-bound, bound, shape).astype(np.float32))
        return weights

    def stack(self, members: Sequence[Weights], where: Layout) -> Weights:
        """The weights of all members, given member by member, as a graph takes them."""
        stacked = []
        for index, arrays in enumerate(zip(*(members[k] for k in where.order), strict=True)):
            array = np.stack(arrays).astype(np.float32)
            if index < self.by_chunk:
                array = array.reshape(len(where.chunks), where.per_chunk, *array.shape[1:])
                array = np.ascontiguousarray(np.moveaxis(array, 1, -2))
            stacked.append(array)
        return stacked

    def unstack(self, stacked: Sequence[Array], where: Layout) -> list[Weights]:
        """Member by member again, each array a copy of its own."""
        members: list[Weights] = [[] for _ in where.order]
        for index, array in enumerate(stacked):
            values = np.moveaxis(array, -2, 1) if index < self.by_chunk else array
            shape = values.shape[2:] if index < self.by_chunk else values.shape[1:]
            for slot, value in enumerate(values.reshape(where.members, *shape)):
                members[where.order[slot]].append(np.array(value))
        return members

    def spread(self, values: Any, where: Layout) -> list[Any]:
        """One number per slot, (K,), shaped to multiply each array of stacked weights."""
        from keras import ops

        spread = []
        for index, shape in enumerate(self.shapes()):
            if index < self.by_chunk:
                ones = (1,) * (len(shape) - 1)
                spread.append(ops.reshape(values, (len(where.chunks), *ones, where.per_chunk, 1)))
            else:
                spread.append(ops.reshape(values, (where.members, *(1,) * len(shape))))
        return spread
