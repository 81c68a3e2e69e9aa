"""Cuts as text and as intervals."""

from __future__ import annotations

import math
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan.events.cuts import Cut

number = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
SIGNS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
values = np.float32([-3.0, -2.5, 0.0, 1.0, 2.5, 130.0, 500.0, np.nan])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("130 < jet1_pt <= 500", "130 < jet1_pt <= 500"),
        ("500>=jet1_pt>130", "130 < jet1_pt <= 500"),
        ("  abs( jet1_eta )  <  2.5 ", "abs(jet1_eta) < 2.5"),
        ("130 < jet1_pt", "jet1_pt > 130"),
        ("2 == n_jets", "n_jets == 2"),
        ("n_jets == 1.0", "n_jets == 1"),
        ("met > 1e2", "met > 100"),
        ("-2.5 <= jet1_eta < .5", "-2.5 <= jet1_eta < 0.5"),
        ("jet1_eta >= -1", "jet1_eta >= -1"),
    ],
)
def test_equal_cuts_read_alike(text: str, canonical: str) -> None:
    assert str(Cut.parse(text)) == canonical
    assert Cut.parse(canonical) == Cut.parse(text)


@given(low=number, high=number, signs=st.sampled_from([("<", "<"), ("<", "<="), ("<=", "<")]))
def test_text_and_cut_are_one(low: float, high: float, signs: tuple[str, str]) -> None:
    low, high = sorted((low, high))
    if low == high:
        high = low + 1
    cut = Cut.parse(f"{low!r} {signs[0]} met {signs[1]} {high!r}")
    assert Cut.parse(str(cut)) == cut


@given(bound=number, sign=st.sampled_from(sorted(SIGNS)), turned=st.booleans())
def test_a_cut_keeps_what_its_text_says(bound: float, sign: str, turned: bool) -> None:
    text = f"{bound!r} {sign} met" if turned else f"met {sign} {bound!r}"
    compared = np.append(values, np.float32(bound))
    single = float(np.float32(bound))  # bounds are compared in the precision of the table
    pairs = [(single, float(v)) if turned else (float(v), single) for v in compared]
    expected = [SIGNS[sign](a, b) for a, b in pairs]
    assert Cut.parse(text).keeps(compared).tolist() == expected


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("130 <= met < 500", [False] * 5 + [True, False, False]),
        ("130 < met <= 500", [False] * 6 + [True, False]),
        ("abs(jet1_eta) <= 2.5", [False, True, True, True, True, False, False, False]),
        ("abs(jet1_eta) > 2.5", [True] + [False] * 4 + [True, True, False]),
    ],
)
def test_a_cut_keeps_the_boundary_only_where_it_says_so(text: str, kept: list[bool]) -> None:
    assert Cut.parse(text).keeps(values).tolist() == kept


@pytest.mark.parametrize("sign", sorted(SIGNS))
def test_an_absent_object_passes_no_cut(sign: str) -> None:
    assert not Cut.parse(f"jet1_pt {sign} 0").keeps(np.float32([math.nan])).any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a cut"),
        ("jet1_pt", "not a cut"),
        ("jet1_pt > ", "not a cut"),
        ("jet1_pt != 3", "not a cut"),
        ("jet1_pt > 3 GeV", "not a cut"),
        ("jet1_pt > met", "not a cut"),
        ("jet1_pt > nan", "not a cut"),
        ("jet1_pT > 130", "nearest: 'jet1_pt'"),
        ("weight > 0", "no observable"),
        ("genmet > 100", "truth quantities"),
        ("500 < met < 130", "no event can pass"),
        ("130 < met < 130", "no event can pass"),
        ("130 < met <= 130", "no event can pass"),
        ("abs(jet1_eta) < -1", "no event can pass"),
        ("abs(jet1_eta) < 0", "no event can pass"),
        ("abs(jet1_eta) == -1", "no event can pass"),
        ("130 < met > 200", "not an interval"),
        ("130 == met < 200", "not an interval"),
        ("met < 1e999", "infinite"),
    ],
)
def test_what_is_no_cut_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cut.parse(text)


def test_a_point_between_two_included_bounds_is_allowed() -> None:
    assert Cut.parse("130 <= met <= 130").keeps(values).sum() == 1
    assert Cut.parse("abs(jet1_eta) <= 0").keeps(values).sum() == 1
