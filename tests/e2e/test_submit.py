"""A laptop user: submit to a cluster that wants a token, follow, cancel, resume, read."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

import rayscan

TOKEN = "0123456789abcdef0123456789abcdef"
SCAN = """
name: sent
seed: 3
storage: {storage}
processes:
  znunu: {{role: background, generate: {{process: znunu_jet, events: 20000, source: density}}}}
  spin1: {{role: signal, generate: {{process: spin1_on, events: 8000, source: density}}}}
selection:
  cuts: [jet1_pt > 130]
binning:
  axes:
    - {{observable: jet1_pt, bins: 10, low: 130, high: 800, scale: log, overflow: last}}
mixtures: {{background: 200, s_over_sqrt_b: [2]}}
ensembles: {{train: 3000, validation: 300, test: 500}}
architectures:
  - {{name: logistic_regression, hyperparameters: {{draws: 10}}}}
training: {{repeats: {repeats}}}
limits: {{methods: [response], luminosity: [1], channels: 5, referee: 0}}
"""


@dataclass
class Head:
    """A running head and the URL of its job server."""

    process: subprocess.Popen[str]
    url: str


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head of its own, with token authentication; nobody else's Ray is touched."""
    gcs, board, client, agent = free_ports(4)
    folder = tempfile.mkdtemp(prefix="rs-")  # short: sockets have short names
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        *(f"--port={gcs}", f"--dashboard-port={board}", f"--ray-client-server-port={client}"),
        *(f"--dashboard-agent-listen-port={agent}", "--dashboard-host=127.0.0.1"),
        *(f"--temp-dir={folder}", "--num-cpus=2", "--disable-usage-stats"),
    ]
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    log = Path(folder, "head.log")
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, text=True)
    found = Head(process, f"http://127.0.0.1:{board}")
    deadline = time.monotonic() + 120
    try:
        while told("status", "nothing", head=found)[0] == 2 and "knows no job" not in LAST[0]:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, LAST[0]
            time.sleep(0.5)
        yield found
    finally:
        # Asked to end, it waits half a minute for its own children.
        own = psutil.Process(process.pid)
        for each in (*own.children(recursive=True), own):
            each.kill()
        process.wait(timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


LAST = [""]


def told(
    *command: str, head: Head, cwd: Path | None = None, token: str | None = TOKEN
) -> tuple[int, str, str]:
    """Exit code, output and errors of a rayscan command on a laptop."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_AUTH")}
    if token is not None:
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    done = subprocess.run(
        [sys.executable, "-m", "rayscan", *command, "--address", head.url],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    LAST[0] = done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def written(folder: Path, repeats: int) -> Path:
    (folder / "scan.yaml").write_text(SCAN.format(storage=folder / "results", repeats=repeats))
    return folder / "results"


def submitted(folder: Path, head: Head) -> str:
    code, out, errors = told("submit", "scan.yaml", head=head, cwd=folder)
    assert code == 0, errors
    assert re.search(r"shipping \d\.\d MB", out)
    return str(re.findall(r"submitted: (\S+)", out)[0])


def test_a_scan_is_submitted_followed_and_read(tmp_path, head):
    results = written(tmp_path, repeats=2)
    job = submitted(tmp_path, head)
    code, log, _ = told("logs", job, "--follow", head=head)
    assert code == 0
    assert "AUC and its ceiling" in log
    code, out, _ = told("status", job, head=head)
    assert code == 0
    assert f"{job} is succeeded" in out
    assert "sent (done)" in out
    assert "2 classifiers, 0 failed" in out
    assert len(rayscan.read_tables(results).auc) == 2
    shown = told("status", str(results), head=head)[1]
    assert "sent (done)" in shown


def test_a_cancelled_job_goes_on_when_it_is_submitted_again(tmp_path, head):
    results = written(tmp_path, repeats=30)
    job = submitted(tmp_path, head)
    again = told("submit", "scan.yaml", head=head, cwd=tmp_path)
    assert again[0] == 2
    assert f"job {job} is" in again[2]
    trials = results / "ledger" / "trials"
    deadline = time.monotonic() + 120
    while not (trials.exists() and len(list(trials.iterdir())) >= 2):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    running = told("status", "scan.yaml", head=head, cwd=tmp_path)[1]
    assert "sent (running)" in running
    assert "of 30 classifiers" in running
    code, out, _ = told("cancel", job, head=head)
    assert code == 0
    assert f"{job} is stopped; nothing that finished is lost." in out
    before = {path: path.stat().st_mtime_ns for path in trials.glob("*.parquet")}
    assert 2 <= len(before) < 30
    second = submitted(tmp_path, head)
    assert second == f"{job}-2"
    assert told("logs", second, "--follow", head=head)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(rayscan.read_tables(results).trials["repeat"]) == list(range(30))


def test_without_the_token_nothing_is_told(tmp_path, head):
    written(tmp_path, repeats=1)
    code, _, errors = told("submit", "scan.yaml", head=head, cwd=tmp_path, token=None)
    assert code == 2
    assert "wants a token (Authentication required" in errors
    assert "RAY_AUTH_MODE=token" in errors
    code, _, errors = told("submit", "scan.yaml", head=head, cwd=tmp_path, token=TOKEN[::-1])
    assert code == 2
    assert "wants a token (Authentication failed" in errors
    assert TOKEN not in errors
    assert not (tmp_path / "results").exists()


def test_nobody_answers(tmp_path):
    written(tmp_path, repeats=1)
    (port,) = free_ports(1)
    nobody = Head(None, f"http://127.0.0.1:{port}")
    code, _, errors = told("submit", "scan.yaml", head=nobody, cwd=tmp_path)
    assert code == 2
    assert f"no job server answers at {nobody.url}; open the tunnel" in errors


def test_what_only_exists_here_is_refused_with_its_lines(tmp_path):
    text = SCAN.format(storage="results/here", repeats=1)
    text = text.replace("{process: spin1_on, events: 8000, source: density}}", "X")
    text = text.replace("generate: X", 'files: ["spin1.root"], cross_section: 1}')
    (tmp_path / "scan.yaml").write_text(text)
    nobody = Head(None, "http://127.0.0.1:1")
    code, _, errors = told("submit", "scan.yaml", head=nobody, cwd=tmp_path)
    assert code == 2
    assert "line 4, storage: 'results/here' is relative" in errors
    assert "processes.spin1.files: 'spin1.root' is relative" in errors
    assert "has 2 problems" in errors


def test_a_laptop_pays_for_no_tensorflow():
    code = (
        "import sys, rayscan.cluster.submit, rayscan.cli.cluster, rayscan.scan.config.file\n"
        "from ray.job_submission import JobSubmissionClient\n"
        "assert not {'tensorflow', 'keras', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
