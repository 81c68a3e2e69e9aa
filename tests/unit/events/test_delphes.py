"""Reading Delphes files: real ones, ones made here, and broken ones."""

from __future__ import annotations

import itertools
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from rayscan.errors import (
    BranchMissingError,
    FileUnreadableError,
    InputError,
    TreeMissingError,
)
from rayscan.events import formats, rootfile
from rayscan.events.weights import WEIGHT

Write = Callable[..., Path]
JETS = {"Jet": {"PT": [[50.0, 30.0], [], [70.0]], "Eta": [[0.0, 1.0], [], [2.0]]}}
REAL = {
    "zvvj_001.root": 10_000,
    "ww2l2v_001.root": 5_000,
    "slepton_280_275.root": 3_000,
    "full_slepton_cms.root": 30,
    "full_zvvj_atlas.root": 40,
    "zvvj_biased.root": 2_000,
    "ext_coffea_delphes.root": 25,
}


# --- what is in a file ------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize(("name", "entries"), REAL.items())
def test_a_real_file_is_inspected(shared_data: Path, name: str, entries: int) -> None:
    found = formats.inspect(shared_data / name)
    assert found.entries == entries
    assert found.bytes == (shared_data / name).stat().st_size
    assert {"Jet.PT", "Jet.Mass", "MissingET.MET", "Electron.Charge"} <= found.branches
    assert not found.branches & {"Jet", "Jet_size", "Event"}


def test_a_file_written_flat_offers_the_same_names(write_delphes: Write) -> None:
    found = formats.inspect(write_delphes(JETS))
    assert found.entries == 3
    assert found.branches == {"Jet.PT", "Jet.Eta"}


def test_of_several_cycles_the_highest_counts(write_delphes: Write) -> None:
    path = write_delphes(JETS, {"Jet": {"PT": [[1.0]] * 7}})
    assert len(uproot.open(path).keys()) == 2
    found = formats.inspect(path)
    assert found.entries == 7
    (piece,) = formats.slices(found, process="p", name="f")
    assert formats.read(piece, ["Jet.PT"])["Jet.PT"].tolist() == [[1.0]] * 7


def test_copies_of_a_file_have_equal_identity(write_delphes: Write, tmp_path: Path) -> None:
    path = write_delphes(JETS)
    copy = Path(shutil.copy(path, tmp_path / "copy.root"))
    other = write_delphes(JETS, name="other.root")
    first, second, third = (formats.inspect(p) for p in (path, copy, other))
    assert first.identity == second.identity
    assert first.identity != third.identity


# --- slices -----------------------------------------------------------------------------------


