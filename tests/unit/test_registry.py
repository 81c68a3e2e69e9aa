"""Families: members are loaded when asked for, other packages bring theirs, wrong ones say why."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from rayscan.errors import MemberError
from rayscan.events.observables.names import OBSERVABLES
from rayscan.models.architectures.registry import architectures
from rayscan.models.losses.registry import LOSSES
from rayscan.registry import Family, instances


def _number(name: str, found: object) -> float:
    if not isinstance(found, float):
        raise MemberError(what="number", name=name, why="expected a float")
    return found


def _numbers(group: str = "") -> Family[float]:
    return Family("number", {"pi": "math:pi", "text": "string:digits"}, _number, group=group)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that brings numbers, some of which are none."""
    folder = tmp_path / "numbers-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: numbers\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[rayscan.test]\ntau = math:tau\nabsent = no_such_module:x\n[rayscan.twice]\npi = math:pi\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_members_are_imported_when_asked_for() -> None:
    family = Family("thing", {"rare": "antigravity:geohash"}, lambda _, found: found)
    assert "rare" in family
    assert list(family) == ["rare"]
    assert "antigravity" not in sys.modules


def test_what_is_no_member_is_refused_with_its_name() -> None:
    assert _numbers()["pi"] == pytest.approx(3.141592653589793)
    with pytest.raises(MemberError, match="number 'text': expected a float"):
        _numbers()["text"]
    assert _numbers().unknown("pie") == "'pie' is not one of pi, text (nearest: 'pi')"


@pytest.mark.usefixtures("installed")
def test_installed_packages_bring_members() -> None:
    family = _numbers("rayscan.test")
    assert list(family) == ["pi", "text", "tau", "absent"]
    assert family["tau"] == pytest.approx(2 * family["pi"])
    with pytest.raises(MemberError, match=r"'absent': no_such_module:x of numbers 1\.0 cannot be"):
        family["absent"]


@pytest.mark.usefixtures("installed")
def test_a_name_is_of_one_member() -> None:
    with pytest.raises(MemberError, match=r"'pi': math:pi and math:pi of numbers 1\.0 both bring"):
        list(_numbers("rayscan.twice"))


def test_what_leaves_something_unsaid_makes_no_member() -> None:
    made = instances("mapping", Mapping)
    assert made("plain", dict) == {} == made("plain", {})
    with pytest.raises(MemberError, match="'own': it does not say its __getitem__, __iter__, __le"):
        made("own", type("Own", (Mapping,), {}))
    with pytest.raises(MemberError, match="'list': \\[\\] is no Mapping"):
        made("list", [])


def test_the_package_of_the_tests_brings_an_architecture_an_observable_and_a_loss() -> None:
    """Where it is installed, the contracts of the three families are tested with it too."""
    try:
        points = distribution("rayscan-plugin").entry_points
    except PackageNotFoundError:
        pytest.skip("tests/plugin is not installed: pip install ./tests/plugin")
    families: dict[str, Mapping[str, object]] = {
        "rayscan.architectures": architectures(),
        "rayscan.observables": OBSERVABLES,
        "rayscan.losses": LOSSES,
    }
    assert {point.group for point in points} == set(families)
    assert all(families[point.group][point.name] for point in points)


WRONG = """
from rayscan.errors import MemberError
from rayscan.events.formats import FORMATS
from rayscan.events.observables.names import OBSERVABLES
from rayscan.models.architectures.registry import architectures
from rayscan.models.losses.registry import LOSSES
from rayscan.scan.config.limits import METHODS

for family in (architectures(), OBSERVABLES, LOSSES, METHODS, FORMATS):
    for name in ("number", "broken"):
        try:
            family[name]
        except MemberError as error:
            print(error)
"""


def test_every_family_refuses_what_is_none_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "wrong-1.0.dist-info"
    folder.mkdir()
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: wrong\nVersion: 1.0\n")
    groups = ("architectures", "observables", "losses", "limits", "inputs")
    points = "\nnumber = math:pi\nbroken = broken:Broken\n"
    (folder / "entry_points.txt").write_text("".join(f"[rayscan.{g}]{points}" for g in groups))
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", WRONG],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    kinds = ("architecture", "observable", "loss", "limit method", "input format")
    for kind, (none, broken) in zip(kinds, batched(done.stdout.splitlines()), strict=True):
        assert none.startswith(f"{kind} 'number': ")
        said = "broken:Broken of wrong 1.0 cannot be loaded: division by zero"
        assert broken == f"{kind} 'broken': {said}"


def batched(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Two at a time."""
    yield from zip(lines[::2], lines[1::2], strict=True)
