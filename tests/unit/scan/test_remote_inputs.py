"""Input files in an object store: found, opened, read and known as local ones are."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pyarrow.fs as pafs
import pytest
from moto.server import ThreadedMotoServer
from toy_scan import make_config

from rayscan import places
from rayscan.errors import ConfigError, FileUnreadableError, StorageError
from rayscan.events import formats
from rayscan.events.selection import CutFlow, Selection, select
from rayscan.generator.generate import Generate, generate
from rayscan.results.storage import Storage
from rayscan.scan.config.process import Process
from rayscan.scan.plan.provenance import checksum, provenance_rows
from rayscan.scan.pools.inputs import open_inputs, slices_of
from rayscan.scan.pools.reading import FileRead, Reading


@pytest.fixture(scope="module")
def server():
    """An S3 server on loopback."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def options(server):
    host, port = server.get_host_and_port()
    return f"?scheme=http&endpoint_override={host}:{port}&region=us-east-1"


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    for seed, name in enumerate(("zvv_1", "zvv_2", "hard 1"), start=1):
        process = "spin1_on" if name == "hard 1" else "znunu_jet"
        recipe = Generate(process=process, events=300, source="density")
        generate(recipe, path=folder / f"{name}.root", seed=seed)
    return folder


@pytest.fixture(scope="module")
def bucket(options, local):
    """The same files behind URLs."""
    url = f"s3://data{options}&allow_bucket_creation=true"
    filesystem, _ = pafs.FileSystem.from_uri(url)
    filesystem.create_dir("data")
    for path in local.iterdir():
        for folder in ("run1", "run1/deep"):
            if folder == "run1" or path.name == "zvv_2.root":
                with filesystem.open_output_stream(f"data/{folder}/{path.name}") as out:
                    out.write(path.read_bytes())
    with filesystem.open_output_stream("data/run1/notes.txt") as out:
        out.write(b"not events")
    return "s3://data/run1"


def names(found):
    return [places.tail(place)[-1] for place in found]


def test_wildcards_find_objects_as_they_find_files(bucket, options, local):
    for pattern in ("zvv_*.root", "zvv_[2-9].root", "*.root", "**/zvv_2.root"):
        there = places.expand(f"{bucket}/{pattern}{options}", Path())
        if "**" in pattern:
            assert [places.tail(p)[-2:] for p in there] == [
                ("deep", "zvv_2.root"),
                ("run1", "zvv_2.root"),
            ]
        else:
            assert names(there) == names(places.expand(pattern, local))


def test_a_name_with_brackets_that_exists_is_literal_there_too(bucket, options, local):
    (one,) = places.expand(f"{bucket}/zvv_1.root{options}", Path())
    filesystem, root = places._located(one.replace("/zvv_1.root", ""))
    for name in ("[1]/zvv_9.root", "1/zvv_8.root", "x[1].root", "x1.root"):
        with filesystem.open_output_stream(f"{root}{name}") as out:
            out.write(b"any")
    assert names(places.expand(f"{bucket}[1]/zvv_*.root{options}", Path())) == ["zvv_9.root"]
    (exact,) = places.expand(f"{bucket}x[1].root{options}", Path())
    assert places.tail(exact)[-1] == "run1x[1].root"
    assert places.size_of(exact) == 3


def test_an_object_is_read_as_a_file_is(bucket, options, local):
    (url,) = places.expand(f"{bucket}/hard*.root{options}", Path())
    path = str(local / "hard 1.root")
    here, there = formats.inspect(path), formats.inspect(url)
    assert replace(there, path=path) == here
    assert checksum(url) == checksum(path)
    events = [
        select(
            formats.slices(file, process="hard", name="hard", entries_per_slice=150)[1],
            selection=Selection(cuts=("jet1_pt > 130",)),
            observables=("jet1_pt", "jet1_eta"),
        )
        for file in (here, there)
    ]
    assert events[0][0].equals(events[1][0])
    assert events[0][0].num_rows > 0
    assert events[0][1] == events[1][1]


NO_FLOW = CutFlow(process="", steps=())


def scan(background, signal, **changes):
    processes = {
        "bkg": Process(role="background", files=(background,), cross_section=1.0),
        "hard": Process(role="signal", files=(signal,), cross_section=1.0),
    }
    return replace(make_config(signals=("hard",)), processes=processes, **changes)


