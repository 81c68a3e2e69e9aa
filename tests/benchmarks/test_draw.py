"""Cost of drawing ensembles, as ratios of CPU time in one run.

20,000 histograms of 50,000 events from 1.5 million, 30 x 30 bins of jet pT and eta, set-up
included, against the published way (pick events, bin them) and numpy's own sampler. The slow ways
draw fewer and are scaled; the ways alternate and the median of five rounds counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from rayscan.ensembles.draw import Background, Ensembles, EventEnsembles, Pool
from rayscan.ensembles.hypergeometric import Hypergeometric
from rayscan.ensembles.mixture import Mixture

Floats = npt.NDArray[np.float64]

HISTOGRAMS = 20_000
EQUAL = "in distribution (tests/unit/ensembles)"
ROUNDS = 5
RANGES = [[130.0, 2000.0], [-4.0, 4.0]]
# Jet pT of Z(nunu) + jet at 14 TeV, detector level: 0, 10, 25, 50, 75, 90, 99, 99.9, 100 %.
SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1]
PT = [130, 141, 155, 182, 225, 286, 484, 776, 2000]

pytestmark = pytest.mark.benchmark(timer=time.process_time)


@pytest.fixture(scope="module")
def events() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    pt = np.exp(np.interp(rng.random(1_500_000), SHARES, np.log(PT)))
    return pt, rng.normal(0, 1.55, size=len(pt))


def binned(events: tuple[Floats, Floats], bins: int = 30) -> npt.NDArray[np.int64]:
    return np.histogram2d(*events, bins=bins, range=RANGES)[0].astype(np.int64).ravel()


def cpu(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def medians(*ways: tuple[Callable[[], object], int]) -> list[float]:
    """CPU time per histogram [us] of several (way, histograms), alternating."""
    rounds = [[cpu(way) / n * 1e6 for way, n in ways] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def sampler(counts: npt.NDArray[np.int64], n: int) -> Callable[[], object]:
    rng = np.random.Generator(np.random.SFC64(1))
    out = np.empty((HISTOGRAMS, len(counts)), dtype=np.uint16)
    return lambda: Hypergeometric(counts, n).draw(rng, HISTOGRAMS, out)


def picking(
    events: tuple[Floats, Floats], n: int, times: int, bins: int = 30
) -> Callable[[], None]:
    rng = np.random.Generator(np.random.SFC64(2))
    pt, eta = events

    def work() -> None:
        for _ in range(times):
            chosen = rng.choice(len(pt), n, replace=False)
            np.histogram2d(pt[chosen], eta[chosen], bins=bins, range=RANGES)

    return work


def numpy_marginals(counts: npt.NDArray[np.int64], n: int, times: int) -> Callable[[], object]:
    rng = np.random.Generator(np.random.SFC64(3))
    return lambda: rng.multivariate_hypergeometric(counts, n, size=times, method="marginals")


def test_histograms_of_50_000_events(
    benchmark: BenchmarkFixture, events: tuple[Floats, Floats], table: Any
) -> None:
    counts = binned(events)
    ours = sampler(counts, 50_000)
    benchmark.pedantic(ours, rounds=3)
    mine, published, marginals = medians(
        (ours, HISTOGRAMS),
        (picking(events, 50_000, 40), 40),
        (numpy_marginals(counts, 50_000, 1000), 1000),
    )
    ratios = {"published / ours": published / mine, "numpy marginals / ours": marginals / mine}
    benchmark.extra_info.update(ratios, us_per_histogram=mine)
    path = "draw 20,000 histograms, 30x30, B = 50k"
    table.add(
        f"{path}, against choice", plain=published, product=mine, unit="us", goal=600, equal=EQUAL
    )
    table.add(
        f"{path}, against numpy's marginals",
        plain=marginals,
        product=mine,
        unit="us",
        goal=6,
        equal=EQUAL,
    )


def test_the_cost_does_not_follow_the_number_of_events(
    benchmark: BenchmarkFixture, events: tuple[Floats, Floats], table: Any
) -> None:
    counts = binned(events)
    sizes = (5_000, 50_000, 500_000)
    found = medians(*((sampler(counts, n), HISTOGRAMS) for n in sizes))
    benchmark.pedantic(sampler(counts, 500_000), rounds=1)
    spread = max(found) / min(found)
    benchmark.extra_info["dearest / cheapest"] = spread
    table.add(
        "draw: dearest over cheapest of B = 5k, 50k, 500k", product=spread, unit="x", goal=1.5
    )


@pytest.mark.parametrize(("bins", "n"), [(10, 50_000), (50, 25_000), (100, 50_000)])
def test_other_binnings(
    benchmark: BenchmarkFixture,
    events: tuple[Floats, Floats],
    table: Any,
    bins: int,
    n: int,
) -> None:
    counts = binned(events, bins)
    ours = sampler(counts, n)
    benchmark.pedantic(ours, rounds=1)
    mine, published, marginals = medians(
        (ours, HISTOGRAMS),
        (picking(events, n, 20, bins), 20),
        (numpy_marginals(counts, n, 200), 200),
    )
    path = f"draw, {bins}x{bins}, B = {n // 1000}k"
    table.add(f"{path}, against choice", plain=published, product=mine, unit="us", equal=EQUAL)
    table.add(
        f"{path}, against numpy's marginals", plain=marginals, product=mine, unit="us", equal=EQUAL
    )


def test_ensembles_with_signal_two_backgrounds_and_other_methods(
    benchmark: BenchmarkFixture, events: tuple[Floats, Floats], table: Any
) -> None:
    counts = binned(events)
    signal = Pool("s", np.roll(counts, 30) // 3)
    one = Background((Pool("z", counts),))
    two = Background((Pool("z", counts), Pool("w", counts[::-1])), (0.8, 0.2))
    fixed = Mixture(signal=447, background=50_000)
    free = Mixture(signal=447, background=50_000, totals="poisson")
    rng = np.random.Generator(np.random.SFC64(4))
    cases = {
        "class 1": Ensembles(one, signal, fixed),
        "class 1, Poisson totals": Ensembles(one, signal, free),
        "class 1, two backgrounds": Ensembles(two, signal, fixed),
        "multinomial": Ensembles(one, signal, fixed, method="multinomial"),
        "poisson": Ensembles(one, signal, fixed, method="poisson"),
    }
    benchmark.pedantic(lambda: cases["class 1"].alternative(rng, HISTOGRAMS), rounds=1)
    for name, ensembles in cases.items():
        spent = cpu(partial(ensembles.alternative, rng, HISTOGRAMS))
        spent *= 1e6 / HISTOGRAMS
        table.add(f"draw: {name}", product=spent, unit="us")


def test_event_sums(benchmark: BenchmarkFixture, events: tuple[Floats, Floats], table: Any) -> None:
    pt, _ = events
    rng = np.random.Generator(np.random.SFC64(5))
    sums = EventEnsembles([(pt, 1.0)], pt[:500_000], Mixture(signal=447, background=50_000))
    benchmark.pedantic(lambda: sums.null(rng, 40), rounds=1)
    mine, choice = medians(
        (lambda: sums.null(rng, 40), 40),
        (lambda: [pt[rng.choice(len(pt), 50_447, replace=False)].sum() for _ in range(20)], 20),
    )
    table.add("sum a score over drawn events", plain=choice, product=mine, unit="us", equal=EQUAL)
