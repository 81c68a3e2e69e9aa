"""Networks of items (sets of N events each), and a trained one.

What a network makes of each event by itself (``each``) and of an item (``together``) are apart: the
events of a pool are seen once, however many items hold them. E events, F features, H numbers of an
event, n items, D numbers of an item, R events of reference.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from rayscan.arrays import AnyIntegers, Floats
from rayscan.models import scoring, storage
from rayscan.models.contract import Arrangement, Classifier, Reads, columns
from rayscan.models.networks.dense import DenseNetwork
from rayscan.models.networks.event_source import present
from rayscan.models.networks.inputs import Input
from rayscan.models.networks.packed import Drop, Layout, Network, Weights

Pooling: TypeAlias = Literal["sum", "attention"]
_VALUES = 2**22
"""Numbers of events of the items that are scored at a time."""


class ItemNetwork(Network):
    """A network of items; its input is that of their N events, one after the other."""

    events: int

    @abstractmethod
    def each(self, weights: Weights, x: Floats) -> Floats:
        """What it makes of each event, from (E, F) to (E, H)."""

    @abstractmethod
    def together(self, weights: Weights, rows: Floats) -> Floats:
        """Unsquashed outputs (n, outputs) of items, of what it makes of their events (n, N, H)."""

    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """Unsquashed outputs (n, outputs) of items (n, N F)."""
        rows = self.each(weights, x.reshape(len(x) * self.events, -1))
        return self.together(weights, rows.reshape(len(x), self.events, -1))


@dataclass(frozen=True, slots=True)
class FlatNetwork(DenseNetwork, ItemNetwork):
    """A dense network of all features of all events side by side: it knows them by their place."""

    events: int = 1

    def each(self, weights: Weights, x: Floats) -> Floats:  # noqa: ARG002
        """As they are."""
        return x

    def together(self, weights: Weights, rows: Floats) -> Floats:
        """Layer after layer."""
        return DenseNetwork.outputs_of(self, weights, rows.reshape(len(rows), self.inputs))

    def outputs_of(self, weights: Weights, x: Floats) -> Floats:
        """Layer after layer."""
        return DenseNetwork.outputs_of(self, weights, x)


@dataclass(frozen=True, slots=True)
class SetNetwork(ItemNetwork):
    """A dense network of each event, the mean of its outputs over an item, a dense readout.

    The order of events does not matter (M. Zaheer et al., arXiv:1703.06114). With ``sum`` and no
    hidden layer of the readout the output is a sum of one number of each event, as a likelihood
    ratio is. ``attention`` takes a mean weighted by the exponential of one more output. Means are
    multiplied by sqrt(N), and while it is trained those of some events of the null are taken off:
    else each step would move the outputs of all items alike, sqrt(N) times as far as it moves them
    apart. These events are the last of the weights, and never change.

    Attributes:
        events: N.
        features: F.
        units: Nodes of the hidden layers that see an event.
        width: D.
        readout: Nodes of the hidden layers that see the means.
        outputs: 1, or the classes.
        pooling: How events are put together.
        reference: How many events of the null; 0 once it is trained.
    """

    events: int
    features: int
    units: tuple[int, ...]
    width: int
    readout: tuple[int, ...]
    outputs: int
    pooling: Pooling = "sum"
    reference: int = 0

    @property
    def phi(self) -> DenseNetwork:
        """The part that sees an event."""
        more = self.pooling == "attention"
        return DenseNetwork(self.features, self.units, self.width + more)

    @property
    def rho(self) -> DenseNetwork:
        """The part that sees the means."""
        return DenseNetwork(self.width, self.readout, self.outputs)

    @property
    def by_chunk(self) -> int:
        """Kernel and bias of the first layer."""
        return 2

    @property
    def hidden(self) -> int:
        """Those of both parts."""
        return self.phi.hidden + self.rho.hidden

    @property
    def rows(self) -> int:
        """An item is N rows of a dense network."""
        return max(1, 2**16 // self.events)

    @property
    def kernels(self) -> tuple[int, ...]:
        """Those of both parts."""
        return tuple(range(0, len(self.plain.shapes()), 2))

    def shapes(self) -> list[tuple[int, ...]]:
        """Those of both parts, and of the reference."""
        known = [(self.reference, self.features)] if self.reference else []
        return [*self.phi.shapes(), *self.rho.shapes(), *known]

    def products(self) -> tuple[float, float]:
        """All events of an item are seen."""
        return self.events * self.phi.products()[0] + self.rho.products()[0], 0.0

    @property
    def plain(self) -> SetNetwork:
        """The network without reference."""
        return replace(self, reference=0)

    def folded(self, weights: Weights) -> Weights:
        """With what the reference takes off in the first bias of the readout."""
        *known, events = weights
        of_phi, (kernel, bias, *rest) = self._parts(known)
        seen = self.phi.outputs_of(of_phi, events.astype(np.float64))
        off = self._pooled(seen, np) @ kernel.astype(np.float64)
        return [*of_phi, kernel, (bias - off).astype(np.float32), *rest]

    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:
        """Both parts in a graph."""
        from keras import ops

        of_phi, of_rho = self._parts(weights[: len(self.plain.shapes())])
        chunks, items, _ = x.shape
        flat = ops.reshape(x, (chunks, items * self.events, self.features))
        seen = self.phi.logits(of_phi, flat, where, drop)
        values = self._pooled(ops.reshape(seen, (-1, items, self.events, seen.shape[-1])), ops)
        if self.reference:
            known = ops.stop_gradient(weights[-1]) + 0.0 * weights[-1]  # a slope, of zero
            usual = self.phi.logits(of_phi, known[:: where.per_chunk], where, None)
            values = values - self._pooled(usual, ops)[:, None]
        for layer, (kernel, bias) in enumerate(zip(of_rho[::2], of_rho[1::2], strict=True)):
            if layer:
                values = ops.relu(values)
                values = values if drop is None else drop(values, self.phi.hidden + layer - 1)
            values = ops.matmul(values, kernel) + bias[:, None, :]
        return values

    def each(self, weights: Weights, x: Floats) -> Floats:
        """What is averaged; with attention times its weight, and that weight."""
        found = self.phi.outputs_of(self._parts(weights)[0], x)
        if self.pooling == "sum":
            return found
        share = np.exp(found[:, -1:])
        return np.hstack([found[:, :-1] * share, share])

    def together(self, weights: Weights, rows: Floats) -> Floats:
        """Means, and the readout of these."""
        means = rows.mean(axis=1)
        if self.pooling == "attention":
            means = means[:, :-1] / means[:, -1:]
        return self.rho.outputs_of(self._parts(weights)[1], math.sqrt(self.events) * means)

    def _parts(self, weights: Weights) -> tuple[Weights, Weights]:
        at = len(self.phi.shapes())
        return weights[:at], weights[at:]

    def _pooled(self, seen: Any, xp: Any) -> Any:
        """Means over the events, the last axis but one."""
        if self.pooling == "attention":
            tilt = seen[..., -1:]
            share = xp.exp(tilt - xp.max(tilt, axis=-2, keepdims=True))
            weighted = xp.sum(share * seen[..., :-1], axis=-2) / xp.sum(share, axis=-2)
        else:
            weighted = xp.mean(seen, axis=-2)
        return math.sqrt(self.events) * weighted


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Features of events as a network takes them.

    Attributes:
        absent: What an absent object (NaN) counts as, shape (F,): the mean of training events.
        scaled: What is done to all, shapes (F,).
    """

    absent: Floats
    scaled: Input

    def apply(self, x: npt.NDArray[np.number]) -> Floats:
        """Of (E, F)."""
        return self.scaled.apply(present(x, self.absent))


