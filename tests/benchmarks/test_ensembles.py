"""Labelled histograms into Parquet files, against the sampler alone; two workers; a small store.

Shards of 10,000 histograms a class, 30 x 30 bins, 50,000 events from 1.5 million. What the files
cost beside the draws is mostly the levels that Parquet keeps for each element of a list: bytes of
fixed size would be at 0.75 of the sampler, but each loop had to make numbers of them.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import numpy as np
import pytest
import ray
from small_scan import Silent

from rayscan.cluster import drawing
from rayscan.cluster.connection import WORKER_ENVIRONMENT
from rayscan.results.storage import Storage
from rayscan.scan.config.file import load_scan
from rayscan.scan.config.scan import Resources
from rayscan.scan.pools.binned import POOL_NAMES, BinnedPools, ProcessPools
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.steps.shards import Wanted, encoded

SCAN = {
    "name": "monojet",
    "storage": "unused",
    "processes": {
        "zvv": {"role": "background", "files": ["zvv.root"], "cross_section": 100.0},
        "spin1": {"role": "signal", "files": ["spin1.root"], "cross_section": 0.02},
    },
    "binning": {
        "axes": [
            {"observable": "jet1_pt", "bins": 30, "low": 130, "high": 2000},
            {"observable": "jet1_eta", "bins": 30, "low": -4, "high": 4},
        ]
    },
    "mixtures": {"background": 50_000, "s_over_sqrt_b": [2]},
    "ensembles": {"train": 10_000},
    "architectures": [{"name": "mlp"}],
}


def process(name: str, role: str, slope: float) -> ProcessPools:
    """1.5 million events in each pool, falling along pT and central in eta."""
    y, x = np.meshgrid(np.arange(30) / 30, np.arange(30) / 15 - 1, indexing="ij")
    density = np.exp(-slope * y - 3 * x**2).ravel()
    rng = np.random.Generator(np.random.SFC64(1))
    counts = {pool: rng.multinomial(1_500_000, density / density.sum()) for pool in POOL_NAMES}
    sizes = dict.fromkeys(POOL_NAMES, 1_500_000)
    return ProcessPools(
        process=name,
        role=role,
        cross_section=1.0,
        counts=counts,
        selected=sizes,
        unweighting=(4_500_000, 4_500_000, 4.5e6),
        flow=({"cross_section": 2.0},),
    )


@pytest.fixture(scope="module")
def pooled() -> PooledScan:
    binning = (config := load_scan(SCAN)).binning
    found = {"zvv": process("zvv", "background", 8.0), "spin1": process("spin1", "signal", 4.0)}
    binned = BinnedPools(
        binning=binning,
        processes=found,
        backgrounds=("zvv",),
        benchmarks=("spin1",),
        mode="disjoint",
        fingerprint="benchmark",
    )
    return PooledScan(config, binned)


def asked(pooled: PooledScan, shards: int) -> Wanted:
    number = 2 * pooled.config.ensembles.train * shards
    return Wanted.of(pooled.config, pool="train", benchmark="spin1", strength=2, number=number)


def test_histograms_into_parquet_against_the_sampler_alone(
    benchmark, medians, table, pooled, tmp_path
):
    wanted, folder = asked(pooled, 1), Storage(str(tmp_path))
    sampler = pooled.ensembles("spin1", wanted.mixture(pooled), "train")
    rng = np.random.Generator(np.random.SFC64(2))
    count = wanted.of_class

    def plain() -> None:
        sampler.null(rng, count)
        sampler.alternative(rng, count)

    def ours() -> None:
        folder.write("shard-00000.parquet", encoded(wanted.table(pooled, 0)))

    bare, mine = medians(plain, ours)
    benchmark.pedantic(ours, rounds=1)
    size = (tmp_path / "shard-00000.parquet").stat().st_size
    table.add(
        f"draw to Parquet, 30x30, B = 50k, {size / wanted.number / 900:.2f} bytes a bin",
        plain=bare / wanted.number * 1e6,
        product=mine / wanted.number * 1e6,
        unit="us",
        goal=0.7,
        equal="bit by bit (tests/unit/scan/test_shards.py)",
    )


def started(**options: object) -> None:
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": WORKER_ENVIRONMENT},
        **options,
    )


@pytest.mark.slow
def test_two_workers_against_one(table, pooled, tmp_path):
    started()
    wanted = asked(pooled, 80)

    def seconds(workers: int, name: str) -> float:
        config = replace(pooled.config, resources=Resources(workers=workers))
        own = PooledScan(config, pooled.binned)
        begun = time.perf_counter()
        drawing._write(own, wanted, Storage(str(tmp_path / name)), Silent())
        return time.perf_counter() - begun

    try:
        seconds(2, "first")  # workers start, modules are imported
        taken = [[seconds(workers, f"{workers}-{k}") for workers in (1, 2)] for k in range(3)]
    finally:
        ray.shutdown()
    one, two = (statistics.median(column) for column in zip(*taken, strict=True))
    alone, both = (sorted((tmp_path / f"{workers}-0").iterdir()) for workers in (1, 2))
    assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in both]
    table.add(
        "1.6 million histograms to Parquet, 2 workers against 1 (wall time)",
        plain=one,
        product=two,
        unit="s",
        goal=1.8,
        equal="all files, byte by byte",
    )


@pytest.mark.slow
def test_a_dataset_of_many_times_the_object_store_streams(table, pooled):
    started(object_store_memory=100_000_000)
    try:
        wanted = asked(pooled, 30)
        dataset = drawing._dataset(pooled, wanted)
        begun, rows, ones, most = time.perf_counter(), 0, 0, 0
        for batch in dataset.iter_batches(batch_size=4096):
            rows += len(batch["label"])
            ones += int(batch["label"].sum())
            most = max(most, int(batch["counts"].sum(axis=(1, 2)).max()))
        taken = time.perf_counter() - begun
    finally:
        ray.shutdown()
    assert (rows, ones) == (wanted.number, wanted.number // 2)
    assert most == 50_447  # 2 sqrt(50,000) events of signal, or as many of background
    table.add(
        f"{rows * 1800 / 1e9:.2f} GB of histograms through an object store of 0.1 GB",
        product=taken,
        unit="s",
    )
