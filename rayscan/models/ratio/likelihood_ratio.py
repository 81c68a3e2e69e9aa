"""The ceiling: the binned likelihood ratio, as a classifier and in closed form.

No classifier of a histogram of known mixture separates the classes better than the likelihood
ratio, and for histograms of S + B against B events it is linear in the counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Floats
from rayscan.models import storage
from rayscan.models.contract import Templates
from rayscan.models.ratio.marginal import MarginalLikelihoodRatio, RatioOfHistograms
from rayscan.models.ratio.nuisances import blind
from rayscan.models.ratio.separation import HALF_AN_EVENT, Drawn, Endless, squared_separation


def weights(templates: Templates) -> Floats:
    """Log-likelihood ratio per event of each bin, shape (bins,).

    With f = S/(S + B) and the densities p_s, p_b the ratio of the two classes for one event is
    (1 - f) + f p_s/p_b if both hold S + B events (arXiv:2105.12018 sec. 6.1), and
    1 + S p_s / (B p_b) if class 0 holds B events only. Where class 0 holds a second signal a, it is
    (B p_b + S p_s) / (B p_b + S p_a).

    A bin that one pool left empty is judged as if it held half an event of it (of several
    backgrounds, of one pool as uncertain as they are together): a cell where only
    the signal pool has events gets a large, finite weight, and with B = 0 one where only the
    background pool has events a large negative one. A bin both left empty weighs nothing.

    >>> pair = np.array([0.5, 0.5]), np.array([0.2, 0.8])
    >>> weights(Templates(*pair, S=1, B=1, background_size=100, signal_size=100)).round(3)
    array([-0.357,  0.262])
    """
    if templates.against is not None:
        return _between_signals(templates, templates.against)
    S, B = templates.S, templates.B
    background = np.maximum(templates.background, HALF_AN_EVENT / templates.background_size)
    signal = templates.signal
    if B == 0:
        signal = np.maximum(signal, HALF_AN_EVENT / templates.signal_size)
    # S r / (S + B) for matched classes, S r / B for background alone: B = 0 has no second reading.
    share = S / (S + B) if templates.null == "matched" or B == 0 else S / B
    rest = B / (S + B) if templates.null == "matched" or B == 0 else 1.0
    with np.errstate(divide="ignore"):
        found = np.log(rest + share * signal / background)
    return np.where((templates.background > 0) | (templates.signal > 0), found, 0.0)


def _between_signals(templates: Templates, against: Floats) -> Floats:
    """The same for two signals on one background: their exchange changes the sign of a weight."""
    S, B = templates.S, templates.B
    signal, known = templates.signal, (templates.signal > 0) | (against > 0)
    if B == 0:
        signal = np.maximum(signal, HALF_AN_EVENT / templates.signal_size)
        against = np.maximum(against, HALF_AN_EVENT / templates.against_size)
    background = np.maximum(templates.background, HALF_AN_EVENT / templates.background_size)
    found = np.log((B * background + S * signal) / (B * background + S * against))
    return np.where(known, found, 0.0)


def best_weights(templates: Templates) -> Floats:
    """Weights of the best linear statistic: the likelihood ratio's, blind to nuisances if any."""
    found = weights(templates)
    return found if templates.nuisances is None else blind(found, templates)


def likelihood_ratio(templates: Templates) -> BinnedLikelihoodRatio | MarginalLikelihoodRatio:
    """The best of all classifiers of known densities, integrated over nuisances if any."""
    if templates.nuisances is None:
        return BinnedLikelihoodRatio.from_templates(templates)
    return MarginalLikelihoodRatio(templates)


