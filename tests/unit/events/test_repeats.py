"""Events read twice are found, and chance is not taken for it."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

from rayscan.events import content, flat
from rayscan.events.repeats import Known, compared, repeats


def file_of(*columns: np.ndarray, rows: np.ndarray | None = None) -> Known:
    """One event a row, each with one object of these float32 properties."""
    names = ("Jet.PT", "Jet.Eta", "Jet.Phi", "Jet.Mass")
    rows = np.arange(len(columns[0])) if rows is None else rows
    read = {
        n: ak.Array(c.astype(np.float32)[:, None]) for n, c in zip(names, columns, strict=False)
    }
    hashes, bits = content.known(flat.leaves(read), len(columns[0]))
    return Known(entries=rows, hashes=hashes, bits=bits)


def part(file: Known, rows: np.ndarray) -> Known:
    """Some events of a file, in this order, in a file of their own."""
    return Known(entries=np.arange(len(rows)), hashes=file.hashes[rows], bits=file.bits[rows])


def joined(*files: Known) -> Known:
    return Known(
        entries=np.arange(sum(len(f.entries) for f in files)),
        hashes=np.concatenate([f.hashes for f in files]),
        bits=np.concatenate([f.bits for f in files]),
    )


def continuous(events: int, seed: int, columns: int = 3) -> Known:
    rng = np.random.default_rng(seed)
    return file_of(*rng.exponential(100, (columns, events)))


def found(**files: Known) -> list[tuple[str, str, int, tuple[int, int]]]:
    return [(e.first, e.second, e.events, e.entries) for e in repeats(files)]


def test_different_events_are_not_repeated() -> None:
    files = {str(seed): continuous(4000, seed) for seed in range(5)}
    assert repeats(files) == ()
    assert compared(files) == 20_000


def test_a_copy_is_found_with_its_number_and_first_entries() -> None:
    a, b = continuous(400, 1), continuous(300, 2)
    assert found(a=a, b=b, c=part(a, np.arange(50, 400))) == [("a", "c", 350, (50, 0))]


def test_a_merged_file_is_found_beside_each_of_its_parts_in_any_order() -> None:
    a, b = continuous(400, 1), continuous(300, 2)
    mixed = np.random.default_rng(1).permutation(700)
    errors = found(a=a, b=b, all=part(joined(a, b), mixed))
    assert [error[:3] for error in errors] == [("a", "all", 400), ("b", "all", 300)]


def test_events_twice_in_one_file_are_found() -> None:
    a = continuous(400, 1)
    assert found(a=joined(a, a)) == [("a", "a", 400, (0, 400))]
    (error,) = repeats({"a": joined(a, a)})
    assert "holds 400 of its selected events twice" in str(error)


def test_a_single_repeated_event_is_found_where_events_are_rich() -> None:
    a, b = continuous(4000, 1), continuous(4000, 2)
    assert found(a=a, b=joined(b, part(a, np.array([7])))) == [("a", "b", 1, (7, 4000))]


def test_counts_that_are_alike_are_never_compared() -> None:
    rng = np.random.default_rng(1)
    coarse = [file_of(rng.integers(0, 6, 4000), rng.integers(0, 2, 4000)) for _ in range(2)]
    files = dict(zip("ab", coarse, strict=True))
    assert repeats(files) == ()
    assert compared(files) == 0


@pytest.mark.parametrize(("columns", "step"), [(1, 2.0**-6), (1, 2.0**-14), (3, 1.0)])
def test_coarse_numbers_that_are_alike_by_chance_are_not_refused(columns: int, step: float) -> None:
    """Exponential numbers of scale s on a grid are alike with p = step/(2 s), so n^2 p^k pairs.

    That is 31,250, 122 and 50 pairs here, within five Poisson errors (and the 4 % by which p of
    the last grid is larger, cubed); none of them may be called repeated, and a copy must.
    """
    rng = np.random.default_rng(5)

    def rounded() -> Known:
        return file_of(*np.floor(rng.exponential(100, (columns, 20_000)) / step) * step)

    one, two = rounded(), rounded()
    values, counts = np.unique(two.hashes, return_counts=True)
    places = np.searchsorted(values, one.hashes).clip(max=len(values) - 1)
    alike = counts[places][values[places] == one.hashes].sum()
    expected = 20_000**2 * (step / 200) ** columns
    assert abs(alike - expected) < 5 * np.sqrt(expected) * max(1, expected / 5000)
    assert repeats({"a": one, "b": two}) == ()
    if compared({"a": one}):
        assert found(a=one, b=two, c=part(one, np.arange(10_000)))[-1][:2] == ("a", "c")


def test_events_twice_in_one_slice_are_found_though_they_make_their_values_look_coarse() -> None:
    columns = np.random.default_rng(6).exponential(100, (3, 5000))
    (error,) = repeats({"a": file_of(*np.concatenate([columns, columns], axis=1))})
    assert (error.first, error.second, error.events) == ("a", "a", 5000)


def test_a_copy_is_found_though_one_number_is_all_that_was_read() -> None:
    a, b = continuous(20_000, 1, columns=1), continuous(20_000, 2, columns=1)
    # 20,000^2 pairs alike with 2^-23 each at most: 48 by chance, ten times as many allowed for.
    assert repeats({"a": a, "b": b}) == ()
    (error,) = repeats({"a": a, "b": part(a, np.arange(20_000)[::-1])})
    assert error.events >= 19_900
