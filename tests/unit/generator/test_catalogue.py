"""The catalogue as a table, and recipes of a user's own beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rayscan.cli.app import app
from rayscan.errors import ConfigError, FileUnreadableError
from rayscan.generator import recipes
from rayscan.generator.catalogue import catalogue
from rayscan.generator.generate import Generate
from rayscan.scan.config.file import load_scan, parse_scan
from rayscan.scan.config.given import dump

OWN = Path(__file__).parents[3] / "jobs" / "recipes.yaml"
SCAN = """
name: own
storage: results/own
processes:
  bkg: {role: background, generate: {process: znunu_jet, events: 10, source: density}}
  sig: {role: signal, generate: {process: spin1_on_2tev, events: 10, recipes: mine.yaml}}
binning: {axes: [{observable: jet1_pt, bins: 10, low: 130, high: 800}]}
mixtures: {background: 2000, s_over_sqrt_b: [1]}
architectures: [{name: likelihood_ratio}]
"""


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "scan.yaml").write_text(SCAN)
    (tmp_path / "mine.yaml").write_text(OWN.read_text())
    return tmp_path / "scan.yaml"


def test_the_table_begins_with_the_eleven_rows_of_the_paper():
    frame = catalogue()
    assert frame["process"][:3].tolist() == ["znunu_jet", "alp", "spin0_off"]
    assert frame["process"][10] == "spin2_ps"
    assert frame["held_out"][:11].sum() == 3
    assert sorted(frame["multiclass"].dropna()) == list(range(8))
    assert frame["spin"][11:].isna().all()
    assert not frame["own"].any()


def test_the_table_imports_none_of_the_heavy_libraries():
    names = ("ray", "tensorflow", "keras", "sklearn", "pyhf", "optuna")
    code = (
        "import sys; from rayscan.generator.catalogue import catalogue; catalogue(); "
        f"print([m for m in {names} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


def test_own_recipes_stand_beside_those_of_the_catalogue():
    own = {name: recipes.own(name, v) for name, v in recipes.own_values(OWN).items()}
    frame = catalogue(own).set_index("process")
    assert len(frame) == len(catalogue()) + 1
    row = frame.loc["spin1_on_2tev"]
    assert (row["spin"], row["regime"], row["mediator_mass"], row["own"]) == (
        1,
        "on-shell",
        2000,
        True,
    )


def test_an_own_recipe_cannot_take_a_name_of_the_catalogue():
    with pytest.raises(ValueError, match="give yours another name"):
        recipes.own("alp", recipes.own_values(OWN)["spin1_on_2tev"])


@pytest.mark.parametrize("text", ["[1, 2]", "", "3: {title: a}", "a: [unclosed"])
def test_a_file_without_recipes_by_name_is_refused(tmp_path, text):
    path = tmp_path / "own.yaml"
    path.write_text(text)
    with pytest.raises(FileUnreadableError, match=r"(?s)own\.yaml.*jobs/recipes\.yaml"):
        recipes.own_values(path)


def test_a_scan_carries_the_recipe_it_names(scan):
    config = load_scan(scan)
    made = config.processes["sig"].generate
    assert made.resolved.title.startswith("spin-1 mediator on shell, 2 TeV")
    assert dict(made.recipe)["dark_matter"] == {"mediator_spin": 1, "mass": 100}
    assert parse_scan(dump(config)) == config  # the file itself is not needed any more


def test_every_problem_of_an_own_recipe_has_the_line_that_names_it(scan):
    mine = scan.with_name("mine.yaml")
    mine.write_text(mine.read_text().replace("pt_hat_min", "pthat_min"))
    with pytest.raises(ConfigError) as raised:
        load_scan(scan)
    (problem,) = raised.value.problems
    assert problem.line == 6
    assert "unknown key 'pthat_min' (nearest: 'pt_hat_min')" in problem.what
    mine.unlink()
    with pytest.raises(ConfigError, match=r"recipes: .*mine.yaml: cannot be read"):
        load_scan(scan)


def test_a_process_in_neither_is_named(scan):
    scan.write_text(SCAN.replace("spin1_on_2tev", "spin1_on_3tev"))
    with pytest.raises(ConfigError, match=r"not in the catalogue nor in mine\.yaml"):
        load_scan(scan)


def test_own_recipes_have_no_density():
    values = recipes.own_values(OWN)["spin1_on_2tev"]
    with pytest.raises(ValueError, match="no density of 'spin1_on_2tev'"):
        Generate(process="spin1_on_2tev", events=1, recipe=values, source="density")


def test_the_command_lists_what_the_table_holds():
    listing = ["generate", "list", "--recipes", str(OWN)]
    done = CliRunner().invoke(app, listing, env={"COLUMNS": "160"})
    assert done.exit_code == 0
    for text in ("spin2_off", "off-shell PS", "1/1/7", "1/-/-", "yes", "spin1_on_2tev", "10000"):
        assert text in done.output


def test_the_command_refuses_what_cannot_be(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("mine: {titel: a}\n")
    for process in ("list", "mine"):
        done = CliRunner().invoke(app, ["generate", process, "--recipes", str(bad)])
        assert done.exit_code == 2
        assert "unknown key 'titel' (nearest: 'title')" in done.output
