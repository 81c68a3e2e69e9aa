"""What an event is known by, and which values nothing can have."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from rayscan.events import content, flat, formats
from rayscan.events.content import broken, known

Write = Callable[..., Path]


def jets(events: int, seed: int = 1, **changes: np.ndarray) -> dict[str, ak.Array]:
    """One to three jets of continuous pt and eta in each event, and missing momentum."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 4, events)
    size = int(counts.sum())
    values = {
        "Jet.PT": rng.exponential(100, size),
        "Jet.Eta": rng.uniform(-3, 3, size),
        "Jet.BTag": rng.integers(0, 2, size).astype(np.uint32),
    } | changes
    columns = {
        name: ak.unflatten(v.astype(np.float32) if v.dtype.kind == "f" else v, counts)
        for name, v in values.items()
    }
    met = rng.exponential(100, events).astype(np.float32)
    return columns | {"MissingET.MET": ak.unflatten(met, np.ones(events, dtype=int))}


def hashes(columns: dict[str, ak.Array]) -> np.ndarray:
    return known(flat.leaves(columns), len(columns["MissingET.MET"]))[0]


def test_an_event_is_known_by_the_same_hash_in_any_slice_and_order() -> None:
    columns = jets(500)
    whole = hashes(columns)
    assert len(np.unique(whole)) == 500
    order = np.random.default_rng(2).permutation(500)
    moved = {name: column[order] for name, column in columns.items()}
    assert (hashes(moved) == whole[order]).all()
    parts = [hashes({n: c[a:b] for n, c in columns.items()}) for a, b in ((0, 7), (7, 500))]
    assert (np.concatenate(parts) == whole).all()


def test_wider_types_of_the_same_values_are_the_same_event() -> None:
    columns = jets(50)
    wide = {n: ak.values_astype(c, "float64") if "BTag" not in n else c for n, c in columns.items()}
    wide["Jet.BTag"] = ak.values_astype(columns["Jet.BTag"], "int64")
    assert (hashes(wide) == hashes(columns)).all()


@pytest.mark.parametrize("name", ["Jet.PT", "Jet.Eta", "Jet.BTag", "MissingET.MET"])
def test_one_bit_of_one_value_makes_another_event(name: str) -> None:
    columns = jets(200)
    values = ak.to_numpy(ak.flatten(columns[name])).copy()
    changed = values.view(np.uint32).copy()
    changed ^= 1
    others = dict(columns)
    others[name] = ak.unflatten(changed.view(values.dtype), ak.num(columns[name]))
    assert (hashes(others) != hashes(columns)).all()


def test_values_that_change_places_make_another_event() -> None:
    columns = jets(300)
    swapped = columns | {"Jet.PT": columns["Jet.Eta"], "Jet.Eta": columns["Jet.PT"]}
    assert (hashes(swapped) != hashes(columns)).all()
    # Objects that give their eta to each other are two other objects.
    two = {n: c[ak.num(columns["Jet.PT"]) >= 2] for n, c in columns.items()}
    turned = two | {"Jet.Eta": two["Jet.Eta"][:, ::-1]}
    assert (hashes(turned) != hashes(two)).all()


@pytest.mark.parametrize("kinds", [2, 16, 1000])
def test_bits_are_those_of_a_value_drawn_from_so_many(kinds: int) -> None:
    """Two draws of `kinds` equally likely values are alike with probability 1/kinds.

    8.4 million pairs of 4,096 draws: the number alike has a relative error of sqrt(kinds / pairs)
    (and 2/sqrt(4096 kinds) from uneven draws), which is at most 0.02 here, or 0.03 bits.
    """
    values = np.random.default_rng(3).integers(0, kinds, 4096).astype(np.float32)
    _, bits = known(flat.leaves({"Jet.PT": ak.Array(values[:, None])}), 4096)
    assert set(bits.tolist()) <= {int(np.log2(kinds) - 0.1), int(np.log2(kinds) + 0.1)}


def test_events_that_hold_nothing_or_a_constant_tell_nothing() -> None:
    empty = {"Electron.PT": ak.Array([[], [], []])}
    assert known(flat.leaves(empty), 3)[1].tolist() == [0, 0, 0]
    same = {"MissingET.MET": ak.Array(np.full((50, 1), 7.0))}
    assert known(flat.leaves(same), 50)[1].tolist() == [0] * 50


