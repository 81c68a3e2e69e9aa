"""Scores of many classifiers at once: one wide product where their layers are dense."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats, Reals
from rayscan.errors import DivergedError, ShapeMismatchError
from rayscan.models.contract import Classifier
from rayscan.models.networks.first_layer import first_layer
from rayscan.models.networks.inputs import How, Input
from rayscan.models.networks.packed import Weights

_MEMBERS = 16
_ROWS, _NODES = 512, 256
"""Histograms, and nodes of the first layer, at a time: their outputs fit the cache of a core."""


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """Dense layers with ReLU between them, the standardisation folded into the first.

    Attributes:
        how: What is done to raw counts before the first layer.
        kernels: (in, out) of each layer, float64; all bins for the first.
        biases: (out,) of each layer.
    """

    how: How
    kernels: list[Floats]
    biases: list[Floats]

    @property
    def like(self) -> tuple[object, ...]:
        """Layers that agree in this can be stacked."""
        return self.how, *(kernel.shape for kernel in self.kernels)


@runtime_checkable
class Layered(Protocol):
    """A classifier that is dense layers."""

    @property
    def architecture(self) -> str:
        """Name for errors."""

    def layers(self) -> Layers | None:
        """Its layers; None if they are not all dense."""


@runtime_checkable
class Grouped(Protocol):
    """A classifier that sees features which others see too."""

    @property
    def group(self) -> str:
        """The same for all that see the same features."""

    def scores_with(self, group: Sequence[Any], x: npt.NDArray[np.number]) -> list[Floats]:
        """Scores (N,) of each of a group, from features that are made once."""

    def response(self, middle: Floats) -> Floats:
        """Change of the score with one event more in each bin, to first order, shape (bins,)."""


def folded(seen: Input, weights: Weights) -> Layers:
    """The layers of a dense network of standardised or scaled input."""
    exact = [np.asarray(array, dtype=np.float64) for array in weights]
    kernels, biases = exact[::2], exact[1::2]
    kernels[0], biases[0] = seen.folded(kernels[0], biases[0])
    return Layers(seen.how, kernels, biases)


def readable(x: npt.NDArray[np.number], architecture: str) -> npt.NDArray[np.number]:
    """The array itself, once every value is finite; a cell of no weight could hide one that is not.

    Raises:
        DivergedError: A value is NaN or infinite.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "biu" and not np.isfinite(x).all():
        what = "a row to score is not finite (NaN or infinite)"
        raise DivergedError(architecture=architecture, epoch=0, what=what)
    return x


def finite(outputs: Floats, architecture: str) -> Floats:
    """Outputs (N, 1) as (N,), others as they are.

    Raises:
        DivergedError: A score is NaN or infinite.
    """
    if not np.isfinite(outputs).all():
        what = "a score is not finite"
        raise DivergedError(architecture=architecture, epoch=0, what=what)
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs


