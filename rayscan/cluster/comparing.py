"""Ray tasks that compare the events of all files: a shuffle by ranges of hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

from rayscan.arrays import Integers
from rayscan.cluster.tasks import finished
from rayscan.events.formats import Slice
from rayscan.events.repeats import Known, alike
from rayscan.results.storage import Storage
from rayscan.scan.pools.reading import Reading, files_of, groups_of, known_by, reading_of

_EVENTS_COMPARED = 5_000_000
"""Selected events of a task that compares them: 21 bytes each, three times."""


def compare(
    wanted: Mapping[str, Slice], cache: Storage, *, most: int = _EVENTS_COMPARED
) -> Reading:
    """What reading found in these parts, by tasks of about ``most`` selected events.

    Each group of parts is read once and cut into as many ranges of hashes as there are groups; each
    range of all groups is compared by a task of its own.
    """
    look = ray.remote(files_of).options(name="look at files").remote(wanted, cache)
    ((_, files),) = finished({look: "files"})
    groups = groups_of(wanted, files, most)
    known = ray.remote(known_by).options(name="read contents", num_returns=1 + len(groups))
    cut = [known.remote(group, len(groups), cache) for group in groups]
    told, *pieces = zip(*cut, strict=True)
    same = ray.remote(_alike).options(name="compare events")
    pairs = [same.remote(*of_range) for of_range in pieces]
    del cut, pieces  # each is let go when its range was compared
    return reading_of(files, groups, _all(told), _all(pairs))


def _alike(*pieces: Known) -> Integers:
    return alike(pieces)


def _all(pending: Sequence[Any]) -> list[Any]:
    """What tasks give, in their order."""
    given = dict(finished({reference: index for index, reference in enumerate(pending)}))
    return [given[index] for index in range(len(pending))]
