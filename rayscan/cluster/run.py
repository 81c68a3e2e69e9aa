"""A whole scan, read top to bottom: stages, resources, resume."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.actor import ActorHandle

from rayscan.cluster import datasets, generation, ledger, tasks
from rayscan.cluster.connection import check_room, connect, job_id
from rayscan.cluster.failures import ours
from rayscan.cluster.filling import Filling
from rayscan.cluster.interruption import terminable
from rayscan.cluster.trainable import Context
from rayscan.cluster.tuning import run_trials
from rayscan.errors import ConfigError, TrainingsMissingError
from rayscan.generator.generate import Generated
from rayscan.places import beside
from rayscan.results.journal import Journal
from rayscan.results.ledger import Ledger
from rayscan.results.lock import Lock
from rayscan.results.so_far import missing
from rayscan.results.storage import Storage
from rayscan.scan.config import manifest
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.outcome import Best, point_rows
from rayscan.scan.plan.points import Mixtures, Point, mixtures, planned, points
from rayscan.scan.plan.provenance import provenance_rows
from rayscan.scan.plan.requirements import pool_problems
from rayscan.scan.plan.soundness import mend
from rayscan.scan.pools.binned import BinnedPools, cutflow_rows, fingerprint, gather, pool_rows
from rayscan.scan.pools.inputs import Inputs, open_inputs, without
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.reading import Reading, reading_problems
from rayscan.scan.pools.spectra import spectrum_rows
from rayscan.scan.steps.base import Part
from rayscan.scan.steps.candidates import Candidate, candidates_of
from rayscan.scan.steps.pictured import example_rows
from rayscan.scan.steps.registry import STEPS
from rayscan.terminal.progress import Reporter

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a scan ended.

    Attributes:
        storage: Where its tables are.
        failed: Keys of trials without a classifier, with why.
        rows: Rows of each table.
        missing: A sentence on classifiers that are neither there nor failed, where there are any.
    """

    storage: str
    failed: Mapping[str, str]
    rows: Mapping[str, int]
    missing: str = ""


