"""Classifiers on disk: whole or refused, and never a pickle."""

from __future__ import annotations

import json

import numpy as np
import pytest

from rayscan.errors import FileUnreadableError
from rayscan.models import storage
from rayscan.models.architectures.registry import load


def test_arrays_come_back_bit_for_bit(tmp_path):
    arrays: dict[str, np.ndarray] = {"a": np.arange(3.0) / 7, "b": np.array([[1.5]], np.float32)}
    storage.write(tmp_path / "x" / "y", architecture="mlp", arrays=arrays, description={"n": 3})
    body, found = storage.read(tmp_path / "x" / "y")
    assert body == {"format": 1, "architecture": "mlp", "n": 3}
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_a_pickle_is_refused(tmp_path):
    storage.write(tmp_path, architecture="mlp", arrays={"a": np.array([{}], dtype=object)})
    with pytest.raises(FileUnreadableError, match=r"weights\.npz"):
        storage.read(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2}', '{"architecture": "mlp"}'])
def test_a_description_that_is_not_ours_is_refused(tmp_path, text):
    (tmp_path / storage.DESCRIPTION).write_text(text)
    with pytest.raises(FileUnreadableError, match=r"classifier\.json"):
        load(tmp_path)


def test_an_absent_folder_is_refused(tmp_path):
    with pytest.raises(FileUnreadableError, match=r"Classifier\.save"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["mlp", "cnn", "event_mlp", "linear_svm"])
def test_arrays_or_entries_that_are_missing_are_named(tmp_path, name):
    storage.write(tmp_path, architecture=name, arrays={})
    with pytest.raises(FileUnreadableError, match=r"classifier\.json has no 'shape'|'features'"):
        load(tmp_path)
    described = {"shape": [8, 8], "features": ["a"], "network": {}, "input": "standard"}
    storage.write(tmp_path, architecture=name, arrays={}, description=described)
    with pytest.raises(FileUnreadableError, match=r"no array '\w+' in weights\.npz"):
        load(tmp_path)


@pytest.mark.parametrize("network", [{"inputs": 4}, {"inputs": 4, "units": [3], "outputs": 1}])
def test_sizes_that_are_not_those_of_the_weights_are_refused(tmp_path, network):
    arrays = {"how": np.array("maximum"), "mean": np.zeros(4), "scale": np.ones(4)}
    described = {"shape": [2, 2], "network": network}
    storage.write(tmp_path, architecture="mlp", arrays=arrays, description=described)
    with pytest.raises(FileUnreadableError, match="of the network"):
        load(tmp_path)


def test_the_description_is_plain_json(tmp_path):
    storage.write(tmp_path, architecture="mlp", arrays={}, description={"shape": [3, 4]})
    assert json.loads((tmp_path / storage.DESCRIPTION).read_text())["shape"] == [3, 4]
