"""Cross-entropy of classes of equal weight: what makes outputs log-odds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import expit

from rayscan.arrays import AnyIntegers, Floats
from rayscan.models.losses.base import Batch, Loss


class CrossEntropy(Loss):
    """Binary for one output, categorical for several."""

    needs = frozenset[str]()
    several = True

    def summed(self, batch: Batch) -> Any:
        """Of the unsquashed outputs, which overflow nowhere."""
        from keras import ops

        logits, outputs = batch.logits, batch.logits.shape[-1]
        if outputs == 1:
            single = logits[..., 0]
            each = ops.softplus(single) - single * ops.cast(batch.labels, "float32")
        else:
            hot = ops.one_hot(batch.labels, outputs)
            each = ops.logsumexp(logits, axis=-1) - ops.sum(logits * hot, axis=-1)
        return ops.sum(batch.weights * each, axis=1)

    def twin(
        self,
        logits: Floats,
        labels: AnyIntegers,
        weights: Floats,
        numbers: Mapping[str, float],  # noqa: ARG002
    ) -> tuple[float, Floats]:
        """Mean of the rows by weight."""
        if logits.shape[1] == 1:
            each = np.logaddexp(0.0, logits[:, 0]) - logits[:, 0] * labels
            slopes = expit(logits) - labels[:, None]
        else:
            rows = np.arange(len(labels))
            # The largest is taken off: logits of a network that runs away have no exponentials.
            below = logits - logits.max(axis=1, keepdims=True)
            odds = np.exp(below)
            totals = odds.sum(axis=1)
            each = np.log(totals) - below[rows, labels]
            slopes = odds / totals[:, None]
            slopes[rows, labels] -= 1.0
        return float(np.average(each, weights=weights)), slopes * (weights / weights.sum())[:, None]
