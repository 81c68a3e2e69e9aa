"""One Optuna study per point and fold: members are suggested in batches and told in order.

A batch is suggested from the results of all earlier batches and of nothing else, so that equal scan
files and seeds give equal searches on any number of workers, and so that a resumed search finds its
finished members in the ledger by their keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from rayscan.cluster.samplers import distribution, pruner, sampler
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.config.search import MAXIMISED, Search
from rayscan.scan.config.search_space import search_ranges
from rayscan.scan.plan.members import MemberPlan, member
from rayscan.scan.plan.points import Point, planned_in_fold, together
from rayscan.seeds import integer

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(slots=True, kw_only=True)
class PointStudy:
    """The search of one point, in one fold: no fold may choose for one that it tests."""

    config: ScanConfig
    point: Point
    fingerprint: str
    fold: int | None = None
    _study: optuna.Study = field(init=False, repr=False)
    _space: dict[str, BaseDistribution] = field(init=False, repr=False)
    _asked: dict[int, optuna.Trial] = field(init=False, default_factory=dict, repr=False)
    _results: dict[int, Mapping[str, Any]] = field(init=False, default_factory=dict, repr=False)
    _next: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        ranges = search_ranges(self.point.choice)
        self._space = {knob: distribution(allowed) for knob, allowed in ranges.items()}
        of_fold = () if self.fold is None else ("fold", self.fold)
        seed = integer(self.config.seed, "study", self.point.name, *of_fold)
        maximised = MAXIMISED[self.config.search.objective]
        self._study = optuna.create_study(
            study_name=self.point.name,
            sampler=sampler(self.config.search, seed, self._space),
            pruner=pruner(self.config.search),
            direction="maximize" if maximised else "minimize",
        )

    @property
    def finished(self) -> bool:
        """Whether every member was suggested and told."""
        return self._next >= planned_in_fold(self.config, self.point) and not self._asked

    def suggest(self) -> tuple[MemberPlan, ...]:
        """The next batch; empty while members of the last are out, or when all are done."""
        if self._asked:
            return ()
        most = planned_in_fold(self.config, self.point)
        last = min(self._next + together(self.config, self.point), most)
        for number in range(self._next, last):
            self._asked[number] = self._study.ask(self._space)
        numbers, self._next = range(self._next, last), last
        return tuple(
            member(
                self.config,
                self.point,
                number,
                fingerprint=self.fingerprint,
                suggested=self._asked[number].params,
                fold=self.fold,
            )
            for number in numbers
        )

    def earlier(self) -> list[FrozenTrial]:
        """Members of earlier batches, as the pruner of a worker needs them."""
        return [t for t in self._study.get_trials(deepcopy=False) if t.state.is_finished()]

    def tell(self, number: int, row: Mapping[str, Any]) -> None:
        """Take the row of a member; the batch is told to Optuna, in order, once it is whole."""
        self._results[number] = row
        if not set(self._asked) <= set(self._results):
            return
        for each in sorted(self._asked):
            self._tell_one(self._asked[each], self._results[each])
        self._asked.clear()
        self._results.clear()

    def _tell_one(self, trial: optuna.Trial, row: Mapping[str, Any]) -> None:
        for epoch, value in enumerate(row.get("learning_curve") or ()):
            trial.report(value, epoch)
        value = row.get("objective_value")
        if row["status"] == "ok" and value is not None:
            self._study.tell(trial, value)
        else:
            pruned = row["status"] == "pruned"
            self._study.tell(trial, state=TrialState.PRUNED if pruned else TrialState.FAIL)


@dataclass(slots=True)
class Pruning:
    """Asks Optuna's pruner, in a worker, which members of a pack shall stop.

    It knows the members of ``earlier`` batches; ``stopped`` is member -> epoch.
    """

    search: Search
    earlier: Sequence[FrozenTrial]
    pack: Sequence[MemberPlan]
    stopped: dict[int, int] = field(default_factory=dict)
    _trials: list[optuna.Trial] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        # The learning curve is the validation AUC, whatever the objective: larger is better.
        study = optuna.create_study(pruner=pruner(self.search), direction="maximize")
        for trial in self.earlier:
            study.add_trial(_as_curve(trial))
        self._trials = [study.ask() for _ in self.pack]

    def __call__(self, epoch: int, values: Sequence[float]) -> list[bool]:
        """Which members shall stop after an epoch."""
        decisions = []
        for index, (trial, value) in enumerate(zip(self._trials, values, strict=True)):
            gone = index in self.stopped or value != value  # noqa: PLR0124 (NaN: it ended before)
            if not gone:
                trial.report(value, epoch)
                if trial.should_prune():
                    self.stopped[index] = epoch
                    gone = True
            decisions.append(gone)
        return decisions


def _as_curve(trial: FrozenTrial) -> FrozenTrial:
    curve = trial.intermediate_values
    whole = trial.state == TrialState.COMPLETE and bool(curve)
    return create_trial(
        state=TrialState.COMPLETE if whole else TrialState.FAIL,
        value=max(curve.values()) if whole else None,
        intermediate_values=curve,
    )
