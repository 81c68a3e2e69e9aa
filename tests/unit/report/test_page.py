from __future__ import annotations

import base64
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from rayscan.report import page

PNG = b"\x89PNG\r\n\x1a\n rest"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'


def _tree(text):
    """The page as a tree: it is written so that an XML parser reads it too."""
    doctype, _, rest = text.partition("\n")
    assert doctype == "<!DOCTYPE html>"
    return ET.fromstring(rest)


def _words(text):
    return " ".join(" ".join(_tree(text).find("body").itertext()).split())


def _tables(text):
    """Rows of cells of every table, by the heading of its section."""
    return {
        section.find("h2").text: [
            ["".join(cell.itertext()) for cell in row] for row in section.iter("tr")
        ]
        for section in _tree(text).iter("section")
        if section.find("div") is not None
    }


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in {"src", "href", "data", "action"}]
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.links += [v for k, v in attrs if k in {"src", "href"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_needs_nothing_but_itself(tables):
    text = page.html(tables, {"limits": PNG, "cutflow": SVG})
    tags = _Tags()
    tags.feed(text)
    assert tags.open == []
    assert len(tags.links) == 2
    assert all(link.startswith("data:image/") for link in tags.links)
    assert not re.search(r"https?://|@import|url\(|<script|<link", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_a_page_needs_neither_ray_nor_a_network_library_nor_pyhf():
    code = "import sys, rayscan.report.page; print(*{name.split('.')[0] for name in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ray", "tensorflow", "keras", "sklearn", "pyhf"} & set(found.stdout.split())


def test_figures_are_embedded_unchanged_and_in_order(tables):
    tree = _tree(page.html(tables, {"limits": PNG, "my own": SVG}))
    one, two = tree.iter("img")
    assert one.get("alt") == "limits"
    assert base64.b64decode(one.get("src").removeprefix("data:image/png;base64,")) == PNG
    assert base64.b64decode(two.get("src").removeprefix("data:image/svg+xml;base64,")) == SVG
    captions = [c.text for c in tree.iter("figcaption")]
    assert len(captions) == 1
    assert "95 % CLs" in captions[0]


def test_a_figure_of_another_kind_is_refused(tables):
    with pytest.raises(ValueError, match="limits is neither PNG nor SVG"):
        page.html(tables, {"limits": b"%PDF-1.4"})


def test_a_written_page_holds_the_figures_of_the_scan(fake, fake_scan, tmp_path):
    scan = fake_scan(benchmarks={"alp": 0.3}, strengths=(1.0,), methods=("template",))
    page.write_page(fake(scan), tmp_path / "new" / "report.html")
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    shown = [image.get("alt") for image in _tree(text).iter("img")]
    assert shown == ["auc_vs_strength", "auc_over_ceiling", "limits", "cutflow", "learning_curves"]
    first = next(_tree(text).iter("img"))
    assert first.get("src").startswith("data:image/svg+xml;base64,")


def test_everything_from_the_scan_is_escaped(fake, fake_scan):
    bad = "<b onload='x'>&\"spin\"</b>"

    def fails(rows):
        rows[0].update(status="error", error=f"{bad}\nsecond line")

    scan = fake_scan(benchmarks={bad: 1.0}, architectures={bad: 0.9})
    text = page.html(fake(scan, trials=fails), {bad: PNG})
    assert "<b" not in text.replace("<body", "")
    assert bad in _words(text)
    assert next(_tree(text).iter("img")).get("alt") == bad
    assert _tree(text).find("head/title").text == "fake <monojet> & co: results"


def test_warnings_come_before_every_number(fake, fake_scan):
    def leak(rows):
        rows[0].update(leakage_flag=True, auc_over_ceiling_sigma=6.0)

    words = _words(page.html(fake(fake_scan(), auc=leak), {}))
    assert words.index("Leakage: 1 of 216") < words.index("Signal strength needed")
    assert "72 trained classifiers, 216 tests, rayscan 0.1.0, seed 1" in words


def test_a_clean_scan_says_that_there_are_no_warnings(tables):
    assert "No warnings" in _words(page.html(tables, {}))


def test_tables_show_the_numbers(tables, fake_scan):
    found = _tables(page.html(tables, {}))
    head, first, *_ = found["AUC by signal strength"]
    assert head == ["classifier", "benchmark", "test_background", "0.5", "1", "2", "5"]
    # Phi(0.92 0.29 x / sqrt 2) and the share of Phi(0.29 x / sqrt 2), x = 500 / sqrt(1000500)
    # errors: of 5,000 histograms 0.0070, of pools 0.01 (common to both), of three repeats 0.0017
    assert first[:4] == ["cnn", "alp", "1,000,000", "0.538 ± 0.012 (99.4% ± 1.3%)"]
    needed = found["Signal strength needed for an AUC of 0.9"]
    assert needed[0] == [
        "label",
        "benchmark",
        "s_over_sqrt_b",
        "ceiling_s_over_sqrt_b",
        "over_ceiling",
    ]
    assert needed[1] == ["cnn", "alp", "–", "–", "–"]
    limits = found["95 % CLs limits"]
    assert len(limits) == 1 + 3 * (1 + 2 + 2)
    assert "Trainings that failed" not in found
    assert found["Cut flow"][1][:4] == ["zvv", "background", "0", "all"]


def test_the_scan_file_is_shown_as_it_was(tables):
    text = page.html(tables, {})
    assert _tree(text).find(".//pre").text == "name: fake <monojet> & co\nseed: 1\n"


def test_empty_tables_make_a_page(fake, fake_scan):
    empty = dict.fromkeys(("cutflow", "pools", "provenance"), list.clear)
    text = page.html(fake(fake_scan(benchmarks={}), **empty), {})
    assert "rayscan: results" in _words(text)
    assert _tables(text) == {}
