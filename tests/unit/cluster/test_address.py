"""The address that is given wins over the environment, and is the one that is asked."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.cluster.address import JOB_SERVER, cluster, job_server, reach_loopback_directly
from rayscan.cluster.connection import join
from rayscan.cluster.submit import JobServer
from rayscan.errors import ClusterError

VARIABLES = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
PROXIES = ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address or proxy of whoever runs the tests; what is set here is put back."""
    for name in (*VARIABLES, *PROXIES):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@dataclass
class Server:
    """A pretended job server that knows one failed job, and who asked it what."""

    message: str = ""
    asked: list[str] = field(default_factory=list)
    url: str = ""
    sent: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two of them."""
    found, running = [Server(), Server()], []
    for server in found:
        running.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)))
        server.url = f"http://127.0.0.1:{running[-1].server_port}"
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
    yield found
    for each in running:
        each.shutdown()
        each.server_close()


def _handler(server: Server) -> type[http.server.BaseHTTPRequestHandler]:
    names = ("ray_version", "version", "ray_commit", "session_name")
    known = {"version": dict(zip(names, ("2.60.0", "4", "x", "s"), strict=True))}

    def jobs() -> list[dict[str, Any]]:
        job = {"type": "SUBMISSION", "submission_id": "j", "status": "FAILED", "metadata": {}}
        more = {"message": server.message, "entrypoint": "python"}
        return [job | more] if server.message else []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, body: object, code: int = 200) -> None:
            server.asked.append(self.path)
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            kind = self.path.split("/")[2]
            self.answer(*{"packages": ({}, 404)}.get(kind, (known.get(kind, jobs()),)))

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.answer({})

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.sent.append(sent)
            self.answer({"submission_id": sent["submission_id"], "job_id": sent["submission_id"]})

        def log_message(self, *_: object) -> None: ...

    return Handler


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("command", [["cancel", "x"], ["logs", "x"], ["status", "x"]])
def test_the_option_wins_over_the_environment(servers, monkeypatch, variable, command):
    first, second = servers
    monkeypatch.setenv(variable, second.url)
    found = CliRunner().invoke(app, [*command, "--address", first.url])
    assert isinstance(found.exception, ClusterError)
    assert str(found.exception).startswith(f"{first.url} knows no job 'x'")
    assert first.asked
    assert second.asked == []
    assert os.environ[variable] == second.url


@pytest.mark.parametrize("variable", VARIABLES)
def test_without_the_option_the_environment_is_asked_and_named(servers, monkeypatch, variable):
    first, _ = servers
    monkeypatch.setenv(variable, first.url)
    server = JobServer()
    assert server.address == first.url
    assert server.find("x") is None
    assert first.asked


def test_the_variable_of_the_job_server_wins_over_that_of_the_cluster(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "http://b:1")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://a:1")
    assert job_server() == "http://a:1"
    assert job_server("c:2") == "http://c:2"


SCAN = """
name: sent
storage: {storage}
processes:
  bkg: {{role: background, generate: {{process: znunu_jet, events: 10, source: density}}}}
  sig: {{role: signal, generate: {{process: spin1_on, events: 10, source: density}}}}
binning: {{axes: [{{observable: jet1_pt, bins: 10, low: 130, high: 800}}]}}
mixtures: {{background: 2000, s_over_sqrt_b: [1]}}
architectures: [{{name: likelihood_ratio}}]
"""


def test_a_scan_is_sent_where_the_lines_printed_say(servers, monkeypatch, tmp_path):
    first, second = servers
    for variable in VARIABLES:
        monkeypatch.setenv(variable, second.url)
    (tmp_path / "scan.yaml").write_text(SCAN.format(storage=tmp_path / "results"))
    short = first.url.removeprefix("http://")
    found = CliRunner().invoke(app, ["submit", str(tmp_path / "scan.yaml"), "--address", short])
    assert found.exit_code == 0, found.exception
    (sent,) = first.sent
    assert f"submitted: {sent['submission_id']} to {first.url}" in found.output
    assert found.output.count(f"--address {first.url}") == 3
    assert second.asked == []


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, JOB_SERVER),
        ("127.0.0.1:18271", "http://127.0.0.1:18271"),
        ("head.example.org:8265", "http://head.example.org:8265"),
        ("[::1]:8265", "http://[::1]:8265"),
        ("https://Head.example.org/ray/", "https://Head.example.org/ray"),
    ],
)
def test_addresses_of_job_servers(given, url):
    assert job_server(given) == url


@pytest.mark.parametrize(
    "given", ["what?", "http://", "ftp://host:1", "host:0", "host:99999", "http://a b", "u:p@h:1"]
)
def test_what_is_no_job_server_is_one_sentence(given):
    with pytest.raises(ClusterError, match=r"is no address of a job server; give host:port"):
        job_server(given)


def test_addresses_of_clusters():
    assert cluster("auto") is None
    assert cluster("10.0.0.1:6379") == ("10.0.0.1", 6379)
    assert cluster("ray://head:10001") == ("head", 10001)
    assert cluster("[::1]:6379") == ("::1", 6379)


@pytest.mark.parametrize("given", ["what?", "http://127.0.0.1:8265", "host", ":1", "host:99999"])
def test_what_is_no_cluster_is_one_sentence_and_is_not_tried(given):
    with pytest.raises(ClusterError, match=r"is no address of a Ray cluster; give auto, host:port"):
        join(given, {}, pytest.fail)


def test_ray_is_given_the_option_and_does_not_see_the_environment(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.9.9.9:6379")
    seen: dict[str, object] = {}

    def init(**options: object) -> None:
        seen.update(options, variable=os.environ.get("RAY_ADDRESS"))

    join("auto", {}, init)  # with the variable set, Ray would take it for `auto`
    assert seen == {"address": "auto", "variable": None}
    assert os.environ["RAY_ADDRESS"] == "10.9.9.9:6379"


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_loopback_is_never_asked_through_a_proxy(servers, monkeypatch, variable):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    first, _ = servers
    assert JobServer(first.url).find("x") is None
    assert first.asked


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "localhost,127.0.0.1,127.0.0.0/8,::1"),
        (".cern.ch, 127.0.0.1", ".cern.ch,127.0.0.1,localhost,127.0.0.0/8,::1"),
        ("*", "*"),
    ],
)
def test_exceptions_from_the_proxy_are_added_to(monkeypatch, before, after):
    monkeypatch.setenv("no_proxy", before)
    monkeypatch.setenv("NO_PROXY", "")
    reach_loopback_directly()
    assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == after


MESSAGE = """Job entrypoint command failed with exit code 1, last available logs:
a line

/usr/bin/python: No module named rayscan
"""


def test_the_status_of_a_failed_job_says_why_and_is_no_success(servers):
    first, _ = servers
    first.message = MESSAGE
    found = CliRunner().invoke(app, ["status", "j", "--address", first.url])
    assert found.exit_code == 2
    assert "j is failed" in found.output
    assert "failed with exit code 1" in found.output
    assert "No module named rayscan" in found.output


def test_of_a_long_log_the_end_is_shown(servers):
    first, _ = servers
    first.message = "first\n" + "\n".join(f"line {i}" for i in range(100)) + "\nlast"
    lines = JobServer(first.url).get("j").reason
    assert (lines[0], lines[-1]) == ("first", "last")
    assert len(lines) < 20
