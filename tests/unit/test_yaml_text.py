"""YAML 1.2 and nothing else: what words are, what is refused, and that all comes back."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayscan import yaml_text
from rayscan.yaml_text import YamlError

# The examples of the core schema, yaml.org/spec/1.2.2, 10.3.2, and words of YAML 1.1 beside them.
WORDS = {
    "null": None,
    "~": None,
    "true": True,
    "FALSE": False,
    "0": 0,
    "0o7": 7,
    "0x3A": 58,
    "-19": -19,
    "0100": 100,
    "0.": 0.0,
    "-0.0": -0.0,
    ".5": 0.5,
    "+12e03": 12000.0,
    "-2E+05": -200000.0,
    "1e3": 1000.0,
    "1:30": "1:30",
    "1_000": "1_000",
    "0b1": "0b1",
    "2020-01-01": "2020-01-01",
    "1.2.3": "1.2.3",
    "-": "-",
    "'1'": "1",
    "!!str 1": "1",
    "!!int '1'": 1,
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("head", ["", "%YAML 1.1\n---\n"])
def test_a_word_is_what_yaml_1_2_says(word: str, head: str) -> None:
    if word == "-":
        word = "'-'"
    found = yaml_text.load(f"{head}a: {word}\n")["a"]
    wanted = WORDS[word.replace("'-'", "-")]
    assert (type(found), found) == (type(wanted), wanted)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("on: 1", "'on' is a word to some readers and true or false to others; quote it: 'on'"),
        ("a: No", "'No' is a word to some readers"),
        ("a: [1, off]", "a.1: 'off' is a word"),
        ("500: 1", "'500' is a number and no name; quote it: '500'"),
        ("1e3: 1", "'1e3' is a number and no name; quote it: '1e3'"),
        ("true: 1", "'true' is true or false and no name; quote it"),
        ("~: 1", "'~' is nothing and no name; quote it"),
        ("a: .inf", ".inf is no finite number"),
        ("a: {b: -.INF}", "a.b: -.INF is no finite number"),
        ("a: .nan", ".nan is no finite number"),
        ("a: 1e999", "1e999 is no finite number"),
        (f"a: {'9' * 5000}", "is no finite number"),
        ("a: 1\na: 2", "named twice"),
        ("[[1]]: 2", "a list as the name of a key"),
        ("a: &a [*a]", "'*a' stands inside of what it refers to"),
        ("a: &a {b: {c: *a}}", "'*a' stands inside of what it refers to"),
        ("a: *b", "undefined alias 'b'"),
        ("[" * 3000, "nested more than 50 levels deep"),
        ("{a: " * 3000, "nested more than 50 levels deep"),
        ("- " * 3000, "nested more than 50 levels deep"),
        ("a: !!python/name:os.system ''", "could not determine a constructor"),
        ("<<: 3", "'<<' takes the keys of a mapping"),
        ("a: \x00", "not allowed"),
        ("a: " + "x" * 1_000_001, "expected at most 1,000,000"),
    ],
)
def test_what_could_be_taken_in_two_ways_or_by_no_one_is_one_sentence(text: str, what: str) -> None:
    with pytest.raises(YamlError) as caught:
        yaml_text.load(text)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("where", ["unknown: *a9", "name: [*a9, *a9]", "<<: *a9"])
def test_a_bomb_is_refused_while_it_is_read(where: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{x: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10)]
    with pytest.raises(YamlError, match="stands for more than 100,000 values") as caught:
        yaml_text.parse("\n".join([*lines, where]))
    assert caught.value.line == 6  # 9^5 elements are too many


def test_anchors_and_merge_keys_are_written_out() -> None:
    text = "a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 5}\nd: *a\n"
    found = yaml_text.load(text)
    assert found["c"] == {"x": 5, "y": 2, "z": 4}  # of several mappings the first counts
    assert found["d"] == found["a"]
    assert found["d"] is not found["a"]


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(OSError, match="is a pipe, socket or device"):
            yaml_text.regular(path)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([*WORDS, "on", "Yes", "off", "<<", "=", "- a", "a: b", "#", "'", '"']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_what_is_written_is_read_back(value: object) -> None:
    text = yaml_text.dump({"value": value})
    found = yaml_text.load(text)["value"]
    assert repr(found) == repr(value)
