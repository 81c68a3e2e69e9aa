"""How the members and points of a scan ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.search import MAXIMISED
from rayscan.scan.plan.points import Point, planned


@dataclass(slots=True)
class Best:
    """The best member so far, as the progress line shows it."""

    value: float | None = None
    note: str = ""

    def after(self, row: Mapping[str, Any]) -> str:
        """The line after one more member ended."""
        value = row.get("objective_value")
        if value is not None:
            up = MAXIMISED[row["objective"]]
            if self.value is None or (value > self.value if up else value < self.value):
                self.value = value
                self.note = f"best {row['objective']} {value:.3f} ({row['point']})"
        return self.note


def point_rows(
    config: ScanConfig, plan: Sequence[Point], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the table `points`."""
    out = []
    for point in plan:
        own = [row for row in rows if row["point"] == point.name]
        done = [row for row in own if row.get("classifier")]
        objective = config.search.objective if point.mode == "search" else "auc"
        scored = [row for row in done if row["objective_value"] is not None]
        sign = -1.0 if MAXIMISED[objective] else 1.0
        best = min(scored, key=lambda r: (sign * r["objective_value"], r["repeat"]), default=None)
        wanted = planned(config, point)
        status = "done" if len(done) == wanted else "partial" if done else "failed"
        out.append(
            point.columns
            | {
                "mode": point.mode,
                "planned": wanted,
                "done": len(done),
                "failed": len(own) - len(done),
                "best_trial": best["trial"] if best else None,
                "best_objective": best["objective_value"] if best else None,
                "objective": objective,
                "status": status,
            }
        )
    return out
