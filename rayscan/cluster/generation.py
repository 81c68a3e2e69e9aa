"""Events made by Ray tasks: files of a bounded size in the cache, each from a stream of its own."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray

from rayscan.cluster.tasks import finished
from rayscan.errors import StorageError
from rayscan.events.formats import EVENTS_PER_TASK
from rayscan.generator.generate import Generate, Generated, generate
from rayscan.keys import digest
from rayscan.results.storage import Storage
from rayscan.scan.config.scan import ScanConfig
from rayscan.seeds import integer

Advance = Callable[..., None]
"""Of a count, and ``earlier=True`` for what an earlier run did."""


def shards(recipe: Generate) -> tuple[Generate, ...]:
    """A generation cut into files of at most `EVENTS_PER_TASK` events, each with its stream."""
    edges = [*range(0, recipe.events, EVENTS_PER_TASK), recipe.events]
    sizes = [b - a for a, b in itertools.pairwise(edges)]
    return tuple(replace(recipe, events=size) for size in sizes)


def generation_folder(config: ScanConfig, name: str) -> str:
    """Folder of the generated files of a process, named by all that they depend on."""
    recipe = config.processes[name].generate
    return f"generated/{name}-{digest(recipe, config.energy, config.seed)}"


def generate_files(
    config: ScanConfig, cache: Storage, *, advance: Advance
) -> dict[str, tuple[Generated, ...]]:
    """Make the files of every process that is generated, unless they are there already.

    Any node makes them and reads them; ``advance`` hears of the events of each finished file.

    Returns:
        Process -> its files, in order.
    """
    make, known = ray.remote(_generate_shard), ray.remote(_known_shard)
    pending: dict[Any, tuple[str, int]] = {}
    earlier: set[tuple[str, int]] = set()
    made: dict[tuple[str, int], Generated] = {}
    for name, process in config.processes.items():
        if process.generate is None:
            continue
        folder = generation_folder(config, name)
        there = frozenset(cache.names(folder))
        for index, shard in enumerate(shards(process.generate)):
            stem = f"{index:04d}"
            place = f"{folder}/{stem}"
            if {f"{stem}.root", f"{stem}.json"} <= there:
                task = known.options(name=f"known events: {name}").remote(cache, place)
                earlier.add((name, index))
            else:
                seed = integer(config.seed, "generate", name, index)
                named = make.options(name=f"generate events: {name}")
                task = named.remote(shard, cache, place, seed, config.energy)
            pending[task] = (name, index)
    for which, file in finished(pending):
        made[which] = file
        advance(file.events, earlier=which in earlier)
    names = dict.fromkeys(name for name, _ in made)
    return {name: tuple(made[key] for key in sorted(made) if key[0] == name) for name in names}


def _generate_shard(
    shard: Generate, cache: Storage, stem: str, seed: int, energy: float
) -> Generated:
    """One file, made in a temporary folder and put into the cache."""
    place = cache.place(f"{stem}.root")
    with tempfile.TemporaryDirectory(prefix="rayscan-") as local:
        path = Path(local) / "events.root"
        generated = replace(generate(shard, path=path, seed=seed, energy=energy), path=place)
        cache.write(f"{stem}.root", path.read_bytes())
    cache.write(f"{stem}.json", json.dumps(asdict(generated)).encode())  # last: says it is whole
    return generated


def _known_shard(cache: Storage, stem: str) -> Generated:
    """What is known of a file that an earlier run made."""
    place = cache.place(f"{stem}.root")
    stored = cache.whole(f"{stem}.json")
    try:
        return Generated(**json.loads(stored) | {"path": place})
    except (ValueError, TypeError) as error:
        cache.remove(f"{stem}.json")  # what says that the file is whole
        raise StorageError(
            path=cache.path(f"{stem}.json"),
            why=f"what is known of generated events is damaged ({error})",
            fix="run the same command again, which makes these events anew",
        ) from error
