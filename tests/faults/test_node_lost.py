"""Nodes that vanish in the middle of a scan, one of them with the ledger on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import fault_scan
import psutil
import pytest
from ray.cluster_utils import Cluster

from rayscan.scan.tables import read_tables


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head that trains nothing and two nodes of one core, all on this machine."""
    made = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def raylet_of(node) -> psutil.Process:
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


def holds(node, title: str) -> bool:
    """Whether a node runs an actor or task of that name."""
    for process in raylet_of(node).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if title in " ".join(process.cmdline()):
                return True
    return False


def test_nodes_lost_in_training(tmp_path, cache, undisturbed, cluster):
    fault_scan.write(tmp_path, cache)
    results = tmp_path / "results"
    scan = fault_scan.start(tmp_path, "--address", cluster.address)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 2, scan)
    # The one with the ledger first: Ray puts it on one of them, as the head has no room.
    nodes = list(cluster.worker_nodes)
    nodes.sort(key=lambda node: not holds(node, "Ledger"))
    assert holds(nodes[0], "Ledger")
    cluster.add_node(num_cpus=1)
    cluster.remove_node(nodes[0], allow_graceful=False)
    fault_scan.finish(scan)
    tables = read_tables(results)
    assert (tables.trials["status"] == "ok").all()
    fault_scan.assert_equal(tables, undisturbed)
