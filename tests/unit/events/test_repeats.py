"""Events read twice are found, and chance is not taken for it."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import pdtrc

from rayscan.errors import RepeatedEventsError
from rayscan.events import content, flat, repeats
from rayscan.events.repeats import Known, alike, compared, merged, told

Found = list[tuple[str, str, int, tuple[int, int]]]


def known(entries: np.ndarray, hashes: np.ndarray, bits: np.ndarray) -> Known:
    """Of one file, which `found` numbers."""
    return Known(np.zeros(len(bits), dtype=np.int32), entries, hashes, bits)


def told_of(files: Mapping[str, Known]) -> np.ndarray:
    return np.array([told(file.bits) for file in files.values()])


def found(ranges: int = 1, **files: Known) -> Found:
    cut = [
        replace(file, files=np.full(len(file.bits), index, dtype=np.int32)).comparable.cut(ranges)
        for index, file in enumerate(files.values())
    ]
    pairs = merged([alike(pieces) for pieces in zip(*cut, strict=True)])
    errors = repeats.repeats(list(files), told_of(files), pairs)
    return [(e.first, e.second, e.events, e.entries) for e in errors]


def file_of(*columns: np.ndarray, rows: np.ndarray | None = None) -> Known:
    """One event a row, each with one object of these float32 properties."""
    names = ("Jet.PT", "Jet.Eta", "Jet.Phi", "Jet.Mass")
    rows = np.arange(len(columns[0])) if rows is None else rows
    read = {
        n: ak.Array(c.astype(np.float32)[:, None]) for n, c in zip(names, columns, strict=False)
    }
    hashes, bits = content.known(flat.leaves(read), len(columns[0]))
    return known(rows, hashes, bits)


def part(file: Known, rows: np.ndarray) -> Known:
    """Some events of a file, in this order, in a file of their own."""
    return known(np.arange(len(rows)), file.hashes[rows], file.bits[rows])


def joined(*files: Known) -> Known:
    return replace(Known.joined(files), entries=np.arange(sum(len(f.entries) for f in files)))


def continuous(events: int, seed: int, columns: int = 3) -> Known:
    rng = np.random.default_rng(seed)
    return file_of(*rng.exponential(100, (columns, events)))


def test_different_events_are_not_repeated() -> None:
    files = {str(seed): continuous(4000, seed) for seed in range(5)}
    assert found(**files) == []
    assert compared(told_of(files)) == 20_000


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
    error = RepeatedEventsError(first="a", second="a", events=400, entries=(0, 400))
    assert "holds 400 of its selected events twice" in str(error)


def test_a_single_repeated_event_is_found_where_events_are_rich() -> None:
    a, b = continuous(4000, 1), continuous(4000, 2)
    assert found(a=a, b=joined(b, part(a, np.array([7])))) == [("a", "b", 1, (7, 4000))]


def test_counts_that_are_alike_are_never_compared() -> None:
    rng = np.random.default_rng(1)
    coarse = [file_of(rng.integers(0, 6, 4000), rng.integers(0, 2, 4000)) for _ in range(2)]
    files = dict(zip("ab", coarse, strict=True))
    assert found(**files) == []
    assert compared(told_of(files)) == 0


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
    assert found(a=one, b=two) == []
    if compared(told_of({"a": one})):
        assert found(a=one, b=two, c=part(one, np.arange(10_000)))[-1][:2] == ("a", "c")


def test_events_twice_in_one_slice_are_found_though_they_make_their_values_look_coarse() -> None:
    columns = np.random.default_rng(6).exponential(100, (3, 5000))
    (error,) = found(a=file_of(*np.concatenate([columns, columns], axis=1)))
    assert error[:3] == ("a", "a", 5000)


def test_a_copy_is_found_though_one_number_is_all_that_was_read() -> None:
    a, b = continuous(20_000, 1, columns=1), continuous(20_000, 2, columns=1)
    # 20,000^2 pairs alike with 2^-23 each at most: 48 by chance, ten times as many allowed for.
    assert found(a=a, b=b) == []
    (error,) = found(a=a, b=part(a, np.arange(20_000)[::-1]))
    assert error[2] >= 19_900


# --- ranges of hashes -------------------------------------------------------------------------


def event_by_event(files: Mapping[str, Known]) -> Found:
    """The same, of all files at once, one event after the other."""
    for least in (60, 40, 20):
        sizes, chance = Counter[str](), defaultdict[str, float](float)
        first: dict[int, tuple[str, int]] = {}
        pairs: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for name, entry, hashed, bits in one_by_one(files, least):
            sizes[name] += 1
            chance[name] += 2.0**-bits
            other, earlier = first.setdefault(hashed, (name, entry))
            if (other, earlier) != (name, entry):
                pairs.setdefault((other, name), []).append((earlier, entry))
        errors = []
        for (a, b), those in pairs.items():
            expected = sizes[a] * sizes[b] * (chance[a] + chance[b]) / (sizes[a] + sizes[b])
            by_chance = sizes[a] * chance[a] / 2 if a == b else expected
            if pdtrc(len(those) - 1, 10 * by_chance) < 1e-6:
                errors.append((a, b, len(those), those[0]))
        if errors:
            return sorted(errors)
    return []


def one_by_one(files: Mapping[str, Known], least: int) -> Iterator[tuple[str, int, int, int]]:
    for name, file in files.items():
        columns = (file.entries, file.hashes, file.bits)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            if row[2] >= least:
                yield (name, *row)


EVENT = st.tuples(st.integers(0, 12), st.sampled_from([5, 20, 21, 30, 45, 60, 64]))


@given(st.lists(st.lists(EVENT, max_size=12), min_size=1, max_size=4), st.integers(1, 9))
def test_any_number_of_ranges_finds_what_one_event_after_the_other_finds(drawn, ranges) -> None:
    values = np.random.default_rng(1).integers(0, 2**64, 13, dtype=np.uint64)
    files = {
        name: known(
            np.arange(len(events)) * 3,
            values[[which for which, _ in events]],
            np.array([bits for _, bits in events], dtype=np.uint8),
        )
        for name, events in zip("abcd", drawn, strict=False)
    }
    assert found(ranges, **files) == event_by_event(files)
    sizes = [(file.bits >= 20).sum() for file in files.values()]
    assert compared(told_of(files)) == sum(sizes)


def test_ranges_are_equally_full_and_hold_each_event_once() -> None:
    """100,000 hashes in seven ranges: binomial, within five errors of a seventh each."""
    some = known(np.arange(100_000), continuous(100_000, 3).hashes, np.full(100_000, 64, np.uint8))
    cut = some.cut(7)
    sizes = np.array([len(piece.bits) for piece in cut])
    assert (abs(sizes - 1e5 / 7) < 5 * np.sqrt(1e5 * 6 / 49)).all()
    assert sorted(np.concatenate([p.entries for p in cut])) == list(range(100_000))
    edges = [(piece.hashes.min(), piece.hashes.max()) for piece in cut]
    assert all(one[1] < other[0] for one, other in itertools.pairwise(edges))
