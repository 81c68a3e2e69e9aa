"""How far a scan is: what there is of one that has not come to its end, and what is not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from rayscan.results.journal import Status, read_status
from rayscan.results.lock import holder
from rayscan.results.read import Tables
from rayscan.results.storage import Storage

_SILENT = 60.0
_STAGES = {
    "cutflow": "cuts",
    "pools": "pools",
    "trials": "trainings",
    "auc": "cross-tests",
    "validation": "cross-tests",
    "multiclass": "cross-tests",
    "limits": "limits",
    "points": "end",
}
_NOT_ALWAYS = frozenset({"multiclass", "validation"})


def state(found: Status, place: Storage) -> str:
    """The state of a run, and whether it still lives."""
    if found.state == "running":
        owner = holder(place)
        silence = time.time() - (owner.beaten if owner else found.updated)
        if owner is None or silence > _SILENT:
            return f"running, but not heard of for {silence:.0f} s: run the same command again"
    return found.state


def stage(found: Status) -> str:
    """What a run is doing, or was when it stopped."""
    return f"{found.stage}: {found.done} of {found.total} {found.unit}"


def left(found: Status, now: float) -> str:
    """How long the stage of a running scan still takes, as far as that is known."""
    quiet = max(now - found.updated, 0.0)
    if found.seconds_left is None:
        return "not known: nothing of this stage has ended yet"
    if quiet > found.seconds_left:
        return f"not known: nothing of this stage has ended for {quiet:.0f} s"
    return f"about {found.seconds_left - quiet:.0f} s of this stage"


def unfinished(place: Storage, tables: Tables) -> str:
    """A sentence on a scan that has not come to its end; empty for one that has."""
    found = read_status(place)
    if found is None or found.state == "done":
        return "" if len(tables.points) else "this scan has not come to its end"
    shown = (
        "what follows is of its last end" if len(tables.points) else "what follows is not all of it"
    )
    return f"{found.scan} is {state(found, place)} ({stage(found)}); {shown}"


def what_there_is(tables: Tables) -> dict[str, pd.DataFrame]:
    """Of a scan that never came to its end: rows of each table, and its trainings; by title."""
    counts = {name: len(getattr(tables, name)) for name in _STAGES}
    rows = [
        {"table": name, "made by": made, "rows": str(counts[name]) if counts[name] else "none yet"}
        for name, made in _STAGES.items()
        if counts[name] or name not in _NOT_ALWAYS
    ]
    found = {"so far": pd.DataFrame(rows)}
    if counts["trials"] and not counts["auc"]:
        trained = tables.trials.groupby("point", sort=False)
        found["trained so far, not tested yet"] = pd.DataFrame(
            {
                "classifiers": trained["classifier"].count(),
                "failed": trained.size() - trained["classifier"].count(),
                "AUC on the validation pool": trained["validation_auc"].mean().map(_shown),
            }
        ).reset_index()
    return found


def _shown(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.3f}"


def missing(points: Iterable[Mapping[Any, Any]]) -> str:
    """A sentence on members of which the rows of `points` know nothing, empty if there are none."""
    rows = list(points)
    lost = {r["point"]: left for r in rows if (left := r["planned"] - r["done"] - r["failed"]) > 0}
    if not lost:
        return ""
    places = [f"{count} of {point}" for point, count in lost.items()]
    more = f" and {len(places) - 3} more points" if len(places) > 3 else ""
    return (
        f"{sum(lost.values())} of {sum(r['planned'] for r in rows)} classifiers are lost or were "
        f"never trained ({', '.join(places[:3])}{more}): nothing is tested for them until "
        "'rayscan run' has trained them."
    )
