"""Weights of PyTorch's files, written here byte by byte, and what is refused."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from rayscan.errors import FileUnreadableError
from rayscan.models.transfer.torchfile import read_weights

MAGIC = 0x1950A86A20F9469CFC6C


def bare(value):
    """What pickles a value, without the head and the end of a pickle."""
    return pickle.dumps(value, protocol=2)[2:-1]


def whole(body):
    return b"\x80\x02" + body + b"."


def tensor(key, count, offset, shape, strides, kind="FloatStorage"):
    storage = b"(" + bare("storage") + b"ctorch\n" + kind.encode() + b"\n"
    storage += bare(key) + bare("cpu") + bare(count) + b"NtQ"
    rest = bare(offset) + bare(shape) + bare(strides) + bare(False)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + rest + b"tR"


def bare_mapping(named):
    return b"}(" + b"".join(bare(name) + body for name, body in named.items()) + b"u"


def file_of(named, storages):
    heads = [pickle.dumps(each, protocol=2) for each in (MAGIC, 1001, {"little_endian": True})]
    raw = b"".join(struct.pack("<q", len(v)) + v.tobytes() for v in storages.values())
    keys = pickle.dumps(list(storages), protocol=2)
    return b"".join(heads) + whole(bare_mapping(named)) + keys + raw


@pytest.fixture
def write(tmp_path):
    def written(named, storages):
        (tmp_path / "weights.pth").write_bytes(file_of(named, storages))
        return tmp_path / "weights.pth"

    return written


ONE = {"1": np.arange(12, dtype="<f4")}
VALUES = {**ONE, "2": np.array([7], dtype="<i8")}


def test_tensors_are_views_of_storages(write):
    named = {
        "a": tensor("1", 12, 0, (3, 4), (4, 1)),
        "b": tensor("1", 12, 2, (2, 3), (1, 4)),
        "c": tensor("2", 1, 0, (), (), "LongStorage"),
    }
    found = read_weights(write(named, VALUES))
    values = VALUES["1"].reshape(3, 4)
    np.testing.assert_array_equal(found["a"], values)
    np.testing.assert_array_equal(found["b"], [[2, 6, 10], [3, 7, 11]])
    assert found["c"] == 7


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (3, 5), (4, 1)), (10, (3,), (1,)), (0, (2,), (12,)), (-1, (1,), (1,)), (5, (2,), (-1,))],
)
def test_a_tensor_beyond_its_storage_is_refused(write, offset, shape, strides):
    path = write({"a": tensor("1", 12, offset, shape, strides)}, ONE)
    with pytest.raises(FileUnreadableError, match="beyond its storage"):
        read_weights(path)


@pytest.mark.parametrize("name", ["os system", "builtins eval", "torch load", "torch._utils _load"])
def test_what_is_no_weight_is_not_run(write, tmp_path, name):
    marker = tmp_path / "ran"
    body = b"c" + name.replace(" ", "\n").encode() + b"\n(" + bare(f"touch {marker}") + b"tR"
    with pytest.raises(FileUnreadableError, match=r"which is no weight"):
        read_weights(write({"a": body}, VALUES))
    assert not marker.exists()


def test_other_bytes_and_a_file_cut_short_are_refused(write, tmp_path):
    path = write({"a": tensor("1", 12, 0, (12,), (1,))}, ONE)
    path.write_bytes(path.read_bytes()[:-20])
    for place in (path, tmp_path / "absent.pth"):
        with pytest.raises(FileUnreadableError, match="no state dict"):
            read_weights(place)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(FileUnreadableError, match="another first number"):
        read_weights(path)
