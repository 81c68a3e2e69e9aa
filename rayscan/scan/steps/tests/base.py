"""Cross-tests: every classifier on the test sets of its kind."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.points import Mixtures
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.base import Part, Rows, Step
from rayscan.scan.steps.candidates import Candidate, Test, candidates_for, part_key


class CrossTests(Step):
    """Test sets of one kind: a part each."""

    stage = "cross-test"
    unit = "pairs"

    @abstractmethod
    def sets(self, config: ScanConfig, strengths: Mixtures) -> Sequence[Test]:
        """The test sets of a scan, in a stable order."""

    @abstractmethod
    def rows(
        self,
        test: Any,
        candidates: Sequence[Candidate],
        scan: PooledScan,
        storage: Storage,
    ) -> Mapping[str, Rows]:
        """Rows of a test set by table; classifiers of each fold meet ensembles of that fold."""

    def written(self, config: ScanConfig) -> tuple[str, ...]:  # noqa: ARG002
        """Those of its tables that a scan asks for."""
        return self.tables

    def parts(
        self, config: ScanConfig, strengths: Mixtures, candidates: Sequence[Candidate]
    ) -> Iterator[Part]:
        """The test sets that some classifier meets."""
        for test in self.sets(config, strengths):
            if met := candidates_for(config, test, candidates):
                yield Part(
                    key=part_key(test, met),
                    work=partial(self.rows, test, met),
                    tables=self.written(config),
                    size=len(met),
                )
