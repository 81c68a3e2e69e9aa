"""A loss that does not feel what moves all scores alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from rayscan.arrays import Floats


def aligned(loss: Callable[[Floats], tuple[float, Floats]], logits: Floats) -> float:
    """The loss after the constants were added to the logits that make it smallest.

    A validation pool whose bins are filled a little otherwise than those of the training pool moves
    the logits of all its histograms alike. That is no fault of the weights and changes no AUC, but
    the plain loss rises with it, the more the better the classes are told apart.

    ``loss`` makes of logits (N, outputs) of one network the loss and its gradient.
    """
    scores = logits - logits.mean(axis=0)  # constants, too

    def moved(constants: Floats) -> tuple[float, Floats]:
        value, slopes = loss(scores + constants)
        return value, slopes.sum(axis=0)

    return float(minimize(moved, np.zeros(scores.shape[1]), jac=True, method="BFGS").fun)
