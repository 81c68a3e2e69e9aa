"""A step: what is done with trained classifiers, in parts that are committed and resumed singly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.candidates import Candidate

Rows: TypeAlias = Sequence[dict[str, Any]]
Work: TypeAlias = Callable[[PooledScan, Storage], Mapping[str, Rows]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """A part of a step that one task does.

    Attributes:
        key: Name of its rows in the ledger: another one whenever they would be others.
        work: Gives the rows of each of its tables, of the scan with its pools and its storage.
        tables: Those of the step that it writes, in this order: the last says that all are there.
        size: How much of the step it is, in the step's unit.
    """

    key: str
    work: Work
    tables: tuple[str, ...]
    size: int = 1


class Step(ABC):
    """One step of a scan. What is there is not done again, what it no longer has is dropped."""

    @property
    @abstractmethod
    def stage(self) -> str:
        """What progress calls it; steps one after the other of one stage are done together."""

    @property
    @abstractmethod
    def unit(self) -> str:
        """What progress counts, in the plural; one in a stage."""

    @property
    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """All that its parts may write; no other step writes them."""

    @abstractmethod
    def parts(
        self, config: ScanConfig, strengths: Mixtures, candidates: Sequence[Candidate]
    ) -> Iterable[Part]:
        """What there is to do for the classifiers of a scan, done or not."""
