"""Numbers of signal and background events."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rayscan.ensembles.mixture import Mixture, Mixtures


def pairs(**config: Any) -> list[tuple[int, int]]:
    return [(m.signal, m.background) for m in Mixtures(**config).expand()]


def test_a_fixed_background_gives_s_from_either_ratio() -> None:
    assert pairs(s_over_b=(0.01, 0.1), background=2000) == [(20, 2000), (200, 2000)]
    assert pairs(s_over_sqrt_b=(0.5, 1, 2), background=2000) == [(22, 2000), (45, 2000), (89, 2000)]


def test_a_fixed_total_gives_the_published_numbers() -> None:
    ratios = (0.001, 0.002, 0.003, 0.004, 0.005, 0.007, 0.0085, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1)
    published = [25, 50, 75, 100, 124, 174, 211, 248, 490, 728, 1190, 1636, 2273, 4167]
    found = pairs(s_over_b=(*ratios, 0.2), total=25_000)
    assert [s for s, _ in found] == published
    assert all(s + b == 25_000 for s, b in found)


def test_a_fixed_total_and_s_over_sqrt_b_solve_the_quadratic() -> None:
    for s, b in pairs(s_over_sqrt_b=(0.5, 1, 5, 100), total=25_000):
        assert s + b == 25_000
    strong = Mixtures(s_over_sqrt_b=(100.0,), total=25_000).expand()[0]
    # One event moves S/sqrt(B) by dS (1/sqrt(B) + S/(2 B^1.5)); rounding is half an event.
    step = 1 / math.sqrt(strong.background) + strong.signal / (2 * strong.background**1.5)
    assert strong.s_over_sqrt_b == pytest.approx(100, abs=step / 2)


def test_counts_are_taken_as_they_are() -> None:
    assert pairs(signal=(5, 7), background=100) == [(5, 100), (7, 100)]
    assert pairs(signal=(5, 100), total=100) == [(5, 95), (100, 0)]
    assert pairs(signal=(5,), background=0) == [(5, 0)]


def test_luminosity_turns_cross_sections_into_events() -> None:
    mixtures = Mixtures(cross_section=(0.01, 0.1), luminosity=3.0)
    found = mixtures.expand(background_yield_pb=20.0, signal_efficiency=0.5)
    assert [(m.signal, m.background) for m in found] == [(15, 60_000), (150, 60_000)]
    by_ratio = Mixtures(s_over_sqrt_b=(1,), luminosity=3.0).expand(background_yield_pb=20.0)
    assert (by_ratio[0].signal, by_ratio[0].background) == (245, 60_000)


def test_yields_that_are_not_known_are_asked_for() -> None:
    mixtures = Mixtures(cross_section=(0.01,), luminosity=3.0)
    with pytest.raises(ValueError, match=r"luminosity: .* before the events are read"):
        mixtures.expand()
    with pytest.raises(ValueError, match=r"cross_section: .*efficiency"):
        mixtures.expand(background_yield_pb=20.0)


def test_totals_and_null_reach_every_mixture() -> None:
    found = Mixtures(signal=(5,), background=100, totals="poisson", null="background").expand()
    assert found == (Mixture(signal=5, background=100, totals="poisson", null="background"),)
    assert found[0].null_total == 100


@given(ratio=st.floats(1e-4, 3), background=st.integers(1, 10**6))
def test_s_over_b_survives_the_rounding_to_whole_events(ratio: float, background: int) -> None:
    assume(ratio * background >= 1)
    mixture = Mixtures(s_over_b=(ratio,), background=background).expand()[0]
    assert mixture.background == background
    assert mixture.s_over_b == pytest.approx(ratio, abs=0.5 / background * (1 + 1e-9))


@given(ratio=st.floats(1e-4, 3), total=st.integers(2, 10**6))
def test_s_over_b_of_a_fixed_total_survives_the_rounding(ratio: float, total: int) -> None:
    assume(ratio * total / (1 + ratio) >= 1)
    mixture = Mixtures(s_over_b=(ratio,), total=total).expand()[0]
    assume(mixture.background > 0)
    assert mixture.signal + mixture.background == total
    exact = ratio * total / (1 + ratio)
    assert abs(mixture.signal - exact) <= 0.5 * (1 + 1e-9)


@given(x=st.floats(0.01, 20), background=st.integers(1, 10**6))
def test_s_over_sqrt_b_survives_the_rounding(x: float, background: int) -> None:
    assume(x * math.sqrt(background) >= 1)
    mixture = Mixtures(s_over_sqrt_b=(x,), background=background).expand()[0]
    assert mixture.s_over_sqrt_b == pytest.approx(x, abs=0.5 / math.sqrt(background) * (1 + 1e-9))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"background": 10}, "s_over_b: expected exactly one of .* found none of them; give one"),
        (
            {"s_over_b": (0.1,), "signal": (3,), "background": 10},
            "signal: expected exactly one of .* found s_over_b and signal",
        ),
        ({"s_over_b": (0.1,)}, "background: expected exactly one of background | total"),
        ({"s_over_b": (0.1,), "background": 10, "total": 10}, "total: expected exactly one of"),
        ({"s_over_b": (), "background": 10}, r"s_over_b: the list is empty, expected e.g."),
        ({"s_over_b": (0.1, -0.5), "background": 10}, "s_over_b: -0.5, expected .* above 0"),
        ({"s_over_b": (0.0,), "background": 10}, "s_over_b: 0, expected .* above 0"),
        ({"s_over_b": (float("nan"),), "background": 10}, "s_over_b: nan, expected finite"),
        ({"signal": (3,), "background": -1}, "background: -1, expected a finite number of at"),
        ({"signal": (3,), "luminosity": float("inf")}, "luminosity: inf, expected a finite"),
        ({"cross_section": (0.1,), "background": 10}, "cross_section: .* luminosity: 300"),
        ({"signal": (3,), "background": 10, "totals": "free"}, "totals: 'free', expected fixed"),
        ({"signal": (3,), "background": 10, "null": "none"}, "null: 'none', expected matched"),
        ({"signal": (30,), "total": 10}, "signal: 30 gives S = 30 of 10 events"),
    ],
)
def test_mixtures_that_cannot_be_are_refused_with_the_fix(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Mixtures(**config)


@pytest.mark.parametrize(
    ("config", "smallest"),
    [
        ({"s_over_b": (1e-5,), "background": 2000}, "s_over_b with one signal event is 0.0005"),
        ({"s_over_sqrt_b": (1e-3,), "background": 2500}, "with one signal event is 0.02"),
        ({"s_over_b": (1e-5,), "total": 2001}, "s_over_b with one signal event is 0.0005"),
        ({"s_over_sqrt_b": (1e-3,), "total": 2501}, "with one signal event is 0.02"),
        ({"s_over_b": (0.1,), "background": 0}, "give background events, or signal: "),
    ],
)
def test_a_strength_without_events_tells_the_smallest_one(
    config: dict[str, Any], smallest: str
) -> None:
    with pytest.raises(ValueError, match=f"signal events; .*{smallest}"):
        Mixtures(**config)


def test_a_cross_section_without_events_tells_the_smallest_one() -> None:
    with pytest.raises(ValueError, match="smallest cross_section with one signal event is 0\\.002"):
        Mixtures(cross_section=(1e-6,), luminosity=1.0).expand(
            background_yield_pb=1.0, signal_efficiency=0.5
        )


def test_two_strengths_with_the_same_events_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0.1 and 0.101 both give S = 1.*leave one out"):
        Mixtures(s_over_b=(0.1, 0.101), background=10)


@pytest.mark.parametrize(
    ("signal", "background", "null", "message"),
    [
        (-1, 5, "matched", "signal: -1 events"),
        (1, -5, "matched", "background: -5 events"),
        (0, 0, "matched", "class 0 would hold no event"),
        (3, 0, "background", "class 0 would hold no event"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(
    signal: int, background: int, null: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Mixture(signal=signal, background=background, null=null)


def test_different_mixtures_have_different_names() -> None:
    both = [
        Mixture(signal=s, background=b, totals=t, null=n)
        for s in (1, 12)
        for b in (3, 23)
        for t in ("fixed", "poisson")
        for n in ("matched", "background")
    ]
    assert len({m.name for m in both}) == len(both)


def test_pure_signal_has_no_finite_ratio() -> None:
    pure = Mixture(signal=10, background=0)
    assert pure.s_over_b == math.inf
    assert pure.s_over_sqrt_b == math.inf
    assert pure.fraction == 1


def test_it_is_structured_from_plain_lists() -> None:
    text = {"s_over_sqrt_b": [0.5, 1, 2], "background": 2000}
    found = TypeAdapter(Mixtures).validate_python(text)
    assert found == Mixtures(s_over_sqrt_b=(0.5, 1.0, 2.0), background=2000)
    assert Mixtures(s_over_b=[0.1], background=100).strengths == (0.1,)
