"""The Ledger as an actor: it alone commits rows, and writes the tables at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray.actor import ActorHandle

from rayscan.results.ledger import Ledger


def start(storage: str, token: str = "") -> ActorHandle:
    """The ledger actor of a scan; it comes back by itself and repeats what it was doing.

    A commit replaces itself, so that repeating one after a lost worker doubles nothing.

    ``token`` is the key of the lock of this run: a commit is refused when another has taken over.
    """
    actor = ray.remote(Ledger).options(
        name=None, num_cpus=0, max_restarts=-1, max_task_retries=-1, lifetime=None
    )
    return actor.remote(storage, token)


def commit(ledger: ActorHandle, table: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Commit rows and wait until they are in place; raises what the ledger raised."""
    ray.get(ledger.commit.remote(table, key, list(rows)))
