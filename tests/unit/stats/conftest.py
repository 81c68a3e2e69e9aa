"""Templates to set limits on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rayscan.stats.template import Template


@pytest.fixture(scope="session")
def make_template() -> Callable[..., Template]:
    """A falling background of three processes and a bump, with every kind of uncertainty."""

    def make(seed: int = 1, bins: int = 5, **changes: object) -> Template:
        rng = np.random.default_rng(seed)
        position = np.arange(bins) / bins
        backgrounds = [n * np.exp(-3.0 * position) for n in (500 * rng.uniform(0.5, 2), 200, 50)]
        total = np.sum(backgrounds, axis=0)
        signal = 20.0 * np.exp(-0.5 * ((position - rng.uniform(0.3, 0.8)) / 0.15) ** 2)
        values: dict[str, object] = {
            "signal": signal,
            "backgrounds": tuple(zip(("zjets", "wjets", "top"), backgrounds, strict=True)),
            "signal_stat": 0.05 * signal,
            "background_stat": 0.3 * np.sqrt(total),
            "normalisation": {"signal": 0.05, "zjets": 0.05, "wjets": 0.1, "top": 0.3},
            "luminosity_uncertainty": 0.02,
            "observed": rng.poisson(total + 0.3 * signal).astype(float),
        }
        return Template(**{**values, **changes})

    return make
