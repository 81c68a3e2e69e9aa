"""What must not happen: code run from data, paths that climb out, secrets shown, open doors."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rayscan.errors import ConfigError, FileUnreadableError, StorageError, TableError
from rayscan.models import storage as classifiers
from rayscan.results import folders
from rayscan.results.ledger import Ledger
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.steps.scoring import stored

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "rayscan").rglob("*.py"), *(ROOT / "jobs").glob("*.py")])
RUNS_CODE = {"pickle", "cloudpickle", "joblib", "dill", "shelve", "marshal", "code", "runpy"}
OWN = {  # architectures of a scan's own, which docs/your_network.md warns of
    "exec(compile(text, file, 'exec'), vars(module))",
    "compile(text, file, 'exec')",
}
RUNNERS = {"eval", "exec", "compile", "__import__", "unsafe_load", "full_load", "read_pickle"}


WEIGHTS = ROOT / "rayscan/models/transfer/torchfile.py"
"""Reads pickles of numbers: test_torchfile.py shows that nothing of them runs."""


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_the_payload_of_these_tests_works(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "mark")))
    assert (tmp_path / "mark").exists()


# ------------------------------------------------------------- code in data


def test_nothing_is_loaded_that_can_run_code():
    assert len(SOURCES) > 100
    for path in set(SOURCES) - {WEIGHTS}:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            check(node)


def test_what_reads_weights_makes_nothing_but_what_it_lists():
    tree = ast.parse(WEIGHTS.read_text(encoding="utf-8"))
    of_pickle = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle"
    }
    assert of_pickle == {"Unpickler", "UnpicklingError"}
    (reader,) = (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.bases)
    (finds,) = (n for n in reader.body if getattr(n, "name", "") == "find_class")
    assert "super" not in ast.unparse(finds)


def check(node: ast.AST) -> None:
    if isinstance(node, ast.Import):
        assert RUNS_CODE.isdisjoint(alias.name.split(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert (node.module or "").split(".")[0] not in RUNS_CODE
    if isinstance(node, ast.Call):
        check_call(node)


def check_call(node: ast.Call) -> None:
    name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if owner not in {"re", "typer", "app"}:  # re.compile runs nothing
        assert name not in RUNNERS or ast.unparse(node) in OWN, ast.unparse(node)
    keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
    if (owner, name) == ("np", "load"):
        assert keywords.get("allow_pickle") == "False", ast.unparse(node)
    if (owner, name) == ("yaml", "load"):
        assert "Loader" in keywords or len(node.args) > 1, ast.unparse(node)
    if name == "load_model":
        assert keywords.get("safe_mode", "True") == "True", ast.unparse(node)


def test_a_yaml_tag_that_names_code_is_refused(tmp_path):
    mark = tmp_path / "mark"
    with pytest.raises(ConfigError):
        parse_scan(f"name: !!python/object/apply:os.mkdir ['{mark}']\n")
    assert not mark.exists()


def test_a_classifier_with_a_pickle_in_it_is_refused_and_not_run(tmp_path):
    mark = tmp_path / "mark"
    folder = tmp_path / "results" / "classifiers" / "evil"
    arrays = {"a": np.array([Payload(mark)], dtype=object)}
    described = {"shape": [2, 2], "network": {}}
    classifiers.write(folder, architecture="mlp", arrays=arrays, description=described)
    with pytest.raises(FileUnreadableError) as caught:
        stored(str(tmp_path / "results"), "classifiers/evil")
    assert "weights.npz" in str(caught.value)
    assert "pickle" in str(caught.value)
    assert not mark.exists()


def test_a_table_with_a_pickle_in_it_is_refused_and_not_run(tmp_path):
    """Ray has a column type of pickles, and teaches Arrow to read it."""
    from ray.data._internal.object_extensions.arrow import ArrowPythonObjectType

    kind = ArrowPythonObjectType()
    content = pa.array([pickle.dumps(Payload(tmp_path / "mark"))], type=kind.storage_type)
    rows = pa.table({"trial": pa.ExtensionArray.from_storage(kind, content)})
    sink = io.BytesIO()
    pq.write_table(rows, sink)
    results = tmp_path / "results"
    Storage(str(results)).write("ledger/trials/evil.parquet", sink.getvalue())
    with pytest.raises(TableError, match="column 'trial' holds"):
        read_tables(results)
    assert not (tmp_path / "mark").exists()


# -------------------------------------------------------------- climbing out


CLIMBING = ("../outside", "a/../../outside", "..")


@pytest.mark.parametrize("name", CLIMBING)
def test_a_name_in_a_storage_cannot_climb_out(tmp_path, name):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "classifier.json").write_text("{}")
    storage = Storage(str(tmp_path / "results"))
    for action in (
        lambda: storage.write(name, b""),
        lambda: storage.read(name),
        lambda: storage.remove(name),
        lambda: storage.names(name),
        lambda: storage.place(name),
        lambda: folders.get(storage, name, tmp_path / "local"),
        lambda: folders.put(storage, tmp_path / "outside", name),
        lambda: stored(storage.uri, name),  # as the column `classifier` of a table may say
    ):
        with pytest.raises(StorageError, match="climbs out"):
            action()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["outside"]


def test_an_absolute_name_stays_inside(tmp_path):
    storage = Storage(str(tmp_path / "results"))
    storage.write("/etc/x", b"inside")
    assert (tmp_path / "results" / "etc" / "x").read_bytes() == b"inside"


@pytest.mark.parametrize("key", ["../x", "a/b", "", "a\n", ".."])
def test_a_part_of_the_ledger_is_a_file_in_its_folder(tmp_path, key):
    ledger = Ledger(str(tmp_path / "results"))
    row = {"kind": "scan", "name": "x"}
    with contextlib.suppress(TableError):  # a key that is a file name is none of our business
        ledger.commit("provenance", key, [row])
    folder = tmp_path / "results" / "ledger" / "provenance"
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert all(p.parent == folder for p in files)


SCAN = """
name: safe
storage: {storage}
processes:
  {process}: {{role: background, files: [b.root], cross_section: 1}}
  spin1: {{role: signal, files: [s.root], cross_section: 1}}