@dataclass(frozen=True, slots=True, eq=False)
class ItemClassifier(Classifier):
    """A trained network of items of N events with F features.

    ``arrangement`` is how the items it was trained on were put together.
    """

    reads: ClassVar[Reads] = "items"
    architecture: str
    features: tuple[str, ...]
    arrangement: Arrangement
    seen: Seen
    network: ItemNetwork
    weights: Weights

    @property
    def events(self) -> int:
        """N."""
        return self.network.events

    def each(self, events: npt.NDArray[np.number]) -> Floats:
        """What it makes of each event by itself, from raw features (E, F) to (E, H)."""
        x = columns(events, len(self.features), what="events", unit="features")
        x = scoring.readable(present(x, self.seen.absent), self.architecture)
        return self.network.each(self.weights, self.seen.scaled.apply(x))

    def together(self, rows: Floats) -> Floats:
        """Log-odds (n,) of items, of what it makes of their events (n, N, H)."""
        return scoring.finite(self.network.together(self.weights, rows), self.architecture)

    def at(self, each: Floats, places: AnyIntegers) -> Floats:
        """Log-odds (n,) of items of events (E, H) at places (n, N); few are in memory."""
        step = max(1, _VALUES // (self.events * each.shape[1]))
        parts = range(0, len(places), step)
        found = [self.together(each[places[first : first + step]]) for first in parts]
        return np.concatenate(found) if found else np.zeros(0)

    def scores(self, x: npt.NDArray[np.number]) -> Floats:
        """Log-odds (n,) of items of raw features (n, N F); NaN (object absent) is the mean."""
        size = len(self.features)
        x = columns(x, self.events * size, what="items", unit="features")
        each = self.each(x.reshape(-1, size))
        return self.at(each, np.arange(len(each)).reshape(len(x), self.events))

    def added(self, each: Floats, background: Floats) -> Floats:
        """What an event in place of a mean one adds to the score of a mean item, shape (E,).

        To first order, in a random place.

        Args:
            each: What it makes of the events, shape (E, H).
            background: The same of events of class 0.
        """
        mean, step = background.mean(axis=0), background.std(axis=0) / math.sqrt(self.events)
        moved = np.stack([mean + np.diag(step), mean - np.diag(step)])
        rows = np.broadcast_to(moved[:, :, None], (2, len(step), self.events, len(step)))
        up, down = (self.together(np.ascontiguousarray(part)) for part in rows)
        slope = np.divide(up - down, 2 * step, out=np.zeros_like(step), where=step > 0)
        return np.asarray((each - mean) @ slope / self.events)

    def save(self, folder: Path) -> None:
        """Write ``classifier.json`` and ``weights.npz``."""
        storage.write(
            folder,
            architecture=self.architecture,
            description={
                "features": list(self.features),
                "arrangement": asdict(self.arrangement),
                "network": self.network.description(),
            },
            arrays={
                **storage.network_arrays(self.seen.scaled, self.weights),
                "absent": self.seen.absent,
            },
        )
