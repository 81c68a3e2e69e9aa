"""Keys of a variant over those of a scan: merged, changed by name, or replaced."""

from __future__ import annotations

import copy

from hypothesis import given
from hypothesis import strategies as st

from rayscan.errors import Problem
from rayscan.scan.config.merging import idle, merged, written

BASE = {
    "mixtures": {"background": 100, "s_over_sqrt_b": [1, 2]},
    "binning": {
        "axes": [
            {"observable": "jet1_pt", "bins": 10, "low": 130},
            {"observable": "jet1_eta", "bins": 4, "low": -4},
        ]
    },
    "architectures": [{"name": "mlp"}, {"name": "mlp", "label": "tuned"}],
    "selection": {"cuts": ["jet1_pt > 130"]},
}

KEYS = st.sampled_from(["a", "b", "c", "label"])
LEAVES = st.integers() | st.text("xyz", min_size=1)


def values(leaves):
    return st.recursive(
        leaves, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12
    )


SCANS = st.dictionaries(KEYS, values(LEAVES))
VARIANTS = st.dictionaries(KEYS, values(LEAVES | st.none()))


def test_mappings_merge_and_lists_and_numbers_replace():
    over = {"mixtures": {"background": 1000}, "selection": {"cuts": ["jet1_pt > 200"]}}
    found = merged(BASE, over)
    assert found["mixtures"] == {"background": 1000, "s_over_sqrt_b": [1, 2]}
    assert found["selection"] == {"cuts": ["jet1_pt > 200"]}
    assert found["binning"] == BASE["binning"]


def test_null_removes_a_key():
    over = {"mixtures": {"s_over_sqrt_b": None, "signal": [5]}}
    assert merged(BASE, over)["mixtures"] == {"background": 100, "signal": [5]}


def test_a_mapping_over_a_list_changes_the_axes_it_names():
    over = {"binning": {"axes": {"jet1_pt": {"bins": 5}, "jet1_eta": {"bins": 7}}}}
    axes = merged(BASE, over)["binning"]["axes"]
    assert [axis["bins"] for axis in axes] == [5, 7]
    assert [axis["low"] for axis in axes] == [130, -4]


def test_an_architecture_is_named_by_its_label_and_may_be_left_out():
    over = {"architectures": {"tuned": {"preset": "published"}, "mlp": None}}
    expected = [{"name": "mlp", "label": "tuned", "preset": "published"}]
    assert merged(BASE, over)["architectures"] == expected


def test_the_main_background_stays_the_first():
    base = {"processes": {"zvv": {"role": "background"}, "spin1": {"role": "signal"}}}
    over = {"processes": {"wlv": {"role": "background"}, "zvv": {"files": ["other.root"]}}}
    assert list(merged(base, over)["processes"]) == ["zvv", "spin1", "wlv"]


@given(SCANS, VARIANTS)
def test_merging_changes_neither_and_gives_what_it_gave(base, over):
    before = copy.deepcopy((base, over))
    assert merged(base, over) == merged(base, over)
    assert (base, over) == before


@given(SCANS)
def test_a_variant_without_keys_is_the_scan(base):
    assert merged(base, {}) == base


@given(SCANS)
def test_a_scan_over_nothing_is_the_scan(base):
    assert merged({}, base) == base


@given(SCANS, VARIANTS)
def test_keys_a_variant_does_not_name_are_those_of_the_scan(base, over):
    found = merged(base, over)
    assert {k: v for k, v in found.items() if k not in over} == {
        k: v for k, v in base.items() if k not in over
    }
    assert not {key for key, value in over.items() if value is None} & set(found)


@given(SCANS, VARIANTS)
def test_no_null_is_left_in_a_mapping(base, over):
    def has_null(value):
        return isinstance(value, dict) and any(
            inner is None or has_null(inner) for inner in value.values()
        )

    assert not has_null(merged(base, over))


@given(SCANS, VARIANTS)
def test_every_place_of_a_merged_scan_is_written_somewhere(base, over):
    def places(value, here=()):
        yield here
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from places(inner, (*here, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from places(inner, (*here, index))

    for place in places(merged(base, over)):
        found, _ = written(place, base, over)
        assert len(found) == len(place)


def test_where_a_merged_key_is_written():
    over = {
        "binning": {"axes": {"jet1_eta": {"bins": 0}}},
        "architectures": {"mlp": None, "tuned": {"preset": "x"}},
        "selection": {"cuts": ["met > 1"]},
    }
    assert written(("binning", "axes", 1, "bins"), BASE, over) == (
        ("binning", "axes", "jet1_eta", "bins"),
        True,
    )
    assert written(("binning", "axes", 1, "low"), BASE, over)[1] is False
    assert written(("architectures", 0, "preset"), BASE, over)[0] == (
        "architectures",
        "tuned",
        "preset",
    )
    assert written(("selection", "cuts", 0), BASE, over) == (("selection", "cuts", 0), True)
    assert written(("mixtures",), BASE, over) == (("mixtures",), False)


def test_what_changes_nothing_is_named_with_the_nearest():
    over = {
        "mixtures": {"s_over_b": None},
        "binning": {"axes": {"jet1_ptt": {"bins": 5}}},
        "seed": 3,
    }
    assert dict(idle(BASE, over)) == {
        ("mixtures", "s_over_b"): "the scan has no such key to remove (nearest: 's_over_sqrt_b')",
        ("binning", "axes", "jet1_ptt"): "the scan has no such element (nearest: 'jet1_pt')",
    }


@given(SCANS, VARIANTS)
def test_a_merged_scan_has_all_the_variant_says(base, over):
    def says(found, wanted):
        if isinstance(wanted, dict) and isinstance(found, dict):
            return all(
                key not in found if value is None else says(found[key], value)
                for key, value in wanted.items()
            )
        return found == wanted or isinstance(wanted, dict)  # elements of a list, by name

    assert says(merged(base, over), over)


def test_names_that_are_not_there_are_said_in_one_line():
    ((_, what),) = idle([{"observable": "jet1_pt"}, {"observable": "\u2028"}], {"zz": {"bins": 5}})
    said = str(Problem(where="variants.a.axes\x1b[2J", what=what))
    assert said.splitlines() == [
        r"variants.a.axes\x1b[2J: the scan has no such element (it has: jet1_pt, \u2028)"
    ]