class Together:
    """K classifiers that score the same histograms, sorted by what they share.

    Dense networks and linear classifiers of equal sizes share one wide product of the first layer;
    all others are asked one by one. Networks score whole counts in single precision, in which they
    were trained: a score differs from ``Classifier.scores`` by about 1e-6 of the spread of scores.
    Those that see the same features of pictures share these.
    """

    def __init__(self, classifiers: Sequence[Classifier | Layered]) -> None:
        self._classifiers = classifiers
        self._layers: dict[int, Layers] = {}
        self._wide: dict[tuple[object, ...], list[int]] = defaultdict(list)
        self._seeing: dict[str, list[int]] = defaultdict(list)
        self._alone: list[int] = []
        for k, classifier in enumerate(classifiers):
            layers = classifier.layers() if isinstance(classifier, Layered) else None
            if layers is not None:
                self._layers[k] = layers
                self._wide[layers.like].append(k)
            elif isinstance(classifier, Grouped):
                self._seeing[classifier.group].append(k)
            else:
                self._alone.append(k)
        self._stacks = {
            like: Stack([self._layers[k] for k in ks]) for like, ks in self._wide.items()
        }

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Scores of the histograms (N, bins).

        Returns:
            Shape (K, N), or (K, N, classes).

        Raises:
            ShapeMismatchError: ``x`` has not the columns of every classifier.
            DivergedError: A score is NaN or infinite.
        """
        every: list[Any] = list(self._classifiers)
        x = readable(x, every[0].architecture)
        found: dict[int, Floats] = {k: every[k].scores(x) for k in self._alone}
        for ks in self._seeing.values():
            group = [every[k] for k in ks]
            found |= zip(ks, group[0].scores_with(group, x), strict=True)
        for like, ks in self._wide.items():
            single = len(self._layers[ks[0]].kernels) > 1 and x.dtype.kind in "iu"
            outputs = self._stacks[like].outputs(x, single=single)
            for k, values in zip(ks, outputs, strict=True):
                found[k] = finite(values, every[k].architecture)
        return np.stack([found[k] for k in range(len(every))])

    def responses(self, middle: Floats) -> Floats:
        """Change of K scores when one event is added to each bin of a histogram, shape (K, bins).

        Dense networks have it nearly for nothing: the first layer of a histogram with one event
        more is that of the histogram and a row of its kernel.
        """
        every: list[Any] = list(self._classifiers)
        found: dict[int, Floats] = {}
        for k in (k for ks in self._seeing.values() for k in ks):
            found[k] = every[k].response(middle)
        wide = [ks for ks in self._wide.values() if self._layers[ks[0]].how == "standard"]
        for ks in wide:
            for start in range(0, len(ks), _MEMBERS):
                some = ks[start : start + _MEMBERS]
                found |= zip(some, _added([self._layers[k] for k in some], middle), strict=True)
        for k in (k for k in range(len(every)) if k not in found):
            scores = score_many([every[k]], np.vstack([middle, middle + np.eye(len(middle))]))[0]
            found[k] = scores[1:] - scores[0]
        return np.stack([found[k] for k in range(len(every))])


def score_many(classifiers: Sequence[Classifier | Layered], x: npt.NDArray[np.number]) -> Floats:
    """Scores of K classifiers on the same histograms: `Together.scores`."""
    return Together(classifiers).scores(x)


def responses(classifiers: Sequence[Classifier | Layered], middle: Floats) -> Floats:
    """Change of K scores with one event more in each bin: `Together.responses`."""
    return Together(classifiers).responses(middle)


def _added(members: Sequence[Layers], middle: Floats) -> list[Floats]:
    """The same of dense networks of equal sizes, shape (bins,) each."""
    kernel = np.concatenate([layers.kernels[0] for layers in members], axis=1)
    first = middle @ kernel + np.concatenate([layers.biases[0] for layers in members])
    rest = _stacked_rest(members, np.float64)
    outputs = _rest(np.vstack([first, first + kernel]), rest, len(members))[:, :, 0]
    return [values[1:] - values[0] for values in outputs]


class Stack:
    """Layers of K classifiers of equal sizes, those of the first layer side by side."""

    def __init__(self, members: Sequence[Layers]) -> None:
        self._members = members
        self._kernel = np.concatenate([member.kernels[0] for member in members], axis=1)
        self._bias = np.concatenate([member.biases[0] for member in members])

    def outputs(self, x: npt.NDArray[np.number], *, single: bool = False) -> Floats:
        """Outputs (K, N, outputs).

        Args:
            x: Raw counts (N, bins).
            single: Multiply in single precision, at a third of the cost.
        """
        members = self._members
        bins, nodes = members[0].kernels[0].shape
        if x.ndim != 2 or x.shape[1] != bins:
            raise ShapeMismatchError(what="histograms", expected=("N", bins), found=x.shape)
        together = max(1, _NODES // nodes)
        starts = range(0, len(members), together)
        at = [nodes * k for k in starts[1:]]
        how = members[0].how
        first = first_layer(self._kernel, self._bias, x, how=how, single=single, at=at)
        kind = np.float32 if single else np.float64
        rests = [_stacked_rest(members[k : k + together], kind) for k in starts]
        found = np.empty((len(members), len(x), members[0].biases[-1].size))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            for k, rest, values in zip(starts, rests, first(x[rows]), strict=True):
                part = found[k : k + together]
                part[:, rows] = _rest(values, rest, len(part))
        return found


def stacked_outputs(members: Sequence[Layers], x: npt.NDArray[np.number]) -> Floats:
    """Outputs (K, N, outputs) of layers of equal sizes: `Stack.outputs`."""
    return Stack(members).outputs(x)


def _stacked_rest(members: Sequence[Layers], kind: type[np.floating]) -> list[tuple[Reals, Reals]]:
    """Kernels (K, in, out) and biases (K out,) of all layers but the first."""
    return [
        (
            np.stack([member.kernels[layer] for member in members]).astype(kind),
            np.concatenate([member.biases[layer] for member in members]).astype(kind),
        )
        for layer in range(1, len(members[0].kernels))
    ]


def _rest(values: Reals, layers: Sequence[tuple[Reals, Reals]], members: int) -> Reals:
    """Outputs (K, N, out) of what the first layer gives, (N, K H).

    The nodes of all members stay side by side: only the products look at them by member.
    """
    for kernel, bias in layers:
        seen = _by_member(np.maximum(values, 0.0, out=values), members)
        values = np.empty((len(values), bias.size), dtype=values.dtype)
        np.matmul(seen, kernel, out=_by_member(values, members))
        values += bias
    return _by_member(values, members)


def _by_member(values: Reals, members: int) -> Reals:
    """Nodes side by side (N, K H) seen as (K, N, H)."""
    return values.reshape(len(values), members, values.shape[1] // members).swapaxes(0, 1)
