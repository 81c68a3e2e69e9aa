"""Nodes that vanish in the middle of a scan, one of them with the ledger on it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import fault_scan
import pytest
from fault_scan import tasks_on
from ray.cluster_utils import Cluster

from rayscan.results.read import read_tables


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head that trains nothing and two nodes of one core, all on this machine.

    A `ray.init` of an earlier test leaves token authentication on in this process; nodes are
    started as the scan is that joins them.
    """
    monkeypatch.setenv("RAY_AUTH_MODE", fault_scan.ENVIRONMENT["RAY_AUTH_MODE"])
    made = Cluster(initialize_head=True, connect=False, head_node_args={"num_cpus": 0})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


def started_with_its_ledger_on_a_worker(folder, cluster):
    """A scan, and the node that holds its ledger; one whose ledger is on the head starts again.

    The ledger takes no core: Ray puts it on any node.
    """
    for _ in range(12):
        scan = fault_scan.start(folder, "--address", cluster.address)
        nodes = [cluster.head_node, *cluster.worker_nodes]
        fault_scan.wait_for(lambda nodes=nodes: any(tasks_on(n, "Ledger") for n in nodes), scan)
        if not tasks_on(cluster.head_node, "Ledger"):
            (node,) = [n for n in cluster.worker_nodes if tasks_on(n, "Ledger")]
            return scan, node
        fault_scan.kill(scan)
        deadline = time.monotonic() + 60
        while tasks_on(cluster.head_node, "Ledger"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    raise AssertionError("the ledger was on the head twelve times")


@pytest.mark.slow
def test_nodes_lost_in_training(tmp_path, cache, undisturbed, cluster):
    fault_scan.write(tmp_path, cache, workers=2)
    results = tmp_path / "results"
    scan, node = started_with_its_ledger_on_a_worker(tmp_path, cluster)
    fault_scan.wait_for(lambda: fault_scan.trials(results) >= 2, scan)
    assert tasks_on(node, "Ledger")
    cluster.add_node(num_cpus=1)
    cluster.remove_node(node, allow_graceful=False)
    fault_scan.finish(scan)
    tables = read_tables(tmp_path / "results")
    assert (tables.trials["status"] == "ok").all()
    fault_scan.assert_equal(tables, undisturbed)
