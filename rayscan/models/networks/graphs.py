"""Compiled graphs of a pack: one epoch of Adam, and scores; one of each per shape and process.

A new Keras model for every network costs seconds and leaks megabytes; here a graph is traced once
for (network, layout, batch size, examples per epoch) and every training brings weights of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rayscan.models.losses.base import Batch, Loss
from rayscan.models.networks.backend import compiled, gradient, repeat, rows
from rayscan.models.networks.inputs import How, network_input
from rayscan.models.networks.packed import Drop, Layout, Network

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
_KEPT = 32
_traces: list[str] = []


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a compiled graph depends on.

    Batches are examples per step; the last step of an epoch may be a smaller one. With ``dropout``
    any member drops nodes.
    """

    network: Network
    loss: Loss
    where: Layout
    how: How
    batch: int
    examples: int
    dropout: bool

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.examples // self.batch)


class Data(NamedTuple):
    """Examples of one epoch on the device: D datasets of N rows."""

    x: Any  # (D, N, inputs), any number type
    labels: Any  # (D, N) int32
    weights: Any  # (D, N) float32, class balance
    mean: Any  # (D, inputs) float32
    scale: Any  # (D, inputs) float32


class State(NamedTuple):
    """Weights and the two moments of Adam, stacked."""

    weights: list[Any]
    first: list[Any]
    second: list[Any]


class Settings(NamedTuple):
    """What differs between the members of a pack, and between epochs."""

    order: Any  # (steps * batch,) int32, a permutation of the rows, padded
    rates: Any  # (steps, K) float32, learning rates
    dropout: Any  # (K,) float32
    l2: Any  # (K,) float32
    keys: Any  # (hidden, 2, K) uint32, of this epoch
    done: Any  # int32 scalar, steps before this epoch
    numbers: dict[str, Any]  # each (K,) float32, what the loss needs


def traces() -> int:
    """Graphs traced in this process so far."""
    return len(_traces)


@functools.lru_cache(maxsize=_KEPT)
def epoch_graph(plan: Plan) -> Callable[[Data, Settings, State], tuple[State, Any]]:
    """The graph of one epoch: new state and each member's mean loss, (K,)."""

    def epoch(data: Data, settings: Settings, state: State) -> tuple[State, Any]:
        from keras import ops

        _traces.append("epoch")

        def body(i: Any, *values: Any) -> tuple[Any, ...]:
            return _step(plan, data, settings, i, *values)

        start = (*map(list, state), ops.zeros((plan.where.members,), "float32"))
        weights, first, second, loss = repeat(plan.steps, body, start)
        return State(weights, first, second), loss / plan.examples

    return compiled(epoch, xla=plan.network.xla)


@functools.lru_cache(maxsize=_KEPT)
def score_graph(network: Network, where: Layout, how: How) -> Callable[..., Any]:
    """From (stacked weights, x (D, rows, inputs), mean, scale) to logits (K, rows, outputs)."""

    def score(weights: list[Any], x: Any, mean: Any, scale: Any) -> Any:
        _traces.append("score")
        seen = _by_chunk(network_input(x, how, mean, scale), where)
        return network.logits(weights, seen, where, None)

    return compiled(score, xla=network.xla)


def _by_chunk(x: Any, where: Layout) -> Any:
    from keras import ops

    if where.chunks == tuple(range(where.datasets)):
        return x
    return ops.take(x, np.array(where.chunks), axis=0)


def _by_member(values: Any, where: Layout) -> Any:
    from keras import ops

    return ops.repeat(_by_chunk(values, where), where.per_chunk, axis=0)


def _step(
    plan: Plan,
    data: Data,
    settings: Settings,
    i: Any,
    weights: list[Any],
    first: list[Any],
    second: list[Any],
    total: Any,
) -> tuple[Any, ...]:
    """One step of Adam for all members."""
    from keras import ops

    where = plan.where
    begin = i * plan.batch
    picked = rows(settings.order, begin, plan.batch)
    x = network_input(ops.take(data.x, picked, axis=1), plan.how, data.mean, data.scale)
    x = _by_chunk(x, where)
    labels = _by_member(ops.take(data.labels, picked, axis=1), where)
    real = ops.cast(begin + np.arange(plan.batch, dtype=np.int32) < plan.examples, "float32")
    counted = ops.sum(real)
    shares = _by_member(ops.take(data.weights, picked, axis=1), where) * real
    drop = dropper(settings, i) if plan.dropout else None

    def loss(values: list[Any]) -> tuple[Any, Any]:
        logits = plan.network.logits(values, x, where, drop)
        batch = Batch(logits, labels, shares, counted, settings.numbers)
        by_member = plan.loss.summed(batch)
        return ops.sum(by_member) / counted, by_member

    slopes, by_member = gradient(loss, weights)
    # The slope of l2 * sum(kernel^2), written out: it fuses with the step and costs nothing.
    factors = plan.network.spread(2.0 * settings.l2, where)
    for at in plan.network.kernels:
        slopes[at] += factors[at] * weights[at]
    rate = ops.take(settings.rates, i, axis=0)
    moved = _adam(plan, rate, settings.done + i + 1, slopes, State(weights, first, second))
    return (*moved, total + by_member)


def _adam(plan: Plan, rate: Any, step: Any, slopes: list[Any], state: State) -> State:
    """Kingma & Ba, arXiv:1412.6980, in the form of Keras (epsilon outside the bias correction)."""
    from keras import ops

    t = ops.cast(step, "float32")
    pace = rate * ops.sqrt(1.0 - ops.power(BETA_2, t)) / (1.0 - ops.power(BETA_1, t))
    first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(state.first, slopes, strict=True)]
    second = [BETA_2 * v + (1 - BETA_2) * g * g for v, g in zip(state.second, slopes, strict=True)]
    paces = plan.network.spread(pace, plan.where)
    weights = [
        # A finished member (rate 0) keeps its weights even where its gradient is not finite.
        ops.where(a > 0, w - a * m / (ops.sqrt(v) + EPSILON), w)
        for w, a, m, v in zip(state.weights, paces, first, second, strict=True)
    ]
    return State(weights, first, second)


def dropper(settings: Settings, i: Any) -> Drop:
    """Inverted dropout from hashed counters: a member's masks depend on its own key alone.

    A generator's stream would be shared by the pack and would differ from separate training.
    """
    from keras import ops

    def drop(values: Any, layer: int) -> Any:
        members, batch, units = values.shape
        cell = np.arange(batch * units, dtype=np.uint32).reshape(1, batch, units)
        counter = cell + ops.cast(i, "uint32") * np.uint32(batch * units)
        keys = settings.keys[layer]
        mixed = _mix(ops.bitwise_xor(counter, ops.reshape(keys[0], (members, 1, 1))))
        mixed = _mix(ops.bitwise_xor(mixed, ops.reshape(keys[1], (members, 1, 1))))
        uniform = ops.cast(ops.right_shift(mixed, np.uint32(8)), "float32") * 2.0**-24
        rate = ops.reshape(settings.dropout, (members, 1, 1))
        return ops.where(uniform >= rate, values / (1.0 - rate), ops.zeros_like(values))

    return drop


def _mix(x: Any) -> Any:
    """A 32-bit finaliser with full avalanche (C. Wellons, "lowbias32", 2018)."""
    from keras import ops

    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ops.bitwise_xor(x, ops.right_shift(x, np.uint32(shift)))
        x = ops.multiply(x, np.uint32(factor))
    return ops.bitwise_xor(x, ops.right_shift(x, np.uint32(16)))
