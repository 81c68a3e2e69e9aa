"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Equal examples at every run; a loaded machine is no failure of the code.
settings.register_profile(
    "rayscan", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("rayscan")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is made once for many tests stays in one process: a module, or the one Ray of a folder.

    For ``pytest -n 2 --dist loadgroup``.
    """
    for item in items:
        parts = item.path.parts
        group = "integration" if "integration" in parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real Delphes files; tests that need it skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RAYSCAN_TEST_DATA", default))
    if not (folder / "zvvj_001.root").is_file():
        pytest.skip(f"no Delphes files in {folder} (set RAYSCAN_TEST_DATA)")
    return folder
