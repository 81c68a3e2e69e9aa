"""Compressed sleptons as known densities: histograms of 25,000 events in m_T2 - mu, dphi(jet, MET).

The separation k = 2.83 is that of smoothed simulated events.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

SIDE, TOTAL = 50, 25_000


def densities():
    """Background flat in m_T2 with jets opposite to MET; signal at low m_T2, more so."""
    x, y = np.arange(SIDE) + 0.5, (np.arange(SIDE) + 0.5) / SIDE
    background = np.outer(np.ones(SIDE), np.exp(-(1 - y) / 0.25)).ravel()
    signal = np.outer(np.exp(-((x / 8.6) ** 2) / 2), np.exp(-(1 - y) / 0.05)).ravel()
    floor = 0.02 / SIDE**2
    return 0.98 * background / background.sum() + floor, signal / signal.sum()


def split(strength):
    """S and B of S/B."""
    signal = round(strength * TOTAL / (1 + strength))
    return signal, TOTAL - signal


def draw(rng, strength, n):
    """n histograms of background, and n with signal."""
    b, s = densities()
    signal, background = split(strength)
    zero = rng.multinomial(TOTAL, b, n)
    one = rng.multinomial(background, b, n) + rng.multinomial(signal, s, n)
    return zero.astype(np.uint16), one.astype(np.uint16)


def ceiling(b, s, strength):
    """AUC of the likelihood ratio, whose sum over events is normal."""
    signal, background = split(strength)
    w = np.log1p(signal / TOTAL * (s / b - 1))
    means, squares = ([p @ w**n for p in (b, s)] for n in (1, 2))
    spread = [second - first**2 for first, second in zip(means, squares, strict=True)]
    variance = (TOTAL + background) * spread[0] + signal * spread[1]
    return ndtr(signal * (means[1] - means[0]) / np.sqrt(variance))
