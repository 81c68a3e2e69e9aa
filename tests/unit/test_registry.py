"""Families: members are loaded when asked for, other packages bring theirs, wrong ones say why."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from rayscan.errors import MemberError
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