class BinnedLikelihoodRatio(RatioOfHistograms):
    """The likelihood ratio of known templates: weights of an event in each bin, and a constant."""

    rows_at_once = 4096

    def __init__(self, weights: Floats, constant: float = 0.0) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        self.constant = float(constant)
        self.bins = len(self.weights)

    @classmethod
    def from_templates(cls, templates: Templates) -> BinnedLikelihoodRatio:
        """The classifier of known densities and mixture; see `weights`."""
        # With B events in class 0 the Poisson numbers of the classes differ by exp(-S).
        fewer = templates.null == "background" and templates.B > 0 and templates.against is None
        constant = -templates.S if fewer else 0.0
        return cls(weights(templates), constant)

    def _of(self, counts: npt.NDArray[np.number]) -> Floats:
        return np.asarray(counts @ self.weights + self.constant)

    def save(self, folder: Path) -> None:
        """Write the weights into a folder."""
        arrays = {"weights": self.weights, "constant": np.array(self.constant)}
        storage.write(folder, architecture=self.architecture, arrays=arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedForm:
    """The separation that a benchmark allows.

    Attributes:
        auc: AUC of the likelihood ratio with normally distributed scores.
        auc_error: Its standard deviation over other test pools of the same sizes.
        k: Separation per S/sqrt(S + B) without nuisances, corrected for the bias of finite pools;
            0 where the correction leaves nothing.
        k_error: Standard deviation of ``k`` over other pools (upwards, where ``k`` is near 0).
        k_raw: Without the correction.
    """

    auc: float
    auc_error: float
    k: float
    k_error: float
    k_raw: float


def separation(templates: Templates) -> float:
    """Separation k of one S/sqrt(S + B), corrected for finite pools; see `closed_form`.

    0 where the signal cannot be told from background beyond the noise of the pools.
    """
    return math.sqrt(squared_separation(templates)[0])


def closed_form(templates: Templates, test: Drawn | None = None) -> ClosedForm:
    """AUC = Phi(dmu / sqrt(V0 + V1)) of the likelihood ratio, and the separation k.

    The score is a sum over many events, hence nearly normal, with exactly known moments: means
    and variances of draws without replacement with their factors (N - n)/(N - 1), mixed
    backgrounds and Poisson totals included. What normal scores neglect is phi(d) gamma (d^2 - 1)/6
    to first order in the skewness gamma of the difference: up to 0.003 for a signal much harder
    than the background at B = 20,000, less with more events.

    k^2 = sum_k (p_s - p_b)^2 / p_b is what d' = k S/sqrt(S + B) follows at small S/B. With a, b
    pool events of a bin, out of N_s and N_b, pool noise adds about (p_s/N_s + p_s^2/(p_b N_b))/p_b
    to each term. Its expectation is subtracted by

        k^2 = (N_b + 1) / (N_s (N_s - 1)) sum_k a (a - 1) / (b + 1) - 1,

    whose expectation is exact up to a factor 1 - exp(-N_b p_b) in a bin: E[a (a - 1)] =
    N_s (N_s - 1) p_s^2 for multinomial a, E[(N_b + 1)/(b + 1)] = (1 - (1 - p_b)^(N_b + 1))/p_b
    for binomial b (several weighted pools: `rayscan.models.ratio.mixed.inverse`). Between two
    signals it is (p_s - p_a)^2 in place of (p_s - p_b)^2, corrected likewise. With nuisances the
    statistic is the best linear one, of separation d'^2 = delta^T (V + G^T G)^-1 delta
    (`rayscan.models.ratio.nuisances.blind`).

    Args:
        templates: Densities (of the training pools) that make the likelihood ratio.
        test: Ensembles it is tested on; None for pools without end of those densities.
    """
    found = best_weights(templates)
    drawn: Drawn = Endless(templates) if test is None else test
    apart = drawn.separation(found)
    spread = math.sqrt(apart.null_variance + apart.alternative_variance)
    auc, slope = _normal(apart.difference, spread)
    square, raw, error = squared_separation(templates)
    return ClosedForm(
        auc=auc,
        auc_error=slope * apart.distance_error,
        k=math.sqrt(square),
        k_error=math.sqrt(square + error) - math.sqrt(square),
        k_raw=math.sqrt(raw),
    )


def _normal(difference: float, spread: float) -> tuple[float, float]:
    """Phi(difference / spread) and its derivative; scores that never vary tie or never do."""
    if spread == 0:
        return 0.5 + 0.5 * float(np.sign(difference)), 0.0
    distance = difference / spread
    slope = math.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)
    return 0.5 * math.erfc(-distance / math.sqrt(2)), slope
