"""A cluster that cannot be joined, or does not start, is one sentence."""

from __future__ import annotations

import socket

import pytest

from rayscan.cluster.connection import join, start
from rayscan.errors import ClusterError


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_nobody_answers(scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ClusterError, match=rf"no Ray cluster could be joined at {address} \("):
            join(address, {})


def test_a_cluster_that_does_not_let_us_in():
    """Ray says only that it failed, after it has tried for half a minute."""

    def refused(**_: object) -> None:
        raise ConnectionError("Failed to connect to Ray cluster at 127.0.0.1:6379\nmore")

    with pytest.raises(ClusterError, match=r"\(Failed to connect .*6379\); .*RAY_AUTH_TOKEN"):
        join("auto", {}, refused)


def test_ray_does_not_start_on_this_machine():
    """What Ray raises on a machine that is too busy."""
    asked = {}

    def late(**options: object) -> None:
        asked.update(options)
        raise Exception("The current node timed out during startup. Some raylet failed")  # noqa: TRY002

    with pytest.raises(ClusterError, match=r"did not start .*timed out during startup.*overloaded"):
        start({"num_cpus": 2}, late)
    assert asked["address"] == "local"
    assert asked["num_cpus"] == 2
