"""The script that makes the shipped densities: kernels with walls, a rebuild from files."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from rayscan.generator.density import density, unpacked

SCRIPT = Path(__file__).parents[3] / "jobs" / "make_densities.py"
SCAN = SCRIPT.with_name("slepton-delphes.yaml")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_densities", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_walls_give_back_what_a_kernel_would_put_behind_them(script):
    edges = np.linspace(0.0, 10.0, 41)
    found = script.mirrored(np.array([0.1, 3.0, 5.9, 80.0]), edges, 0.5, 6.0)
    # sixteen cells of the ten units lie behind the wall
    assert not found[:, 24:].any()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    plain = np.diff(norm.cdf(edges, 3.0, 0.5))
    np.testing.assert_allclose(found[1, :24], plain[:24], atol=1e-8)
    # an event that lies beyond the wall counts at it, a mirror image on top of a kernel
    np.testing.assert_allclose(
        found[3, 23], 2 * (norm.cdf(6.0, 6.0, 0.5) - norm.cdf(5.75, 6.0, 0.5))
    )


@pytest.mark.data
@pytest.mark.parametrize(
    ("process", "of", "options"),
    [
        ("ww_2l2nu", "ww", "--widths 2 0.1885 --floor 0.02"),
        ("slepton_280_275", "slepton", "--widths 0.5 0.0628 --high 281 3.14159265"),
    ],
)
def test_the_shipped_densities_of_sleptons_are_rebuilt_from_real_files(
    shared_data: Path, tmp_path: Path, process: str, of: str, options: str
):
    (tmp_path / "delphes").symlink_to(shared_data)
    scan = tmp_path / "scan.yaml"
    scan.write_text(SCAN.read_text("utf-8"), "utf-8")
    words = [sys.executable, SCRIPT, tmp_path, process, "--scan", scan, "--of", of]
    subprocess.run([*map(str, words), *options.split()], check=True, capture_output=True)
    made, shipped = unpacked((tmp_path / f"{process}.npz").read_bytes()), density(process)
    assert dict(made.meta) == dict(shipped.meta)
    # another library may round a kernel otherwise: one part in four billion of the fullest cell
    np.testing.assert_allclose(made.counts.astype(float), shipped.counts.astype(float), atol=2)
