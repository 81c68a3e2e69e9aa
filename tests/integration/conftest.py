"""One Ray for all integration tests, and one cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from rayscan.cluster.connection import connect


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """Two CPU slots on this machine."""
    connect(workers=2)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated files and event tables, made once for all tests."""
    return tmp_path_factory.mktemp("cache")
