"""Losses of the tests: one of the yields that a soft cut leaves, one of single rows."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from rayscan.models.losses.base import Loss


class Counting(Loss):
    """log(b + 1) / 2 - log(s), with s = S <f> over class 1 and b = B <f> over class 0."""

    needs = frozenset({"S", "B"})
    several = False

    def summed(self, batch):
        from keras import ops

        passed = ops.sigmoid(batch.logits[..., 0])
        signal = batch.weights * ops.cast(batch.labels, "float32")
        background = batch.weights - signal
        s = ops.sum(signal * passed, axis=1) / ops.sum(signal, axis=1)
        b = ops.sum(background * passed, axis=1) / ops.sum(background, axis=1)
        s, b = s * batch.numbers["S"], b * batch.numbers["B"]
        return batch.rows * (ops.log(b + 1.0) / 2.0 - ops.log(s))

    def twin(self, logits, labels, weights, numbers):
        passed = expit(logits[:, 0])
        signal, background = weights * (labels == 1), weights * (labels == 0)
        signal, background = signal / signal.sum(), background / background.sum()
        s, b = numbers["S"] * signal @ passed, numbers["B"] * background @ passed
        slopes = numbers["B"] * background / (2 * (b + 1)) - numbers["S"] * signal / s
        slopes = (slopes * passed * (1 - passed))[:, None]
        return float(np.log(b + 1) / 2 - np.log(s)), slopes


class Squared(Loss):
    """Brier's score of two classes."""

    needs = frozenset()
    several = False

    def summed(self, batch):
        from keras import ops

        off = ops.sigmoid(batch.logits[..., 0]) - ops.cast(batch.labels, "float32")
        return ops.sum(batch.weights * off**2, axis=1)

    def twin(self, logits, labels, weights, numbers):
        passed, shares = expit(logits[:, 0]), weights / weights.sum()
        slopes = 2 * (passed - labels) * passed * (1 - passed) * shares
        return float(shares @ (passed - labels) ** 2), slopes[:, None]
