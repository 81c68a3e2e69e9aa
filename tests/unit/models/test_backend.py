"""How TensorFlow is imported in a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rayscan.models.networks import backend

PROGRAM = """
import sys
from rayscan.models.networks.backend import tensorflow
tensorflow()
print(sorted({"matplotlib", "sklearn", "keras", "tensorflow"} & set(sys.modules)))
import matplotlib.pyplot, sklearn.svm
print("there")
"""


def test_tensorflow_comes_without_what_keras_plots_with() -> None:
    """And both can be imported afterwards."""
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split("\n")[:2] == ["['keras', 'tensorflow']", "there"]


def test_an_absent_package_cannot_be_imported_until_the_end() -> None:
    sys.modules.pop("this", None)
    with backend.absent("this"), pytest.raises(ModuleNotFoundError):
        import this  # noqa: F401
    assert "this" not in sys.modules


def test_a_package_that_is_imported_stays() -> None:
    with backend.absent("pathlib"):
        assert sys.modules["pathlib"].Path is Path


def test_an_error_inside_leaves_nothing_hidden() -> None:
    with pytest.raises(KeyError), backend.absent("this"):
        raise KeyError
    assert "this" not in sys.modules
