"""A scan file with variants: complete scans of their own, or every problem with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rayscan.errors import ConfigError, Problem
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.given import dump
from rayscan.scan.config.study import load_study, located, parse_study

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
    cross_section: 1
selection:
  cuts: ["jet1_pt > 130"]
binning:
  axes:
    - {observable: jet1_pt, bins: 10, low: 130, high: 800}
    - {observable: jet1_eta, bins: 6, low: -4, high: 4}
mixtures:
  background: 100
  s_over_sqrt_b: [1, 2]
architectures:
  - name: mlp
variants:
  bins-5:
    binning: {axes: {jet1_pt: {bins: 5}}}
  cut-200:
    selection: {cuts: ["jet1_pt > 200"]}
  yields:
    mixtures: {background: null, s_over_sqrt_b: null, luminosity: 10, cross_section: [1]}
  cnn:
    architectures: [{name: cnn}]
"""


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse_study(text, path="scan.yaml")
    return {(p.line, p.where): p.what for p in caught.value.problems}


def one(text):
    ((place, what),) = problems(text).items()
    return (*place, what)


def change(old, new, text=TEXT):
    assert text.count(old) == 1
    return text.replace(old, new)


def test_a_variant_is_a_complete_scan_with_a_place_of_its_own():
    study = parse_study(TEXT)
    assert list(study.scans) == ["base", "bins-5", "cut-200", "yields", "cnn"]
    assert study.base == parse_scan(TEXT)
    bins = study.variants["bins-5"]
    assert (bins.name, bins.storage) == ("toy.bins-5", "results/toy/variants/bins-5")
    assert [axis.bins for axis in bins.binning.axes] == [5, 6]
    assert list(study.variants["cut-200"].selection.cuts) == ["jet1_pt > 200"]
    assert study.variants["yields"].mixtures.luminosity == 10
    assert [each.name for each in study.variants["cnn"].architectures] == ["cnn"]


def test_all_scans_of_a_file_share_one_cache():
    assert {scan.cache for scan in parse_study(TEXT).variants.values()} == {"results/cache"}
    text = change("storage: results/toy", "storage: s3://bucket/toy?region=eu\ncache: s3://c/d")
    scan = parse_study(text).variants["cnn"]
    assert scan.storage == "s3://bucket/toy/variants/cnn?region=eu"
    assert scan.cache == "s3://c/d"


def test_a_dumped_variant_is_the_variant():
    for scan in parse_study(TEXT).scans.values():
        assert parse_scan(dump(scan)) == scan


