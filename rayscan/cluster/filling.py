"""Pools filled by Ray tasks, of each process as soon as its events are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ray

from rayscan.cluster.failures import ours
from rayscan.cluster.generation import Advance
from rayscan.errors import ConfigError, InputError, Problem
from rayscan.events.formats import Slice
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.pools.binned import ProcessPools
from rayscan.scan.pools.filling import Filled, Plan, fill, planned, pools_of
from rayscan.scan.steps.examples import event_features


@dataclass(slots=True)
class _Sum:
    """Parts of one process added in their order, whatever the order in which they come."""

    plan: Plan
    total: Filled | None = None
    added: int = 0
    early: dict[int, Filled] = field(default_factory=dict)

    def add(self, number: int, part: Filled) -> None:
        self.early[number] = part
        while (found := self.early.pop(self.added, None)) is not None:
            self.total = found if self.total is None else self.total + found
            self.added += 1


@dataclass(slots=True)
class Filling:
    """The pools of a scan on their way.

    A part that is lost with its worker is filled again by Ray; each counts once, by its number.

    Attributes:
        config: The scan.
        cache: Where its event tables are, and its event pools.
        done: Events of parts that are filled.
    """

    config: ScanConfig
    cache: Storage
    done: int = 0
    _sums: dict[str, _Sum] = field(default_factory=dict)
    _problems: dict[str, InputError] = field(default_factory=dict)
    _waiting: deque[tuple[str, int]] = field(default_factory=deque)
    _running: dict[Any, tuple[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Events of all parts of the processes that have begun."""
        return sum(part.events for found in self._sums.values() for part in found.plan.parts)

    def begin(self, process: str, slices: Mapping[str, Slice]) -> None:
        """All events of a process are read: plan its parts. What is wrong is said by `finish`."""
        if process in self._sums or process in self._problems:
            return
        features = event_features(self.config)
        try:
            plan = planned(self.config, process, slices, self.cache, features)
        except InputError as error:
            self._problems[process] = error
            return
        self._sums[process] = _Sum(plan)
        self._waiting += [(process, number) for number in range(len(plan.parts))]

    def step(self, *, wait: bool = False) -> int:
        """Start what there is room for and take what has ended, at least one if asked to wait.

        Returns:
            Events of what has ended.

        Raises:
            StorageError: an event table is gone or damaged; the next run makes it anew.
        """
        self._start()
        if not self._running:
            return 0
        several = {} if wait else {"num_returns": len(self._running), "timeout": 0}
        ready, _ = ray.wait(list(self._running), **several)
        ended = sum(self._take(reference) for reference in ready)
        self._start()
        self.done += ended
        return ended

    def _start(self) -> None:
        room = self.config.resources.workers or int(ray.cluster_resources().get("CPU", 1))
        while self._waiting and len(self._running) < room:
            process, number = self._waiting.popleft()
            plan = self._sums[process].plan
            task = ray.remote(fill).options(name=f"fill pools: {process}")
            reference = task.remote(plan.parts[number], plan.rules, self.cache)
            self._running[reference] = process, number

    def _take(self, reference: Any) -> int:
        process, number = self._running.pop(reference)
        try:
            with ours():
                self._sums[process].add(number, ray.get(reference))
        except InputError as error:
            self._problems.setdefault(process, error)
        return self._sums[process].plan.parts[number].events

    def finish(
        self, cross_sections: Mapping[str, float], *, advance: Advance
    ) -> dict[str, ProcessPools]:
        """Pools by process, once all parts are there; cross-sections [pb] before the selection.

        Raises:
            ConfigError: with what is wrong with the events of each process.
        """
        while self._waiting or self._running:
            advance(self.step(wait=True))
        found: dict[str, ProcessPools] = {}
        for process, whole in self._sums.items():
            if whole.total is None or process in self._problems:
                continue
            role, before = self.config.processes[process].role, cross_sections[process]
            try:
                found[process] = pools_of(whole.total, whole.plan, role=role, cross_section=before)
            except InputError as error:
                self._problems[process] = error
        if self._problems:
            problems = (
                Problem(where="processes", what=str(self._problems[name]))
                for name in self.config.processes
                if name in self._problems
            )
            raise ConfigError(path="the input", problems=tuple(problems))
        return {name: found[name] for name in self.config.processes if name in found}
