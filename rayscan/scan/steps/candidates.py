"""Trained classifiers to test: which there are, which a search selected, and what each meets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rayscan.keys import digest
from rayscan.scan.config.heads.base import Head
from rayscan.scan.config.heads.registry import head_of
from rayscan.scan.config.scan import ArchitectureChoice, ScanConfig
from rayscan.scan.config.search import MAXIMISED
from rayscan.scan.plan.points import Point

VERSION = 2
"""Raised when equal classifiers give other areas or ceilings than before, as limits have one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained classifier to test: its row of `trials`, and whether a search selected it."""

    row: Mapping[str, Any]
    selected: bool
    strength: int
    choice: ArchitectureChoice
    fold: int | None = None

    @property
    def head(self) -> Head:
        """That of its architecture."""
        return head_of(self.choice)

    @property
    def features(self) -> tuple[str, ...]:
        """Observables that it sees of single events, if other than the axes."""
        return self.choice.features


class Test(Protocol):
    """A set of test ensembles, of whatever table."""

    @property
    def strength(self) -> int:
        """Position of its mixture in the list of strengths."""

    @property
    def name(self) -> str:
        """Stable, readable and unique in a scan."""

    def meets(self, candidate: Candidate) -> bool:
        """Whether a classifier is of the kind it tests."""


def candidates_for(
    config: ScanConfig, test: Test, candidates: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """The classifiers that meet a test set: of its kind, and of its own strength or of all.

    Those of some heads are trained at each strength, whatever the scan says.
    """
    everything = config.crosstest.strengths == "all"
    for_all = config.training.one_for_all
    return tuple(
        c
        for c in candidates
        if test.meets(c)
        and (everything or c.strength == test.strength or (for_all and not c.head.at_each_strength))
    )


def candidates_of(
    points: Sequence[Point], rows: Sequence[Mapping[str, Any]]
) -> tuple[Candidate, ...]:
    """Every stored classifier, with the best of each search marked; folds have one each.

    Members that left no classifier are passed over.
    """
    by_name = {point.name: point for point in points}
    found = [row for row in rows if row.get("classifier") and row["point"] in by_name]
    groups: dict[tuple[str, int | None], list[Mapping[str, Any]]] = {}
    for row in found:
        groups.setdefault((row["point"], row.get("fold")), []).append(row)
    best = {best_of(rows) for rows in groups.values()}
    return tuple(
        Candidate(
            row=row,
            selected=by_name[row["point"]].mode == "fixed" or row["trial"] in best,
            strength=by_name[row["point"]].strength,
            choice=by_name[row["point"]].choice,
            fold=row.get("fold"),
        )
        for row in found
    )


def best_of(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Key of the member of one point and fold with the best objective, or None."""
    scored = [r for r in rows if r.get("objective_value") is not None]
    if not scored:
        return None
    sign = -1.0 if MAXIMISED[scored[0]["objective"]] else 1.0
    return str(min(scored, key=lambda r: (sign * r["objective_value"], r["repeat"]))["trial"])


def part_key(test: Test, candidates: Sequence[Candidate]) -> str:
    """Name of the ledger part of a test set: changes when other classifiers are tested."""
    tested = sorted((c.row["trial"], c.selected) for c in candidates)
    return f"{test.name}.{digest(VERSION, tested)}"


def trained_columns(candidate: Candidate) -> dict[str, Any]:
    """The columns that say which classifier a row is about."""
    names = ("trial", "point", "train_benchmark", "architecture", "label", "repeat")
    mixture = ("signal", "background", "s_over_b", "s_over_sqrt_b")
    columns = {name: candidate.row[name] for name in names} | {"fold": candidate.fold}
    columns |= {"head": candidate.choice.head, "train_against": candidate.head.null}
    # older tables lack them
    for name in ("train_strength", "trained_at", "strength_kind", "artefacts"):
        columns[name] = candidate.row.get(name)
    return columns | {f"train_{name}": candidate.row[f"train_{name}"] for name in mixture}