def test_a_file_without_variants_is_a_study_of_one_scan(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_text(TEXT.partition("variants:")[0])
    study = load_study(path)
    assert study.scans == {"base": study.base}


def test_scans_are_chosen_by_name_in_the_order_of_the_file():
    study = parse_study(TEXT)
    assert list(study.chosen(["cnn", "bins-5"])) == ["bins-5", "cnn"]
    assert list(study.chosen(["base"])) == ["base"]
    assert len(study.chosen([])) == 5
    with pytest.raises(ConfigError, match=r"no variant 'bin-5' \(nearest: 'bins-5'\)"):
        study.chosen(["bin-5", "cnn"])


@pytest.mark.parametrize(
    ("old", "new", "line", "where", "what"),
    [
        (
            "{jet1_pt: {bins: 5}}",
            "{jet1_pt: {bins: 0}}",
            25,
            "variants.bins-5.binning.axes.jet1_pt.bins",
            "0, expected at least 1",
        ),
        (
            "{jet1_pt: {bins: 5}}",
            "{jet1_pt: {bin: 5}}",
            25,
            "variants.bins-5.binning.axes.jet1_pt.bin",
            "unknown key (nearest: 'bins')",
        ),
        (
            "{jet1_pt: {bins: 5}}",
            "{jet2_pt: {bins: 5}}",
            25,
            "variants.bins-5.binning.axes.jet2_pt",
            "the scan has no such element (nearest: 'jet1_pt')",
        ),
        (
            "    selection:",
            "    selektion:",
            27,
            "variants.cut-200.selektion",
            "unknown key (nearest: 'selection')",
        ),
        (
            "{background: null, s_over_sqrt_b: null,",
            "{background: null,",
            29,
            "variants.yields.mixtures.cross_section",
            "give one list",
        ),
        (
            "[{name: cnn}]",
            "[{name: cn}]",
            31,
            "variants.cnn.architectures.0.name",
            "nearest: 'cnn'",
        ),
        ("architectures: [{name: cnn}]", "mixtures: null", 31, "variants.cnn.mixtures", "missing"),
        ("architectures: [{name: cnn}]", "name: x", 31, "variants.cnn.name", "called after"),
        ("architectures: [{name: cnn}]", "storage: x", 31, "variants.cnn.storage", "remove"),
        ("  cnn:\n", "  base:\n", 30, "variants.base", "'base' is the scan itself"),
        ("  cnn:\n", "  c.n:\n", 30, "variants.c.n", "a name may have letters"),
        ("  cnn:\n", "  5:\n", 30, "variants.5", "quote it: '5'"),
        ("  cnn:\n", "  bins-5:\n", 30, "variants.bins-5", "is named twice"),
        ("\n    architectures: [{name: cnn}]", "", 30, "variants.cnn", "expected a mapping"),
    ],
)
def test_a_problem_of_a_variant_is_told_with_its_line(old, new, line, where, what):
    found_line, found_where, found_what = one(change(old, new))
    assert (found_line, found_where) == (line, where)
    assert what in found_what


def test_variants_that_are_no_mapping():
    text = TEXT.partition("variants:")[0] + "variants: [a, b]\n"
    assert one(text) == (23, "variants", "expected a mapping of names to keys")


def test_problems_of_the_scan_and_of_all_variants_come_at_once_and_each_once():
    text = change("bins: 10", "bins: 0")
    text = change("[{name: cnn}]", "[{name: cn}]", text)
    text = change('cuts: ["jet1_pt > 200"]', "cuts: 5", text)
    assert set(problems(text)) == {
        (16, "binning.axes.0.bins"),
        (27, "variants.cut-200.selection.cuts"),
        (31, "variants.cnn.architectures.0.name"),
    }


def test_a_mistyped_key_variants_has_a_nearest():
    text = change("variants:", "variant:")
    assert one(text) == (23, "variant", "unknown key (nearest: 'variants')")


def test_a_variant_may_use_an_anchor_of_the_scan():
    text = change("  - name: mlp\n", "  - &mlp {name: mlp}\n")
    text = change("[{name: cnn}]", "[*mlp, {name: cnn}]", text)
    names = [each.name for each in parse_study(text).variants["cnn"].architectures]
    assert names == ["mlp", "cnn"]


def test_problems_found_later_are_said_once_and_have_lines(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_text(TEXT)
    shared = Problem(where="processes.signal", what="no such file")
    own = Problem(where="processes.signal", what="no branch 'Muon.PT'")
    found = located(path, {"base": [shared], "cnn": [shared], "cut-200": [shared, own]})
    assert [(p.line, p.where, p.what) for p in found] == [
        (8, "processes.signal", "no such file"),
        (26, "variants.cut-200.processes.signal", "no branch 'Muon.PT'"),
    ]


def test_the_variants_of_the_page_are_scans():
    pages = (REPOSITORY / "README.md", REPOSITORY / "docs" / "scan_file.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (scan,) = (block for block in blocks if block.startswith("processes:"))
    (variants,) = (block for block in blocks if block.startswith("variants:"))
    study = parse_study(f"name: readme\nstorage: results/readme\n{scan}{variants}")
    assert [each.name for each in study.variants["published"].architectures] == [
        "mlp",
        "linear_svm",
    ]


def test_the_variants_of_the_template_are_scans():
    template = (REPOSITORY / "rayscan" / "scan" / "config" / "template.yaml").read_text(
        encoding="utf-8"
    )
    head, mark, tail = template.partition("# variants:\n")
    study = parse_study(head + (mark + tail).replace("# ", "", 1).replace("\n# ", "\n"))
    assert len(study.variants) == 4
