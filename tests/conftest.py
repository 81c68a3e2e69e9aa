"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# Equal examples at every run; a loaded machine is no failure of the code.
settings.register_profile(
    "rayscan", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("rayscan")


class InOrder(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """With ``-n``: a file stays in one process, and so do all on the one Ray of a folder.

    What is made once for many tests is made once.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "integration" if "tests/integration/" in file else str(file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> InOrder:
    config.option.loadscopereorder = False  # the order of `testpaths`
    return InOrder(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real Delphes files; tests that need it skip where it is absent."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RAYSCAN_TEST_DATA", default))
    if not (folder / "zvvj_001.root").is_file():
        pytest.skip(f"no Delphes files in {folder} (set RAYSCAN_TEST_DATA)")
    return folder
