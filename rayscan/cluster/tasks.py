"""Ray Data and Ray tasks of ours: one a row, named by their stage, with what went wrong in them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ray

from rayscan.cluster.failures import ours
from rayscan.errors import ConfigError, InputError, Problem


def quiet() -> None:
    """Ray Data without bars and execution plans of its own on the user's screen."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray.data._internal", "ray.train", "ray.tune"):
        logging.getLogger(name).setLevel(logging.ERROR)


def mapped(
    function: Callable[[dict[str, Any]], dict[str, Any]],
    rows: Sequence[dict[str, Any]],
    *,
    stage: str,
    workers: int | None = None,
    most: int | None = None,
) -> Iterator[dict[str, Any]]:
    """A function of one specification row, over all rows, one Ray Data task each.

    Rows come back as their tasks finish. Streams are named by what a row says, never by a block or
    a worker, so that order and number of tasks change nothing.

    ``stage`` is what the dashboard calls them; as many ``workers`` at a time as there is room for,
    unless given. With ``most`` there are no more tasks than that for each core: a task costs the
    driver 9 ms, and gives its rows together.
    """
    if not rows:
        return
    function.__name__ = stage
    cores = int(ray.cluster_resources().get("CPU", 1))
    count = min(len(rows), most * cores) if most else len(rows)
    dataset = ray.data.from_items(list(rows), override_num_blocks=count)
    running = min(workers, count) if workers else None  # Ray warns of tasks there cannot be
    done = dataset.map(function, num_cpus=1, concurrency=running)
    yield from done.iter_rows()


def finished(pending: Mapping[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """What tasks give, each with its name, as they end.

    Raises:
        ConfigError: with every problem of every task, once all have ended.
    """
    problems: list[Problem] = []
    waiting = list(pending)
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=1)
        for reference in ready:
            try:
                with ours():
                    yield pending[reference], ray.get(reference)
            except InputError as error:
                problems.append(Problem(where="processes", what=str(error)))
    if problems:
        raise ConfigError(path="the input", problems=tuple(dict.fromkeys(problems)))