@given(entries=st.integers(1, 10**6), most=st.integers(1, 10**5))
def test_slices_cover_a_file_once_in_nearly_equal_parts(entries: int, most: int) -> None:
    most = max(most, entries // 500 + 1)
    file = formats.EventFile(
        path="f.root", entries=entries, bytes=1, branches=frozenset(), identity="x"
    )
    pieces = formats.slices(file, process="p", name="f", entries_per_slice=most)
    assert pieces[0].first == 0
    assert pieces[-1].last == entries
    assert all(a.last == b.first for a, b in itertools.pairwise(pieces))
    lengths = {piece.last - piece.first for piece in pieces}
    assert max(lengths) <= most
    assert max(lengths) - min(lengths) <= 1


@given(st.lists(st.integers(1, 500_000), min_size=1, max_size=60))
def test_slices_begin_at_borders_unless_baskets_are_too_long(lengths: list[int]) -> None:
    borders = np.cumsum([0, *lengths])
    file = formats.EventFile(
        path="f.root",
        entries=int(borders[-1]),
        bytes=1,
        branches=frozenset(),
        identity="x",
        borders=tuple(borders.tolist()),
    )
    pieces = formats.slices(file, process="p", name="f")
    assert (pieces[0].first, pieces[-1].last) == (0, file.entries)
    assert all(a.last == b.first for a, b in itertools.pairwise(pieces))
    long = np.flatnonzero(np.diff(borders) > 200_000)
    for piece in pieces[1:]:
        inside = (borders[long] < piece.first) & (piece.first < borders[long + 1])
        assert piece.first in borders or inside.any()
    most = 20_000 + min(max(lengths), 200_000)  # half a stretch more at either end
    assert max(piece.last - piece.first for piece in pieces) <= most


@pytest.fixture
def baskets(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Entries of each basket that is read from now on."""
    read, found = uproot.models.TBasket.Model_TBasket.read_members, []

    def counted(self: Any, *given: Any) -> None:
        read(self, *given)
        found.append(self.member("fNevBuf"))

    monkeypatch.setattr(uproot.models.TBasket.Model_TBasket, "read_members", counted)
    return found


def test_each_basket_is_decompressed_once(tmp_path: Path, baskets: list[int]) -> None:
    with uproot.recreate(tmp_path / "f.root") as file:
        tree = file.mktree("Delphes", {"Jet.PT": np.float32, "Jet.Eta": np.float32})
        for length in (30_000, 8_000, 25_000):
            tree.extend({n: np.ones(length, dtype=np.float32) for n in ("Jet.PT", "Jet.Eta")})
    found = formats.inspect(tmp_path / "f.root")
    pieces = formats.slices(found, process="p", name="f")
    assert [piece.first for piece in pieces] == [0, 30_000, 38_000]
    for piece in pieces:
        formats.read(piece, ["Jet.PT", "Jet.Eta"])
    assert sorted(baskets) == sorted(2 * [30_000, 8_000, 25_000])


@pytest.mark.data
def test_few_baskets_of_a_file_of_delphes_are_decompressed_twice(
    shared_data: Path, baskets: list[int]
) -> None:
    """Jets, which are most of what is read, are cut where their baskets begin."""
    found = formats.inspect(shared_data / "zvvj_101.root")
    names = ["Jet.PT", "Jet.Eta", "Jet.Phi", "Jet.Mass", "MissingET.MET", "MissingET.Phi"]
    with uproot.open(found.path) as file:
        once = sum(file["Delphes"][name].num_baskets for name in names)
    first, second = formats.slices(found, process="p", name="f")
    assert first.last == 21_013
    for piece in (first, second):
        formats.read(piece, names)
    assert len(baskets) == once + 2  # one of each leaf of the missing momentum


def test_an_impossible_slice_is_refused(write_delphes: Write) -> None:
    with pytest.raises(ValueError, match="expected 0 <= first < last"):
        formats.Slice(process="p", path="x", file="f", first=3, last=3)
    with pytest.raises(ValueError, match="entries_per_slice: 0"):
        formats.slices(
            formats.inspect(write_delphes(JETS)), process="p", name="f", entries_per_slice=0
        )


@pytest.mark.data
@pytest.mark.parametrize("most", [7, 999, 3000])
def test_slicing_differently_reads_the_same_events(shared_data: Path, most: int) -> None:
    file = formats.inspect(shared_data / "slepton_280_275.root")
    names = ["Jet.PT", "Jet.BTag", "MissingET.Phi", "Muon.Charge"]
    pieces = formats.slices(file, process="p", name="f", entries_per_slice=most)
    if most == 7:  # a file of 430 slices: its ends suffice
        pieces = (*pieces[:3], *pieces[-3:])
    tree = uproot.open(shared_data / "slepton_280_275.root")["Delphes"]
    whole = {name: tree[name].array() for name in names}
    for piece in pieces:
        for name, part in formats.read(piece, names).items():
            assert ak.array_equal(part, whole[name][piece.first : piece.last])


# --- branches ---------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_only_the_named_leaves_come_back(shared_data: Path, name: str) -> None:
    (piece,) = formats.slices(formats.inspect(shared_data / name), process="p", name="f")
    names = ["Jet.PT", "Jet.BTag", "MissingET.MET", "Event.Weight"]
    found = formats.read(piece, names)
    assert list(found) == names
    assert all(len(column) == piece.last for column in found.values())
    # GenJet.PT and FatJet.PT must not be mistaken for it.
    tree = uproot.open(shared_data / name)["Delphes"]
    assert ak.array_equal(found["Jet.PT"], tree["Jet/Jet.PT"].array())


def test_a_file_without_any_weights_counts_every_event_as_one(write_delphes: Write) -> None:
    (piece,) = formats.slices(formats.inspect(write_delphes(JETS)), process="p", name="f")
    assert piece.weight == "none"
    with pytest.raises(BranchMissingError, match=r"no branch 'Event\.Weight'"):
        formats.read(piece, [WEIGHT])


def test_a_missing_branch_is_named_with_the_nearest_and_who_needs_it(write_delphes: Write) -> None:
    file = formats.inspect(write_delphes(JETS))
    (piece,) = formats.slices(file, process="p", name="f")
    needs = {"Jet.PT": "jet1_pt", "Jet.Pt": "jet1_phi"}
    with pytest.raises(BranchMissingError) as caught:
        formats.read(piece, needs, needed_by=needs)
    text = str(caught.value)
    assert "no branch 'Jet.Pt', needed by 'jet1_phi' (nearest: 'Jet.PT')" in text
    assert file.path in text
    with pytest.raises(BranchMissingError, match="needed by 'jet1_phi'"):
        formats.require(file, needs)
    formats.require(file, {"Jet.PT": "jet1_pt"})
    assert str(pickle.loads(pickle.dumps(caught.value))) == text


# --- broken files -----------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(FileUnreadableError) as caught:
        formats.inspect(path)
    assert caught.value.path == str(path)
    assert str(path) in str(caught.value)
    assert caught.value.fix
    return str(caught.value)


@pytest.mark.data
def test_a_file_without_keys_is_refused_in_one_sentence(shared_data: Path) -> None:
    text = refused(shared_data / "ext_coffea_bad_delphes.root")
    assert "holds nothing" in text
    assert "\n" not in text


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "nowhere.root")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "it is a directory" in refused(tmp_path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.root").touch()
    assert "it is empty" in refused(tmp_path / "empty.root")


@pytest.mark.parametrize("content", [b"run,event\n1,2\n" * 20, b"root"])
def test_a_file_that_is_not_root_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "events.csv").write_bytes(content)
    assert "it is not a ROOT file" in refused(tmp_path / "events.csv")


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.root"
    loop.symlink_to(loop)
    assert "it cannot be opened" in refused(loop)


@pytest.mark.data
@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.999999])
def test_a_truncated_real_file_is_refused(shared_data: Path, tmp_path: Path, share: float) -> None:
    whole = (shared_data / "full_slepton_cms.root").read_bytes()
    cut = tmp_path / "cut.root"
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert f"{cut.stat().st_size} bytes, its header says {len(whole)}" in refused(cut)


def test_a_file_of_which_one_byte_is_missing_is_refused(
    write_delphes: Write, tmp_path: Path
) -> None:
    whole = write_delphes(JETS).read_bytes()
    cut = tmp_path / "cut.root"
    cut.write_bytes(whole[:-1])
    assert "truncated" in refused(cut)


def test_a_64_bit_header_is_understood(tmp_path: Path) -> None:
    # Files beyond 2 GB: version + 1,000,000, and fEND in 8 bytes.
    header = b"root" + (1_062_400).to_bytes(4, "big") + (100).to_bytes(4, "big")
    path = tmp_path / "big.root"
    path.write_bytes(header + (3 * 2**31).to_bytes(8, "big") + bytes(100))
    assert f"its header says {3 * 2**31}" in refused(path)


def test_a_file_truncated_after_it_was_inspected_is_refused(write_delphes: Write) -> None:
    path = write_delphes(JETS)
    (piece,) = formats.slices(formats.inspect(path), process="p", name="f")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileUnreadableError, match="truncated"):
        formats.read(piece, ["Jet.PT"])


def test_a_file_replaced_by_a_shorter_one_is_refused(write_delphes: Write) -> None:
    (piece,) = formats.slices(formats.inspect(write_delphes(JETS)), process="p", name="f")
    write_delphes({"Jet": {"PT": [[1.0]]}})
    with pytest.raises(FileUnreadableError, match="holds 1 events, entry 2 was asked for"):
        formats.read(piece, ["Jet.PT"])


def test_a_tree_without_events_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.root"
    with uproot.recreate(path) as file:
        file.mktree("Delphes", {"Jet.PT": np.float32})
    assert "holds no events" in refused(path)


def test_another_tree_is_refused_with_what_there_is(write_delphes: Write) -> None:
    path = write_delphes(JETS, name="hepmc.root", tree="Events")
    with pytest.raises(TreeMissingError, match=r"no tree 'Delphes' \(the file has: Events\)"):
        formats.inspect(path)
    assert formats.inspect(path, tree="Events").entries == 3


def test_an_object_that_is_no_tree_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "histogram.root"
    with uproot.recreate(path) as file:
        file["Delphes"] = np.histogram([1.0, 2.0])
    with pytest.raises(TreeMissingError):
        formats.inspect(path)


@pytest.mark.data
@settings(max_examples=20, deadline=None)
@given(
    place=st.floats(0, 1, exclude_max=True),
    length=st.integers(1, 400),
    value=st.binary(min_size=1, max_size=1),
)
def test_damaged_bytes_give_a_named_error_or_nothing(
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    place: float,
    length: int,
    value: bytes,
) -> None:
    whole = bytearray((shared_data / "slepton_280_275.root").read_bytes())
    start = int(place * len(whole))
    whole[start : start + length] = value * len(whole[start : start + length])
    path = tmp_path_factory.mktemp("damaged") / "damaged.root"
    path.write_bytes(whole)
    try:
        piece = formats.slices(formats.inspect(path), process="p", name="f")[0]
        formats.read(piece, ["Jet.PT", "Jet.Eta", "MissingET.MET", "Event.Weight"])
    except InputError as error:
        assert str(path) in str(error)  # noqa: PT017
    finally:
        path.unlink()


def test_a_bug_of_ours_is_not_called_a_damaged_file(shared_data: Path) -> None:
    with (
        pytest.raises(AttributeError),
        rootfile.opened(shared_data / "slepton_280_275.root", "Delphes"),
    ):
        rootfile._is_ours(None)
