"""A file that carries its checksum: no flipped bit passes, and files without one still open."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rayscan.errors import TableError
from rayscan.results import seal
from rayscan.results.ledger import Ledger, rows_to_table

ROWS = [
    {"trial": f"t{i}", "repeat": i, "status": "ok", "validation_auc": 0.5 + i / 100}
    for i in range(5)
]


def bare(table: str = "trials", rows: list[dict[str, Any]] = ROWS) -> pa.Table:
    """Rows as a commit has them: without units and meanings."""
    found = rows_to_table(table, rows).replace_schema_metadata(None)
    return found.cast(pa.schema([field.remove_metadata() for field in found.schema]))


PART = seal.encode(bare())


def unsealed() -> bytes:
    """The same part as it was written before there were checksums."""
    sink = io.BytesIO()
    pq.write_table(bare(), sink, compression="zstd")
    return sink.getvalue()


def test_a_sealed_file_is_plain_parquet_and_sound():
    assert pq.read_table(io.BytesIO(PART)).equals(bare())
    assert seal.damage(PART) == ""
    assert seal.decode(PART).equals(bare())


def test_the_checksum_is_blake2b_of_the_file_with_a_blank_for_it():
    stored = pq.read_metadata(io.BytesIO(PART)).metadata[b"rayscan.checksum"]
    blank = PART.replace(stored, b"0" * 32)
    assert hashlib.blake2b(blank, digest_size=16).hexdigest().encode() == stored


def test_every_flipped_bit_and_every_truncation_is_seen():
    """Exhaustive: of the same part without a checksum some flips change numbers in silence."""
    seen = 0
    for bit in range(8 * len(PART)):
        spoilt = bytearray(PART)
        spoilt[bit // 8] ^= 1 << bit % 8
        seen += bool(seal.damage(bytes(spoilt)))
    cut = sum(bool(seal.damage(PART[:size])) for size in range(len(PART)))
    print(f"{seen} of {8 * len(PART)} flips and {cut} of {len(PART)} truncations seen")  # noqa: T201
    assert (seen, cut) == (8 * len(PART), len(PART))


def test_a_file_from_before_checksums_is_sound_if_it_can_be_read():
    old = unsealed()
    assert seal.damage(old) == ""
    assert "no sound Parquet" in seal.damage(old[:-1])
    assert seal.damage(b"") == "is empty"
    assert seal.damage(None) == "vanished"


def spoil(content: bytes, how: str, place: float, value: int) -> bytes:
    """One kind of damage: a flipped bit, a cut, a run of zeros, bytes put in, a block moved."""
    at = int(place * len(content))
    if how == "flip":
        spoilt = bytearray(content)
        spoilt[at] ^= 1 << value % 8
        return bytes(spoilt)
    if how == "cut":
        return content[:at]
    if how == "zeros":
        return content[:at] + bytes(len(content[at : at + value])) + content[at + value :]
    if how == "put in":
        return content[:at] + bytes([value]) + content[at:]
    return content[at:] + content[:at]


DAMAGE = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "zeros", "put in", "turned"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=3,
)


def spoilt_by(damage: list[tuple[str, float, int]], content: bytes) -> bytes:
    for how, place, value in damage:
        content = spoil(content, how, place, value) if content else content
    return content


def check_a_ledger(
    folder: str, damage: list[tuple[str, float, int]], counts: dict[str, int]
) -> None:
    """What is damaged is set aside by name and can be done again; what is not is read right."""
    from rayscan.scan.plan.soundness import mend

    ledger = Ledger(folder)
    ledger.commit("trials", "other", [{"trial": "z", "repeat": 9}])
    ledger.commit("trials", "part", ROWS)
    expected = ledger.read("trials")
    spoilt = spoilt_by(damage, PART)
    ledger.storage.write("ledger/trials/part.parquet", spoilt, lasting=False)
    said: list[str] = []
    mend(ledger, said.append)
    if spoilt == PART:
        assert said == []
        counts["left as it was"] += 1
    else:
        assert len(said) == 1
        assert said[0].startswith("ledger/trials/part.parquet ")
        assert ledger.storage.read("ledger/damaged/trials/part.parquet") == spoilt
        assert ledger.keys("trials") == {"other"}
        ledger.commit("trials", "part", ROWS)
        counts["set aside"] += 1
    assert ledger.read("trials").equals(expected)


def fuzz(folder: str, examples: int) -> None:
    counts = {"set aside": 0, "left as it was": 0}

    @settings(max_examples=examples, deadline=None, database=None)
    @given(DAMAGE)
    @example([("cut", 0.0, 0)])
    @example([("zeros", 0.0, 255)])
    @example([("flip", 0.5, 0), ("flip", 0.5, 0)])
    @example([("zeros", (PART.rindex(b"rayscan.checksum") - 3) / len(PART) + 1e-9, 4)])
    def one(damage):
        check_a_ledger(folder, damage, counts)

    one()
    print(counts)  # noqa: T201
    assert counts["set aside"] > examples // 2
    assert counts["left as it was"] >= 1


def test_whatever_happens_to_a_part_it_is_set_aside_or_read_right(tmp_path):
    fuzz(str(tmp_path), 30)


@pytest.mark.slow
def test_whatever_happens_to_a_part_for_longer(tmp_path):
    fuzz(str(tmp_path), 5000)


@settings(max_examples=100, deadline=None)
@given(DAMAGE)
def test_an_old_part_that_is_damaged_is_an_error_of_ours_or_a_table(tmp_path_factory, damage):
    folder = tmp_path_factory.getbasetemp() / "old"
    ledger = Ledger(str(folder))
    spoilt = spoilt_by(damage, unsealed())
    ledger.storage.write("ledger/trials/part.parquet", spoilt, lasting=False)
    try:
        found = ledger.read("trials")
    except TableError:
        return
    assert found.num_rows <= len(ROWS)
