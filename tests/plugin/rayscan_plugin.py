"""What a package of others brings: an architecture, an observable and a loss, a page in all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from rayscan.events.observables.base import Observable
from rayscan.models.architectures.keras_model import KerasKnobs, KerasModel
from rayscan.models.knobs import NODES, Integer, knob
from rayscan.models.losses.base import Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLayersKnobs(KerasKnobs):
    units: int = knob(20, NODES, Integer(8, 128, log=True), graph=True)


class TwoLayers(KerasModel[TwoLayersKnobs]):
    """Our own dense network, as a Keras model."""

    name = "two_layers"
    knobs = TwoLayersKnobs

    def fits(self, shape):
        return ""

    def weights(self, shape, values):
        return (math.prod(shape) + 1 + values.units + 1 + 1) * values.units + 1

    def build(self, shape, values, outputs):
        from keras import Sequential, layers

        hidden = [layers.Dense(values.units, activation="relu") for _ in range(2)]
        return Sequential([layers.Flatten(), *hidden, layers.Dense(outputs)])


EFFECTIVE_MASS = Observable(
    unit="GeV",
    description="missing transverse momentum and the transverse momenta of the jets",
    needs=frozenset({("met", "pt"), ("jet", "pt")}),
    values=lambda event: (
        event.of("met").leading(1, "pt") + event.of("jet").total(event.of("jet").values["pt"])
    ),
)


class Brier(Loss):
    """Squared distance of probabilities and labels: a proper score, so outputs are log-odds."""

    needs = frozenset()
    several = True

    def summed(self, batch):
        from keras import ops

        logits, outputs = batch.logits, batch.logits.shape[-1]
        if outputs == 1:
            away = ops.sigmoid(logits) - ops.cast(batch.labels, "float32")[..., None]
        else:
            away = ops.softmax(logits, axis=-1) - ops.one_hot(batch.labels, outputs)
        return ops.sum(batch.weights * ops.sum(away * away, axis=-1), axis=1)

    def twin(self, logits, labels, weights, numbers):
        share = (weights / weights.sum())[:, None]
        if logits.shape[1] == 1:
            p = expit(logits)
            away = p - labels[:, None]
            slopes = 2 * away * p * (1 - p)
        else:
            p = softmax(logits, axis=1)
            away = p - np.eye(logits.shape[1])[labels]
            slopes = 2 * p * (away - (away * p).sum(axis=1, keepdims=True))
        return float((share * away**2).sum()), share * slopes
