"""A scan whose input, cache and results are in an object store, run as a user would run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pyarrow.fs as pafs
import pytest
from moto.server import ThreadedMotoServer

from rayscan.generator.generate import Generate, generate
from rayscan.results.read import read_tables
from rayscan.results.tables.registry import LAYOUTS

SCAN = """
name: remote
storage: "{storage}"
cache: "{cache}"
processes:
  znunu: {{role: background, files: ["{files}"], cross_section: 10}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 25000, source: density}}}}
selection: {{cuts: [jet1_pt > 130]}}
binning:
  axes:
    - {{observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}}
mixtures: {{background: 100, s_over_sqrt_b: [2]}}
ensembles: {{train: 200, validation: 100, test: 200}}
architectures: [{{name: logistic_regression, hyperparameters: {{draws: 2}}}}]
training: {{repeats: 2}}
limits: {{methods: [template, response], luminosity: [1], channels: 4, referee: 0}}
resources: {{workers: 1}}
"""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "hush-hush",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="module")
def options() -> Iterator[str]:
    """What a URL of the store ends with."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
        server.stop()


def run(folder: Path, places: Mapping[str, str]) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "scan.yaml").write_text(SCAN.format(**places))
    answer = subprocess.run(
        [sys.executable, "-m", "rayscan", "run", "scan.yaml"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout + answer.stderr


def test_a_scan_in_an_object_store_gives_the_tables_of_one_on_a_disk(
    options: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    filesystem, _ = pafs.FileSystem.from_uri(f"s3://lab{options}&allow_bucket_creation=true")
    filesystem.create_dir("lab")
    for seed in (1, 2):
        recipe = Generate(process="znunu_jet", events=6000, source="density")
        path = generate(recipe, path=data / f"znunu_{seed}.root", seed=seed).path
        with filesystem.open_output_stream(f"lab/data/znunu_{seed}.root") as out:
            out.write(Path(path).read_bytes())
    there = {
        "storage": f"s3://lab/results{options}",
        "cache": f"s3://lab/cache{options}",
        "files": f"s3://lab/data/znunu_*.root{options}",
    }
    said = run(tmp_path / "far", there)
    assert "hush-hush" not in said
    assert [path.name for path in (tmp_path / "far").iterdir()] == ["scan.yaml"]
    here = {name: str(tmp_path / name) for name in ("storage", "cache")}
    run(tmp_path / "near", {**here, "files": f"{data}/znunu_*.root"})
    far, near = read_tables(there["storage"]), read_tables(here["storage"])
    for name, layout in LAYOUTS.items():
        frames = [
            getattr(tables, name).drop(columns=list(layout.measured)) for tables in (far, near)
        ]
        pd.testing.assert_frame_equal(*frames)
    facts = [t.provenance[t.provenance["name"].str.startswith("znunu/")] for t in (far, near)]
    assert list(facts[0]["checksum"]) == list(facts[1]["checksum"])
    assert list(facts[0]["bytes"]) == [path.stat().st_size for path in sorted(data.iterdir())]
    assert all("hush" not in str(value) for value in far.provenance["value"])
    # 25,000 generated events are two files, each with what is known of it.
    made = filesystem.get_file_info(pafs.FileSelector("lab/cache/generated", recursive=True))
    assert len([file for file in made if file.is_file]) == 4
