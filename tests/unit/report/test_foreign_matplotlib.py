"""A user's own matplotlib (notebook backend, matplotlibrc) does not reach our figures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

from rayscan.report.figures import all as figures
from rayscan.report.figures import style
from rayscan.results.ledger import Ledger

BACKEND = "module://no_such_package_here.backend_inline"


def test_what_a_matplotlibrc_says_leaves_no_trace(fake, fake_scan, tmp_path):
    scan = fake(fake_scan(benchmarks={"alp": 0.3}, architectures={"cnn": 0.9}, strengths=(1.0,)))
    plain = figures.draw_all(scan, tmp_path / "plain", formats=("svg",))
    theirs = {"text.usetex": True, "font.size": 30.0, "axes.grid": True, "lines.linestyle": ":"}
    with mpl.rc_context(theirs):
        drawn = figures.draw_all(scan, tmp_path / "drawn", formats=("svg",))
        assert mpl.rcParams["text.usetex"] is True  # and the user keeps it
    assert [p.read_bytes() for p in drawn] == [p.read_bytes() for p in plain]
    assert len(plain) > 4


def test_the_look_keeps_the_backend_of_the_user():
    before = mpl.rcParams._get("backend")
    with style.look():
        assert mpl.rcParams._get("backend") == before
    assert mpl.rcParams._get("backend") == before


@pytest.mark.parametrize("verb", ["plot", "report"])
def test_the_commands_draw_under_a_notebook_of_another_environment(verb, fake, fake_scan, tmp_path):
    scan = fake(fake_scan(benchmarks={"alp": 0.3}, architectures={"cnn": 0.9}, strengths=(1.0,)))
    ledger = Ledger(str(tmp_path / "results"))
    for name in ("cutflow", "provenance"):  # one figure is enough
        ledger.commit(name, "all", getattr(scan, name).to_dict("records"))
    ledger.publish()
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nbackend: module://nowhere\n")
    done = subprocess.run(
        [sys.executable, "-m", "rayscan", verb, "results"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": BACKEND},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for line in done.stdout.split():
        assert Path(tmp_path, line).stat().st_size > 1000
    assert done.stdout.split()