@dataclass(slots=True)
class Scan:
    """One scan on its way; `run` is its story."""

    config: ScanConfig
    base: Path
    reporter: Journal | Reporter
    trained: Callable[[Mapping[str, Any]], None] = lambda _: None
    retest: bool = False
    token: str = ""
    storage: Storage = field(init=False)
    cache: Storage = field(init=False)
    ledger: ActorHandle = field(init=False)
    reading: Reading = field(init=False)
    filling: Filling = field(init=False)

    def __post_init__(self) -> None:
        self.storage = Storage(self.config.storage)
        self.cache = Storage(self.config.cache or beside(self.config.storage, "cache"))
        self.filling = Filling(self.config, self.cache)

    def run(self) -> Result:
        """Everything that is missing, from events to tables.

        Raises:
            RayscanError: what the user must change, before compute is spent.
        """
        tasks.quiet()
        self.ledger = ledger.start(self.storage.uri, self.token)
        generated, inputs, binned = self.fill()
        strengths = mixtures(self.config, binned)
        if problems := pool_problems(self.config, binned, strengths):
            raise ConfigError(path=self.config.name, problems=tuple(problems))
        plan = points(self.config, strengths, binned)
        provenance = provenance_rows(self.config, inputs, generated, self.reading)
        self._commit("provenance", "inputs", provenance)
        self._commit("pools", "pools", pool_rows(binned))
        self._commit("cutflow", "cutflow", cutflow_rows(binned))
        self._commit("spectra", "spectra", spectrum_rows(self.config, binned))
        drawn = example_rows(PooledScan(self.config, binned), strengths)
        self._commit("examples", "examples", drawn)
        rows = self._stored(plan) if self.retest else self._train(binned, plan)
        self._steps(binned, strengths, candidates_of(plan, rows))
        return self._finish(plan, rows)

    def fill(self) -> tuple[Mapping[str, Sequence[Generated]], Inputs, BinnedPools]:
        """The pools, from what the cache has of their events, and what they are filled from."""
        generated = self._generate()
        inputs = self._read(self._open(generated))
        return generated, inputs, self._pools(inputs, generated)

    # ------------------------------------------------------------------ stages

    def _generate(self) -> dict[str, tuple[Generated, ...]]:
        recipes = [p.generate for p in self.config.processes.values() if p.generate is not None]
        if not recipes:
            return {}
        self.reporter.stage("generate events", sum(r.events for r in recipes), "events")
        return generation.generate_files(self.config, self.cache, advance=self.reporter.advance)

    def _open(self, generated: Mapping[str, Sequence[Generated]]) -> Inputs:
        paths = {name: tuple(str(f.path) for f in files) for name, files in generated.items()}
        return open_inputs(self.config, base=self.base, generated=paths)

    def _read(self, inputs: Inputs) -> Inputs:
        """Read all events into the cache; what is left after files found damaged on the way.

        Meanwhile the pools of processes that are read are filled.
        """
        entries = sum(f.file.entries for f in inputs.files)
        self.reporter.stage("read events", entries, "events")
        advance = self.reporter.advance
        broken = datasets.read_events(
            self.config, inputs, self.cache, filling=self.filling, advance=advance
        )
        left = without(self.config, inputs, broken)
        self.reading = datasets.look_at(self.config, left, self.cache)
        if found := reading_problems(self.config, self.reading):
            raise ConfigError(path=self.config.name, problems=tuple(found))
        return left

    def _pools(self, inputs: Inputs, generated: Mapping[str, Sequence[Generated]]) -> BinnedPools:
        config = self.config
        cross_sections = {
            name: process.cross_section or _cross_section(generated[name])
            for name, process in config.processes.items()
        }
        for name in config.processes:
            self.filling.begin(name, datasets.parts(config, inputs, name))
        events = {name: datasets.events_of(config, inputs, name) for name in config.processes}
        self.reporter.stage("fill pools", self.filling.total, "events")
        self.reporter.advance(self.filling.done, earlier=True)
        return gather(
            self.filling.finish(cross_sections, advance=self.reporter.advance),
            binning=config.binning,
            split=config.pools,
            backgrounds=config.backgrounds,
            benchmarks=config.benchmarks,
            fingerprint=fingerprint(config, events, cross_sections),
        )

    def _train(self, binned: BinnedPools, plan: Sequence[Point]) -> list[dict[str, Any]]:
        total = sum(planned(self.config, point) for point in plan)
        self.reporter.stage("train", total, "classifiers")
        best = Best()
        rows: list[dict[str, Any]] = []

        def done(row: Mapping[str, Any]) -> None:
            rows.append(dict(row))
            self.trained(row)
            self.reporter.advance(1, best.after(row), earlier=str(row["trial"]) in known)

        known = {str(row["trial"]): row for row in self._rows("trials") if row["classifier"]}
        context = Context(self.config, binned, self.storage, self.ledger)
        run_trials(context, plan, known, done=done)
        if len(rows) < total:
            raise TrainingsMissingError(done=len(rows), planned=total)
        order = {point.name: index for index, point in enumerate(plan)}
        return sorted(rows, key=lambda r: (order[r["point"]], r["repeat"], r.get("fold") or 0))

    def _stored(self, plan: Sequence[Point]) -> list[dict[str, Any]]:
        """Rows of the classifiers an earlier run left."""
        names = {point.name for point in plan}
        rows = [row for row in self._rows("trials") if row["point"] in names]
        if why := missing(point_rows(self.config, plan, rows)):
            self.reporter.say(why)
        return rows

    def _step(
        self, stage: str, unit: str, parts: Sequence[Part], shared: ray.ObjectRef[Any]
    ) -> None:
        """All parts of a stage that are not there yet, a task each."""
        last = {part.tables[-1] for part in parts if not self.retest}
        there = {(table, key) for table in last for key in self._keys(table)}
        todo = [i for i, p in enumerate(parts) if (p.tables[-1], p.key) not in there]
        total, left = sum(part.size for part in parts), sum(parts[i].size for i in todo)
        self.reporter.stage(stage, total, unit)
        self.reporter.advance(total - left, earlier=True)
        actor = self.ledger

        def work(row: dict[str, Any]) -> dict[str, Any]:
            part = parts[int(row["index"])]
            found = part.work(*ray.get(shared))
            for table in part.tables:
                ledger.commit(actor, table, part.key, found[table])
            return {"size": part.size}

        rows, workers = [{"index": i} for i in todo], self.config.resources.workers
        for row in tasks.mapped(work, rows, stage=stage, workers=workers):
            self.reporter.advance(int(row["size"]))

    def _steps(
        self, binned: BinnedPools, strengths: Mixtures, candidates: Sequence[Candidate]
    ) -> None:
        """What follows the training; of each table only what still belongs to the scan is kept."""
        shared = ray.put((PooledScan(self.config, binned), self.storage))
        together = attrgetter("stage", "unit")
        for (stage, unit), steps in itertools.groupby(STEPS.values(), key=together):
            parts = [(s, [*s.parts(self.config, strengths, candidates)]) for s in steps]
            self._step(stage, unit, [part for _, own in parts for part in own], shared)
            for table, own in ((table, own) for step, own in parts for table in step.tables):
                still = [part.key for part in own if table in part.tables]
                ray.get(self.ledger.keep_only.remote(table, still))

    def _finish(self, plan: Sequence[Point], rows: Sequence[Mapping[str, Any]]) -> Result:
        ended = point_rows(self.config, plan, rows)
        self._commit("points", "points", ended)
        counts = ray.get(self.ledger.publish.remote())
        failed = {str(r["trial"]): str(r["error"]) for r in rows if not r.get("classifier")}
        return Result(
            storage=self.config.storage, failed=failed, rows=counts, missing=missing(ended)
        )

    # ------------------------------------------------------------------ ledger

    def _commit(self, table: str, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
        ledger.commit(self.ledger, table, key, rows)

    def _keys(self, table: str) -> frozenset[str]:
        return frozenset(ray.get(self.ledger.keys.remote(table)))

    def _rows(self, table: str) -> list[dict[str, Any]]:
        return list(ray.get(self.ledger.read.remote(table)).to_pylist())


def _cross_section(files: Sequence[Generated]) -> float:
    """Cross-section [pb] of generated events: the mean over files, weighted by their events."""
    events = [file.events for file in files]
    return float(np.average([file.cross_section for file in files], weights=events))


def run_scan(
    config: ScanConfig,
    *,
    base: Path | None = None,
    reporter: Reporter,
    address: str | None = None,
    retest: bool = False,
) -> Result:
    """Run a scan, or what is missing of it.

    Relative input paths start from ``base``, by default the working directory. With ``retest``
    nothing is trained: stored classifiers are tested again, on other test ensembles or for other
    limits if the scan file says so.
    """
    storage, folder = Storage(config.storage), base or Path.cwd()
    job = job_id()
    storage.check_writable()
    with ours(), Lock(storage, reporter.say, job) as lock:
        manifest.claim(config, storage, retest=retest)
        with Journal(reporter, storage, config.name, job, lock.check) as journal:
            mend(Ledger(storage, lock.owner.key), journal.say)
            connect(address, workers=config.resources.workers)
            check_room(config, joined=address is not None or "RAY_ADDRESS" in os.environ)
            try:
                with terminable():
                    own = retest, lock.owner.key
                    return Scan(config, folder, journal, journal.trained, *own).run()
            except ConfigError:
                manifest.release(storage)
                raise
