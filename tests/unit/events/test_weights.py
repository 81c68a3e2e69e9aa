"""Which branch holds the weights, and whether those of several files agree."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from rayscan.errors import WeightBranchError
from rayscan.events import weights
from rayscan.events.weights import Weights, chosen, off


def of(values: np.ndarray) -> Weights:
    return Weights.of(np.asarray(values, dtype=float), np.arange(len(values)))


# --- the branch -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("branches", "asked", "wanted"),
    [
        ({"Event.Weight", "Weight.Weight"}, None, "Event.Weight"),
        ({"Event.Weight", "Weight.Weight"}, "Weight.Weight[3]", "Weight.Weight[3]"),
        ({"Event.Weight"}, "none", "none"),
        ({"Jet.PT", "Jet.TauWeight"}, None, "none"),
        ({"Weight.Weight"}, "none", "none"),
        ({"genWeight"}, "genWeight", "genWeight"),
    ],
)
def test_the_branch_is_the_one_asked_for_or_that_of_delphes(branches, asked, wanted) -> None:
    assert chosen("a.root", branches, asked) == wanted


@pytest.mark.parametrize(
    ("branches", "asked", "words"),
    [
        ({"Weight.Weight", "Jet.PT"}, None, "'weight: Weight.Weight[0]'"),
        ({"WeightLHEF.Weight"}, None, "'weight: WeightLHEF.Weight[0]'"),
        ({"genWeight", "Jet.PT"}, None, "'weight: genWeight[0]'"),
        ({"Event.Weight"}, "Weight.Weight", "no event weights 'Weight.Weight'"),
        ({"Jet.PT"}, "Event.Weight", "no other weights"),
    ],
)
def test_a_missing_branch_is_never_silently_one(branches, asked, words) -> None:
    with pytest.raises(WeightBranchError) as caught:
        chosen("a.root", branches, asked)
    assert words in str(caught.value)
    assert "'weight: none'" in str(caught.value)


@pytest.mark.parametrize("asked", ["", "Weight.Weight[-1]", "a b", "Weight.Weight[x]"])
def test_what_names_no_branch_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match="expected a branch"):
        weights.branch_of(asked)


def test_weights_are_read_from_their_place_in_the_list() -> None:
    column = ak.Array([[1.0, -2.0], [3.0], []])
    np.testing.assert_array_equal(weights.values(column, "W.Weight"), [1, 3, np.nan])
    np.testing.assert_array_equal(weights.values(column, "W.Weight[1]"), [-2, np.nan, np.nan])
    np.testing.assert_array_equal(weights.values(ak.Array([4.0, 5.0]), "w"), [4, 5])


# --- files ------------------------------------------------------------------------------------


def test_sums_of_parts_are_those_of_the_whole() -> None:
    values = np.random.default_rng(1).normal(1, 2, 1000)
    whole = of(values)
    parts = [
        Weights.of(values[a:b], np.arange(a, b))
        for a, b in ((0, 10), (10, 10), (10, 700), (700, 1000))
    ]
    added = sum(parts, Weights())
    assert (added.events, added.negative, added.entry) == (1000, (values < 0).sum(), whole.entry)
    assert added.total == pytest.approx(values.sum(), rel=1e-12)
    assert added.mean == pytest.approx(values.mean(), rel=1e-12)
    # The error of a mean is the spread over sqrt(n - 1) in terms of the biased variance.
    assert added.error == pytest.approx(values.std(ddof=1) / np.sqrt(1000), rel=1e-9)
    assert whole.scaled(3).mean == pytest.approx(3 * values.mean())
    assert whole.scaled(3).error == pytest.approx(3 * whole.error)


def test_files_of_one_law_agree_however_wide_it_is() -> None:
    """Weights of pTHat-biased samples spread over decades: no pair of files may differ."""
    rng = np.random.default_rng(2)
    for width in (0.0, 0.3, 1.0, 2.0):
        for _ in range(100):
            sizes = rng.integers(50, 5000, 4)
            files = {str(i): of(rng.lognormal(0, width, n)) for i, n in enumerate(sizes)}
            assert off(files) == ()


def test_a_run_of_its_own_cross_section_within_percents_agrees() -> None:
    files = {"a": of(np.full(100, 105.8)), "b": of(np.full(100, 104.1)), "c": of(np.full(9, 107.0))}
    assert off(files) == ()


@pytest.mark.parametrize(
    "other",
    [105.8, 1 / 4000, 1.5, 0.5, -1.0, 0.0],
    ids=["average", "sum", "N of 2/3", "N of 2", "sign", "zero"],
)
def test_a_file_of_another_normalisation_is_named(other: float) -> None:
    files = {name: of(np.ones(4000)) for name in "abc"} | {"odd": of(np.full(4000, other))}
    middle, odd = off(files)
    assert odd == "odd"
    assert middle in "abc"


def test_a_factor_is_seen_through_the_spread_of_the_weights() -> None:
    rng = np.random.default_rng(3)
    one, two = rng.lognormal(0, 1, (2, 4000))
    # Relative error of each mean: sqrt(e - 1)/sqrt(4000) = 2 %, so a factor 2 is 16 errors away.
    assert off({"a": of(one), "b": of(2 * two)}) == ("a", "b")


def test_a_share_of_negative_weights_is_no_other_law_by_chance_but_none_at_all_is() -> None:
    rng = np.random.default_rng(4)

    def signed(share: float) -> Weights:
        return of(np.where(rng.uniform(size=4000) < share, -1.0, 1.0))

    assert off({"a": signed(0.2), "b": signed(0.2)}) == ()
    assert len(off({"a": signed(0.2), "b": signed(0.0)})) == 2
    # Means within a quarter, shares of negative weights apart by 22 errors.
    assert len(off({"a": signed(0.1), "b": signed(0.0)})) == 2


def test_one_event_that_outweighs_all_others_is_seen() -> None:
    spiky = np.ones(4000)
    assert not of(spiky).dominated
    spiky[17] = 3998.0
    assert not of(spiky).dominated
    spiky[17] = 4000.0
    found = of(spiky)
    assert found.dominated
    assert "one event carries 50 %" in weights.spike(found, f"entry {found.entry}")
    assert "entry 17: 4000, the others 1 on average" in weights.spike(found, "entry 17")
    assert not of(np.array([1.0, 9.0])).dominated
