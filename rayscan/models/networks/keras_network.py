"""A network that is any Keras model without a state: K models side by side in one graph."""

from __future__ import annotations

import functools
import json
import math
import os
import random  # noqa: TID251  # Keras takes the seeds of initialisers from it
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rayscan.errors import MemberError
from rayscan.models.networks.backend import tensorflow
from rayscan.models.networks.packed import Drop, Layout, Network, Weights

_ROWS = 4096


class Maker(Protocol):
    """What a Keras network needs of its architecture."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def origin(self) -> tuple[str, str] | None:
        """What its classifiers are stored with."""

    def valued(self, values: Mapping[str, Any]) -> Any:
        """Its knobs."""

    def build(self, shape: tuple[int, ...], values: Any, outputs: int) -> Any:
        """The Keras model."""

    def weights(self, shape: tuple[int, ...], values: Any) -> int:
        """Trained numbers, with one output."""

    def products(self, shape: tuple[int, ...], values: Any) -> tuple[float, float]:
        """Multiply-adds of one example in dense layers and in convolutions."""


@dataclass(frozen=True, slots=True)
class KerasNetwork(Network):
    """A Keras model (batch, *shape) -> (batch, outputs); weights are its variables in turn.

    Scores are of the same model in double precision.

    Attributes:
        maker: The architecture.
        knobs: What it changes of its defaults, without those of the training loop.
        shape: Bins along each axis.
        outputs: 1, or the classes.
    """

    maker: Maker
    knobs: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]
    outputs: int

    @property
    def by_chunk(self) -> int:
        """None: models are called one after the other."""
        return 0

    @property
    def hidden(self) -> int:
        """None: its layers are its own."""
        return 0

    @property
    def xla(self) -> bool:
        """No: it does not compile every layer, and convolutions badly."""
        return False

    @property
    def origin(self) -> tuple[str, str] | None:
        """The file that its architecture is from."""
        return self.maker.origin

    def description(self) -> dict[str, Any]:
        """Knobs, bins and outputs."""
        return {"knobs": dict(self.knobs), "shape": list(self.shape), "outputs": self.outputs}

    def shapes(self) -> list[tuple[int, ...]]:
        """Those of its variables."""
        return [tuple(each.shape) for each in _model(self).trainable_variables]

    @property
    def kernels(self) -> tuple[int, ...]:
        """Variables with two axes or more."""
        return tuple(i for i, shape in enumerate(self.shapes()) if len(shape) > 1)

    def products(self) -> tuple[float, float]:
        """As its architecture says; nothing is built."""
        return self.maker.products(self.shape, self.maker.valued(dict(self.knobs)))

    def initial(self, rng: np.random.Generator) -> Weights:
        """By the initialisers of its layers."""
        model = _built(self, seed=int(rng.integers(2**31)))
        return [np.asarray(each, np.float32) for each in model.trainable_variables]

    def logits(self, weights: Weights, x: Any, where: Layout, drop: Drop | None) -> Any:  # noqa: ARG002
        """Members one after the other within one graph."""
        from keras import ops

        seen = ops.reshape(x, (len(where.chunks), -1, *self.shape))
        found = [
            _called(_model(self), [array[k] for array in weights], seen[k // where.per_chunk])
            for k in range(where.members)
        ]
        lost = ops.sum(0.0 * x, axis=-1)  # NaN of rows that are not finite, which relu makes 0
        chunks = np.arange(where.members) // where.per_chunk
        return ops.stack(found) + ops.take(lost, chunks, axis=0)[..., None]

    def outputs_of(self, weights: Weights, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """A few thousand histograms at a time."""
        model = _model(self, kind="float64")
        seen = x.reshape(len(x), *self.shape)
        parts = [
            np.asarray(_called(model, weights, seen[i : i + _ROWS]), np.float64)
            for i in range(0, len(x), _ROWS)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.outputs))


def _called(model: Any, weights: Weights, x: Any) -> Any:
    return model.stateless_call(weights, [], x, training=False)[0]


@functools.lru_cache(maxsize=32)
def _model(network: KerasNetwork, kind: str = "float32") -> Any:
    return _built(network, kind=kind)


def _built(network: KerasNetwork, *, seed: int = 0, kind: str = "float32") -> Any:
    """A new model in one precision, its initial weights from a seed."""
    tf = tensorflow()
    from keras import config

    values = network.maker.valued(dict(network.knobs))
    before, state = config.dtype_policy(), random.getstate()
    config.set_dtype_policy(kind)
    random.seed(seed)
    try:
        with tf.init_scope():  # a graph may be in the making
            model = network.maker.build(network.shape, values, network.outputs)
            found = model(np.zeros((2, *network.shape), kind)).shape
    finally:
        config.set_dtype_policy(before)
        random.setstate(state)
    if why := _refused(network, model, tuple(found), values):
        raise MemberError(what="architecture", name=network.maker.name, why=why)
    return model


@functools.lru_cache(maxsize=32)
def refused_elsewhere(network: KerasNetwork) -> str:
    """Why a model cannot be trained; empty if it can.

    It is built in another process: this one loads no TensorFlow.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import _try_here; _try_here()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        input=json.dumps([network.maker.name, network.origin, network.description()]),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    found = done.stdout if done.returncode == 0 else done.stderr.rstrip()
    return found.rpartition("\n")[2]


def _try_here() -> None:
    from rayscan.models.architectures.registry import architecture

    name, origin, described = json.load(sys.stdin)
    maker: Any = architecture(name, origin and tuple(origin))
    try:
        _model(maker.sizes(described))
    except MemberError as error:
        why = error.why
    except Exception as error:  # noqa: BLE001  # whatever the file of a user does
        why = " ".join(f"its model cannot be built: {type(error).__name__}: {error}".split())
    else:
        why = ""
    sys.stdout.write(f"\n{why}")  # after what the file may print


def _refused(network: KerasNetwork, model: Any, found: tuple[int, ...], values: Any) -> str:
    """Why a model cannot be trained here; empty if it can."""
    if found != (2, network.outputs):
        return f"of 2 histograms the model makes {found}, expected (2, {network.outputs}): logits"
    if state := [each.path for each in model.non_trainable_variables]:
        what = "layers that keep a state between batches (batch normalisation, dropout) or are"
        return f"{what} frozen cannot be trained here; leave out those of {', '.join(state)}"
    if model.losses:
        return "the model adds losses of its own (regularisers); use the knob l2"
    counted = sum(math.prod(each.shape) for each in model.trainable_variables)
    said = network.maker.weights(network.shape, values)
    if network.outputs == 1 and not counted / 2 <= said <= 2 * counted:
        return f"its `weights` says {said:,}, its model has {counted:,}"
    return ""