binning: {{axes: [{{observable: jet1_pt, bins: 2, low: 0, high: 10}}]}}
mixtures: {{background: 10, s_over_b: [0.5]}}
architectures: [{{name: mlp}}]
"""


@pytest.mark.parametrize("process", ["../x", "a/b", "..", "a b"])
def test_a_process_name_is_a_name_and_no_path(process):
    with pytest.raises(ConfigError, match="letters a-z"):
        parse_scan(SCAN.format(storage="results", process=f'"{process}"'))


# -------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "uri",
    [
        "s3://AKIAX:hush@bucket/results",
        "s3://bucket/results?secret_key=hush",
        "abfs://box@account/x?client_secret=hush&client_id=me",
    ],
)
def test_a_storage_with_a_secret_is_refused_without_saying_it(uri):
    with pytest.raises(StorageError) as caught:
        Storage(uri)
    assert "hush" not in str(caught.value)
    assert "***" in str(caught.value)
    assert "environment" in str(caught.value)


def test_a_secret_in_a_scan_file_is_never_shown(tmp_path):
    scan = tmp_path / "scan.yaml"
    scan.write_text(SCAN.format(storage='"s3://me:hush@bucket/results"', process="zvv"))
    answer = subprocess.run(
        [sys.executable, "-m", "rayscan", "check", str(scan)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert "holds a password" in answer.stderr
    assert "hush" not in answer.stdout + answer.stderr


# ---------------------------------------------------------------- doors, GPUs


ON_RAY = """
import json, os, ray
from rayscan.cluster.connection import WORKER_ENVIRONMENT, connect

connect(None, workers=1)
node = ray._private.worker.global_worker.node
found = {"dashboard": node.webui_url, "job server": ray.nodes()[0].get("DashboardAgentPort", 0)}
ray.shutdown()

os.environ["CUDA_VISIBLE_DEVICES"] = "3"  # as a batch system says; Ray counts it as its one GPU
ray.init(address="local", num_cpus=1, num_gpus=1, include_dashboard=False, log_to_driver=False,
         logging_level="ERROR", runtime_env={"env_vars": WORKER_ENVIRONMENT})

@ray.remote(num_cpus=0.1)
def seen():
    return os.environ.get("CUDA_VISIBLE_DEVICES"), os.environ["TF_FORCE_GPU_ALLOW_GROWTH"]

found["none"] = ray.get(seen.remote())
found["half"] = ray.get([seen.options(num_gpus=0.5).remote() for _ in range(2)])
ray.shutdown()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def on_ray() -> dict[str, Any]:
    """What a local Ray of ours opens, and what workers see of a GPU that only Ray believes in."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "CUDA_"))}
    answer = subprocess.run(
        [sys.executable, "-c", ON_RAY], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def test_a_local_ray_opens_no_dashboard(on_ray):
    assert not on_ray["dashboard"]


def test_a_trial_sees_the_gpu_it_was_given_and_one_without_sees_none(on_ray):
    assert on_ray["none"] == ["", "true"]
    assert on_ray["half"] == [["3", "true"], ["3", "true"]]