def test_a_scan_opens_objects_and_says_where_they_were(bucket, options, local):
    config = scan(f"{bucket}/zvv_*.root{options}", f"{bucket}/hard%201.root{options}")
    inputs = open_inputs(config, base=Path())
    assert [(f.process, f.name) for f in inputs.files] == [
        ("bkg", "zvv_1.root"),
        ("bkg", "zvv_2.root"),
        ("hard", "hard 1.root"),
    ]
    # Events are known by names that say nothing of where the files lie.
    near = open_inputs(scan("zvv_*.root", "hard 1.root"), base=local)
    for process in ("bkg", "hard"):
        pieces = zip(
            slices_of(config, inputs, process), slices_of(config, near, process), strict=True
        )
        for far, close in pieces:
            assert replace(far, path=close.path) == close
    files = tuple(
        FileRead(process=f.process, name=f.name, path=f.file.path, weight="none", flow=NO_FLOW)
        for f in inputs.files
    )
    reading = Reading(files=files, repeated=(), selected=0, compared=0)
    found = provenance_rows(config, inputs, {}, reading)
    rows = [r for r in found if r["kind"] == "input"]
    assert rows[2]["value"] == f"{bucket}/hard%201.root{options}"
    assert rows[2]["bytes"] == (local / "hard 1.root").stat().st_size
    assert rows[2]["checksum"] == checksum(local / "hard 1.root")


def problems(config):
    with pytest.raises(ConfigError) as caught:
        open_inputs(config, base=Path())
    return [(p.where, p.what) for p in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "place", "says"),
    [
        ("none_*.root", "processes.hard.files", "no such file"),
        ("none.root", "processes.hard", "there is no such file"),
        ("deep", "processes.hard", "it is a directory"),
        ("notes.txt", "processes.hard", "it is not a ROOT file"),
    ],
)
def test_what_is_wrong_with_an_object_names_its_url(bucket, options, name, place, says):
    url = f"{bucket}/{name}{options}"
    ((where, what),) = problems(scan(f"{bucket}/zvv_1.root{options}", url))
    assert where == place
    assert url in what
    assert says in what


@pytest.mark.parametrize("url", ["gopher://bucket/x.root", "s3://bucket/a b*.root/x"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(FileUnreadableError):
        places.size_of(url)


def test_a_server_that_does_not_answer_is_no_broken_file(bucket, options, local, tmp_path):
    """Leaving a file out because its server was away would change the result without a word."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    away = f"s3://away/x.root?scheme=http&endpoint_override={host}:{port}&region=us-east-1"
    filesystem, _ = pafs.FileSystem.from_uri(f"{away}&allow_bucket_creation=true")
    filesystem.create_dir("away")
    with filesystem.open_output_stream("away/x.root") as out:
        out.write((local / "hard 1.root").read_bytes())
    config = scan(f"{bucket}/zvv_1.root{options}", away, skip_broken_files=True)
    inputs = open_inputs(config, base=Path())
    (piece,) = slices_of(config, inputs, "hard")
    server.stop()
    ((where, what),) = problems(config)
    assert where == "processes.hard"
    assert "cannot be read" in what
    assert "run the same command again" in what
    with pytest.raises(StorageError, match="server answers") as caught:
        select(piece, selection=Selection(), observables=("jet1_pt",))
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://me:hush@bucket/a.root", "s3://***@bucket/a.root"),
        ("s3://bucket/a.root?secret_key=hush", "s3://bucket/a.root?secret_key=***"),
        ("abfs://x/a.root?client_secret=hu%2Fsh&tenant_id=t", "abfs://x/a.root?client_secret=***"),
    ],
)
def test_a_url_with_a_secret_is_refused_without_saying_it(url, shown):
    ((_, what),) = problems(scan("s3://me:hush@bucket/b.root", url))[1:]
    assert shown in what
    assert "AWS_ACCESS_KEY_ID" in what
    assert "hush" not in what
    assert "hu%2Fsh" not in what


def test_a_place_in_a_remote_storage_is_a_url_any_node_can_open(options):
    storage = Storage(f"s3://data/cache{options}&allow_bucket_creation=true")
    storage.write("generated/x 1/0000.root", b"root")
    place = storage.place("generated/x 1/0000.root")
    assert place.startswith("s3://data/cache/generated/x%201/0000.root?")
    assert places.size_of(place) == 4
