"""A storage belongs to one scan file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_scan import make_config

from rayscan.errors import StorageError
from rayscan.events.reconstruction import ObjectCuts, Objects
from rayscan.events.selection import Selection
from rayscan.results.storage import Storage
from rayscan.scan.config.file import parse_scan
from rayscan.scan.config.limits import Limits
from rayscan.scan.config.manifest import claim, differences, stored_scan
from rayscan.scan.config.scan import EnsembleSizes, Resources


@pytest.fixture
def storage(tmp_path):
    return Storage(str(tmp_path / "results"))


def test_the_scan_is_written_and_can_be_run_again(storage):
    config = make_config()
    claim(config, storage)
    claim(config, storage)
    assert parse_scan(storage.read("scan.yaml").decode()) == config


def test_tagged_jets_of_an_older_scan_inherit_the_cuts_on_jets(storage):
    jets = ObjectCuts(pt_min=30, abs_eta_max=2.4)
    config = replace(make_config(), selection=Selection(objects=Objects(jets=jets)))
    claim(config, storage)
    assert stored_scan(storage).selection == config.selection
    text = storage.read("scan.yaml").decode()
    tagged = [f"    {kind}s:\n      pt_min: 0.0\n" for kind in ("bjet", "tau")]
    assert all(line in text for line in tagged)
    for line in tagged:
        text = text.replace(line, "")
    storage.write("scan.yaml", text.encode())
    objects = stored_scan(storage).selection.objects
    assert objects == Objects(jets=jets, bjets=jets, taus=jets)
    claim(config, storage)  # the same scan file goes on, with other events
    assert stored_scan(storage).selection == config.selection


def test_another_scan_is_refused_with_the_keys_that_differ(storage):
    config = make_config()
    claim(config, storage)
    other = replace(config, seed=9, ensembles=EnsembleSizes(train=501, validation=200, test=1000))
    with pytest.raises(StorageError, match=r"other values of ensembles\.train, seed;"):
        claim(other, storage)
    assert parse_scan(storage.read("scan.yaml").decode()) == config


def test_where_and_on_what_it_runs_may_differ(storage):
    config = make_config()
    claim(config, storage)
    claim(
        replace(
            config,
            storage="elsewhere",
            cache="there",
            resources=Resources(workers=7),
            skip_broken_files=True,
        ),
        storage,
    )


def test_testing_again_may_change_limits_and_test_sizes_only(storage):
    config = make_config()
    claim(config, storage)
    sizes = replace(config.ensembles, test=77)
    claim(replace(config, ensembles=sizes, limits=Limits(channels=3)), storage, retest=True)
    sizes = replace(config.ensembles, train=77)
    with pytest.raises(StorageError, match=r"ensembles\.train"):
        claim(replace(config, ensembles=sizes), storage, retest=True)


def test_there_must_be_a_scan_to_test_again(storage):
    with pytest.raises(StorageError, match="run the scan first"):
        claim(make_config(), storage, retest=True)


JSON = st.recursive(
    st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc", min_size=1), JSON))
def test_nothing_differs_from_itself(data):
    assert differences(data, data) == set()


def test_a_key_that_only_one_has_differs():
    assert differences({"a": {"b": 1}}, {"a": {}, "c": 2}) == {"a.b", "c"}


def test_a_scan_file_written_before_a_key_existed_is_the_same_scan(storage):
    config = make_config()
    claim(config, storage)
    text = storage.read("scan.yaml").decode()
    older = "\n".join(line for line in text.splitlines() if "held_out:" not in line)
    assert older != text.rstrip()
    storage.write("scan.yaml", older.encode())
    claim(config, storage)