def test_momenta_that_balance_count_once() -> None:
    """At parton level the missing momentum is that of the jet, and two jets share theirs."""
    pt = np.random.default_rng(4).exponential(100, 500).astype(np.float32)
    one = {"Jet.PT": ak.Array(pt[:, None]), "MissingET.MET": ak.Array(pt[:, None])}
    two = {"Jet.PT": ak.Array(np.stack([pt, pt], axis=1))}
    assert set(known(flat.leaves(one), 500)[1].tolist()) == {23}
    assert set(known(flat.leaves(two), 500)[1].tolist()) == {34}


def test_fixed_arrays_are_read_number_by_number() -> None:
    """Of five numbers and a flag, each counts for itself: 5 x 23 bits, and one of the flag."""
    rng = np.random.default_rng(5)
    tau, flag = rng.random((4096, 1, 5), dtype=np.float32), rng.integers(0, 2, (4096, 1))
    read = flat.leaves({"FatJet.Tau[5]": ak.Array(tau), "FatJet.Flag": ak.Array(flag)})
    hashes, bits = known(read, 4096)
    assert len(np.unique(hashes)) == 4096
    # A float32 drawn in [0, 1) has 2^24 values; a column may have a pair alike, 22 bits.
    assert 5 * 21 <= bits.min() <= bits.max() <= 5 * 23 + 1
    tau[7, 0, 3] = np.nan
    broken_at = broken(flat.leaves({"FatJet.Tau[5]": ak.Array(tau)}))
    assert np.flatnonzero(broken_at["FatJet.Tau[5]"]).tolist() == [7]


# --- broken values ----------------------------------------------------------------------------


def one_bad(name: str, value: float) -> dict[str, list[int]]:
    """Which of six events are broken where the second object of the second event has a value."""
    values = {
        "Jet.PT": [[50.0], [80.0, 40.0], [], [60.0], [70.0], [90.0]],
        "Jet.Eta": [[0.1], [0.2, -0.3], [], [2.0], [-4.9], [5.0]],
        "Jet.Phi": [[0.1], [3.2, -3.2], [], [2.0], [6.2], [1.0]],
        "Jet.Mass": [[-0.3], [12.0, 0.0], [], [2.0], [6.2], [1.0]],
    }
    if name:
        values[name][1][1] = value
    columns = {n: ak.values_astype(ak.Array(v), np.float32) for n, v in values.items()}
    return {n: np.flatnonzero(m).tolist() for n, m in broken(flat.leaves(columns)).items()}


def test_sound_events_and_absent_objects_are_not_broken() -> None:
    assert one_bad("", 0.0) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *itertools.product(["Jet.PT", "Jet.Eta", "Jet.Phi", "Jet.Mass"], [np.nan, np.inf, -np.inf]),
        ("Jet.PT", -1.0),
        ("Jet.PT", 2e6),
        ("Jet.Eta", -999.0),
        ("Jet.Phi", 10.0),
        ("Jet.Mass", -999.0),
    ],
)
def test_what_nothing_can_have_is_broken(name: str, value: float) -> None:
    assert one_bad(name, value) == {name: [1]}


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["zvvj_001.root", "ww2l2v_001.root", "zvvj_biased.root", "ext_coffea_delphes.root"]
)
def test_events_of_real_files_are_sound_and_all_different(shared_data: Path, name: str) -> None:
    (piece,) = formats.slices(formats.inspect(shared_data / name), process="p", name="f")
    branches = ["Jet.PT", "Jet.Eta", "Jet.Mass", "Muon.PT", "MissingET.MET", "MissingET.Phi"]
    read = flat.leaves(formats.read(piece, branches))
    assert content.broken(read) == {}
    found, bits = known(read, piece.last)
    assert len(np.unique(found)) == piece.last
    # Missing momentum alone gives 46 bits, a jet 69.
    assert bits.min() >= 40


def test_flat_branches_agree_with_awkward(write_delphes: Write) -> None:
    nested = ak.Array([[1.0, 2.0], [], [3.0]])
    for column in (nested, nested[[2, 1, 0]], nested[1:], ak.Array(np.ones((3, 2)))):
        found = flat.leaf(column)
        assert found.counts.tolist() == ak.num(column).tolist()
        assert found.values.tolist() == ak.flatten(column).tolist()
    plain = flat.leaf(ak.Array([4.0, 5.0]))
    assert (plain.counts.tolist(), plain.values.tolist()) == ([1, 1], [4.0, 5.0])
    layout = ak.contents.ListOffsetArray(
        ak.index.Index64([0, 2, 1]), ak.contents.NumpyArray(np.zeros(2))
    )
    with pytest.raises(ValueError, match="overlap"):
        flat.leaf(ak.Array(layout))
