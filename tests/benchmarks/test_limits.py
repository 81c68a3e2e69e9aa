"""Speed of profiled limits against pyhf's own upper_limit.

46 is the number of hypotests that ``toms748_scan`` needed for six limits of this model; with
``-m slow`` all of them are done (minutes).
"""

from __future__ import annotations

import time

import numpy as np
import pyhf
import pytest

from rayscan.stats.limits import upper_limits
from rayscan.stats.template import Template
from rayscan.stats.workspace import workspace

HYPOTESTS = 46


def template(seed: int, bins: int = 25) -> Template:
    """A bump on three falling backgrounds with every uncertainty: 31 parameters."""
    rng = np.random.default_rng(seed)
    position = np.arange(bins) / bins
    backgrounds = [n * np.exp(-3.0 * position) for n in (500 * rng.uniform(0.5, 2), 200, 50)]
    total = np.sum(backgrounds, axis=0)
    signal = 20.0 * np.exp(-0.5 * ((position - rng.uniform(0.3, 0.8)) / 0.12) ** 2)
    return Template(
        signal=signal,
        backgrounds=tuple(zip(("zjets", "wjets", "top"), backgrounds, strict=True)),
        signal_stat=0.05 * signal,
        background_stat=0.3 * np.sqrt(total),
        normalisation={"signal": 0.05, "zjets": 0.05, "wjets": 0.1, "top": 0.2},
        luminosity_uncertainty=0.02,
        observed=rng.poisson(total + 0.3 * signal).astype(float),
    )


def cpu(call) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def model_and_data(one: Template):
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer())
    document = pyhf.Workspace(workspace(one))
    model = document.model()
    return model, document.data(model)


@pytest.fixture(scope="module")
def one_hypotest() -> float:
    """CPU seconds of one pyhf hypotest with its expected set."""
    model, data = model_and_data(template(0))

    def test() -> None:
        pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde", return_expected_set=True)

    return float(np.median([cpu(test) for _ in range(5)]))


@pytest.mark.parametrize("count", [1, 10, 100, 1000])
def test_limits_of_a_batch(benchmark, table, one_hypotest, count):
    templates = [template(seed) for seed in range(count)]
    upper_limits(templates[:1])
    each = float(np.median([cpu(lambda: upper_limits(templates)) for _ in range(5)])) / count
    plain = HYPOTESTS * one_hypotest
    benchmark.extra_info.update(cpu_per_template=each, pyhf_cpu=plain, ratio=plain / each)
    table.add(
        "limits of one template" if count == 1 else f"limits of {count:,} templates, each",
        plain=1e3 * plain,
        product=1e3 * each,
        unit="ms",
        goal={1: 500, 1000: 10_000}.get(count),
        equal="to 1e-4, pyhf's CLs at the limit (tests/unit/stats)",
    )
    if count == 1:
        table.note(
            f"limits: plain pyhf timed as {HYPOTESTS} times one hypotest (slow: all of them)"
        )
    limits = benchmark.pedantic(upper_limits, args=(templates,), rounds=3, iterations=1)
    assert all(limit.status == "ok" for limit in limits)


@pytest.mark.slow
def test_against_the_real_upper_limit_of_pyhf(table):
    model, data = model_and_data(template(0))
    scan = pyhf.infer.intervals.upper_limits.toms748_scan
    found = {}

    def plain() -> None:
        found["pyhf"] = scan(data, model, 0.0, 5.0, rtol=1e-6)

    seconds = cpu(plain)
    ours = cpu(lambda: found.update(ours=upper_limits([template(0)])[0]))
    observed, expected = found["pyhf"]
    reference = np.array([float(observed), *map(float, expected)])
    limits = np.array([found["ours"].observed, *found["ours"].expected])
    table.add(
        "limits of one template, pyhf's whole upper_limit",
        plain=1e3 * seconds,
        product=1e3 * ours,
        unit="ms",
        goal=500,
        equal=f"six limits to {np.abs(limits / reference - 1).max():.0e}",
    )
    np.testing.assert_allclose(limits, reference, rtol=1e-4)
