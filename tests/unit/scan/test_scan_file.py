"""A scan file becomes a scan, or every problem of it with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayscan.errors import ConfigError, Problem
from rayscan.scan.config.file import load_scan, parse_scan, with_lines
from rayscan.scan.config.given import dump

REPOSITORY = Path(__file__).parents[3]

TEXT = """\
name: toy
storage: results/toy
processes:
  background:
    role: background
    files: [b.root]
    cross_section: 10
  signal:
    role: signal
    files: [s.root]
    cross_section: 1e-2
selection:
  cuts: ["jet1_pt > 130"]
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800}
    - {observable: jet1_eta, bins: 4, low: -4, high: 4}
mixtures:
  background: 100
  s_over_sqrt_b: [1, 2]
architectures:
  - name: mlp
"""


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse_scan(text, path="scan.yaml")
    return {(p.line, p.where): p.what for p in caught.value.problems}


def one(text):
    ((place, what),) = problems(text).items()
    return (*place, what)


def change(old, new, text=TEXT):
    assert text.count(old) == 1
    return text.replace(old, new)


def test_a_small_file_is_a_whole_scan():
    config = parse_scan(TEXT)
    assert config.benchmarks == ("signal",)
    assert config.backgrounds == ("background",)
    assert config.observables == ("jet1_pt", "jet1_eta")
    assert config.processes["signal"].cross_section == 0.01  # 1e-2 has no dot


@pytest.mark.parametrize("path", ["jobs/quickstart.yaml", "rayscan/scan/config/template.yaml"])
def test_the_files_of_the_repository_are_scans(path):
    config = load_scan(REPOSITORY / path)
    assert parse_scan(dump(config)) == config


def test_a_dumped_scan_loads_to_an_equal_one():
    text = change("name: toy", "name: '1e3'")
    text = change("- name: mlp", "- {name: mlp, hyperparameters: {units: {low: 8, high: 9}}}", text)
    config = parse_scan(text)
    assert config.name == "1e3"
    assert parse_scan(dump(config)) == config


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "what"),
    [
        ("storage:", "storagee:", 2, "storagee", "unknown key (nearest: 'storage')"),
        ("bins: 10", "bin: 10", 16, "binning.axes.0.bin", "unknown key (nearest: 'bins')"),
        ("bins: 10", "bins: 0", 16, "binning.axes.0.bins", "0, expected"),
        ("bins: 10", "bins: ten", 16, "binning.axes.0.bins", "found 'ten', expected a whole"),
        (
            "high: 800",
            "high: 130",
            16,
            "binning.axes.0.low",
            "expected finite numbers with low < high",
        ),
        (
            "high: 800",
            "high: 100",
            16,
            "binning.axes.0.low",
            "expected finite numbers with low < high",
        ),
        ("[1, 2]", "[0, 2]", 20, "mixtures.s_over_sqrt_b", "0, expected"),
        ("[1, 2]", "[-1, 2]", 20, "mixtures.s_over_sqrt_b", "-1, expected"),
        ("[1, 2]", "[0.01, 2]", 20, "mixtures.s_over_sqrt_b", "the smallest"),
        ("[1, 2]", "3", 20, "mixtures.s_over_sqrt_b", "expected a list"),
        ("name: mlp", "name: mpl", 22, "architectures.0.name", "(nearest: 'mlp')"),
        ("name: mlp", "{name: mlp, preset: x}", 22, "architectures.0.preset", "only: published"),
        ("observable: jet1_pt", "observable: jet1_p", 16, "binning.axes.0.observable", "jet1_pt"),
        ('"jet1_pt > 130"', '"jet1_p > 1"', 13, "selection.cuts.0", "(nearest: 'jet1_pt')"),
        ('"jet1_pt > 130"', '"jet1_pt"', 13, "selection.cuts.0", "not a cut"),
        ("role: signal", "role: signl", 9, "processes.signal.role", "expected 'background' or"),
        ("role: signal", "role: background", 3, "processes", "no process has role: signal"),
        ("role: background", "role: signal", 3, "processes", "no process has role: background"),
        ("cross_section: 10", "cross_section: -1", 7, "processes.background.cross_section", "-1"),
        ("  signal:", "  SUSY-300: {}\n  signal:", 8, "processes.SUSY-300.role", "missing"),
        ("  signal:", "  sig nal:", 8, "processes.sig nal", "letters a-z"),
        ("  signal:", "  signál:", 8, "processes.signál", "letters a-z"),
        ("  signal:", "  300:", 8, "processes.300", "quote it: '300'"),
        ("binning:", "binning: 5\nbining:", 14, "binning", "expected a mapping of keys"),
    ],
)
def test_a_mistake_is_found_at_its_line(old, new, line, where, what):
    found = problems(TEXT.replace(old, new, 1))
    assert (line, where) in found
    assert what in found[line, where]


def test_a_signal_named_twice_is_one_problem():
    text = change("mixtures:", "mixtures:", TEXT)
    text = text.replace(
        "selection:",
        "  signal:\n    role: signal\n    files: [t.root]\n    cross_section: 1\nselection:",
    )
    assert one(text) == (12, "processes.signal", "is named twice; remove or rename one")


def test_everything_wrong_is_said_at_once_in_the_order_of_lines():
    text = TEXT
    for old, new in (
        ("name: toy", "nam: toy"),
        ("bins: 10", "bins: 0"),
        ("observable: jet1_eta", "observable: jet1_etta"),
        ("background: 100", "background: -1"),
        ("name: mlp", "name: mlp\n    hyperparameters: {learning_rate: fast}"),
    ):
        text = change(old, new, text)
    found = problems(text)
    lines = [line or 0 for line, _ in found]
    assert lines == sorted(lines)
    assert set(found) >= {
        (None, "name"),
        (1, "nam"),
        (16, "binning.axes.0.bins"),
        (19, "mixtures.background"),
        (23, "architectures.0.hyperparameters.learning_rate"),
    }


def test_architectures_need_labels_to_be_told_apart():
    line, where, what = one(TEXT + "  - name: mlp\n")
    assert (line, where) == (23, "architectures.1")
    assert "give one a 'label'" in what
    assert parse_scan(TEXT + "  - {name: mlp, label: other}\n").architectures[1].key == "other"
    assert "empty" in one(change("architectures:\n  - name: mlp", "architectures: []"))[2]


def test_features_are_for_networks_of_single_events():
    text = change("name: mlp", "{name: mlp, features: [met]}")
    assert "sees histograms" in one(text)[2]
    text = change("name: mlp", "{name: event_mlp, features: [met, mett]}")
    line, where, what = one(text)
    assert (line, where) == (22, "architectures.0.features.1")
    assert "nearest: 'met'" in what


def test_several_kinds_of_mixture_are_one_problem_that_says_the_choices():
    line, where, what = one(change("background: 100", "background: 100\n  luminosity: 3"))
    assert line in {19, 20}
    assert where.startswith("mixtures.")
    assert "expected exactly one of background | total | luminosity" in what


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("name: [1,\n", 2, "stream end"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("? [a, b]\n: 3\n", 1, "unhashable"),
        ("a: 1\n---\nb: 2\n", 3, "but found another document"),
        ("a: !!python/object/apply:os.system [ls]\n", 1, "could not determine a constructor"),
    ],
)
def test_broken_yaml_is_one_problem_with_its_line(text, line, what):
    found = one(text)
    assert found[:2] == (line, "YAML syntax")
    assert what in found[2]


@pytest.mark.parametrize("text", ["", "- 1\n", "just words\n", "null\n"])
def test_a_file_that_is_no_mapping_says_how_to_get_one(text):
    assert "rayscan init" in one(text)[2]


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    for path, why in (
        (tmp_path / "absent.yaml", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "binary.yaml", "is not a text file"),
    ):
        with pytest.raises(ConfigError, match=why):
            load_scan(path)


def test_later_problems_get_the_lines_of_their_keys(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_text(TEXT)
    later = [
        Problem(where="storage", what="full"),
        Problem(where="processes.signal.files", what="gone"),
        Problem(where="elsewhere", what="?"),
    ]
    found = {p.where: p.line for p in with_lines(path, later)}
    assert found == {"storage": 2, "processes.signal.files": 10, "elsewhere": None}


@pytest.mark.parametrize(
    ("search", "key", "what"),
    [
        ("{trials: 1}", "trials", "write at least 2, or sampler: random"),
        ("{trials: 10, startup: 10}", "trials", "write at least 11, or sampler: random"),
        ("{trials: 4}", "batch", "write batch: 1, or sampler: random"),
        ("{sampler: gp, trials: 20, batch: 20}", "batch", "write batch: 5, or sampler: random"),
        ("{sampler: gp, trials: 20, startup: 18}", "batch", "write batch: 5, or sampler: random"),
        ("{sampler: nsga2, trials: 3}", "trials", "write at least 4, or sampler: random"),
        ("{sampler: nsga2, population: 50}", "trials", "write at least 100, or sampler: random"),
        ("{sampler: nsga2, population: 1}", "population", "expected at least 2"),
        ("{sampler: nsga2, startup: 5}", "startup", "sampler nsga2 has none; remove"),
        ("{sampler: random, startup: 5}", "startup", "sampler random has none; remove"),
        ("{startup: 0}", "startup", "expected at least 1"),
    ],
)
def test_a_search_too_short_for_its_sampler_says_what_to_write(search, key, what):
    line, where, found = one(TEXT + f"search: {search}\n")
    assert (line, where) == (23, f"search.{key}" if key in search else "search")
    assert what in found


def test_more_points_than_can_be_planned_are_refused_before_they_are():
    strengths = ", ".join(str(n) for n in range(1, 50_002))
    text = change("  s_over_sqrt_b: [1, 2]", f"  signal: [{strengths}]") + "  - name: cnn\n"
    line, where, what = one(text)
    assert (line, where) == (18, "mixtures")
    assert "100,002 points" in what


def test_a_convolutional_network_needs_pictures():
    second = "    - {observable: jet1_eta, bins: 4, low: -4, high: 4}\n"
    line, where, what = one(change("name: mlp", "name: cnn", change(second, "")))
    assert (line, where) == (21, "architectures.0.name")
    assert "sees pictures of two axes, those of the binning have 10; take" in what


@pytest.mark.parametrize("knobs", ["", "\n    hyperparameters: {convolutions: {choices: [1, 2]}}"])
def test_unpadded_convolutions_need_bins(knobs):
    line, where, what = one(change("name: mlp", f"name: cnn\n    preset: published{knobs}"))
    assert (line, where) == (22, "architectures.0.name")
    assert "at least 5 x 5 bins, those of the binning have 10 x 4" in what


def test_the_options_of_a_sampler_are_stored_in_the_scan():
    text = dump(parse_scan(TEXT + "search: {trials: 12}\n"))
    assert "startup: 6\n" in text
    assert "population" not in text


def test_a_name_of_several_lines_is_said_on_one():
    text = change("name: mlp", 'name: mlp\n    hyperparameters: {learning_rate: {"a\\nb": 1}}')
    with pytest.raises(ConfigError) as caught:
        parse_scan(text, path="scan.yaml")
    (problem,) = caught.value.problems
    assert str(problem) == (
        r"line 23, architectures.0.hyperparameters.learning_rate: unknown key 'a\nb': "
        "low, high, log, choices"
    )
