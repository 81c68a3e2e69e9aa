"""How TensorFlow is set up in a worker, and how a graph is compiled."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_LOG = logging.getLogger(__name__)


@functools.cache
def tensorflow() -> Any:
    """TensorFlow, told the threads of this worker and to take GPU memory as needed.

    ``OMP_NUM_THREADS``, which Ray sets to the CPUs of a trial, is not read by TensorFlow itself: a
    node full of one-CPU trials would run as many threads each as it has cores.

    Raises:
        ValueError: Keras was told to use another back end.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    # Keras imports them for plots and wrappers we never use: a quarter of its start, and 90 MB.
    with absent("matplotlib", "sklearn"):
        import keras
        import tensorflow as tf

    found = keras.backend.backend()
    if found != "tensorflow":
        raise ValueError(f"KERAS_BACKEND: '{found}', networks are trained on 'tensorflow'")
    _set_threads(tf, os.environ.get("OMP_NUM_THREADS", ""))
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003
        tf.config.experimental.enable_op_determinism()
    return tf


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Packages (top-level names) as if not installed, for an import that can do without them.

    One that is imported already stays as it is.
    """
    hidden = [name for name in packages if name not in sys.modules]
    # What the import system documents: None for a name makes its import fail.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def _set_threads(tf: Any, threads: str) -> None:
    if not threads.isdigit() or int(threads) < 1:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(int(threads))
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    except RuntimeError as error:
        _LOG.warning("TensorFlow already runs with other threads than OMP_NUM_THREADS: %s", error)


def compiled(function: Callable[..., Any], *, xla: bool) -> Callable[..., Any]:
    """The function as one graph per signature, or one XLA program.

    Its loops are written out, not converted.
    """
    return tensorflow().function(function, jit_compile=xla, autograph=False)  # type: ignore[no-any-return]


def gradient(
    loss: Callable[[list[Any]], tuple[Any, Any]], weights: list[Any]
) -> tuple[list[Any], Any]:
    """Gradient of the first value of ``loss`` with respect to each array, and its second value."""
    with tensorflow().GradientTape() as tape:
        tape.watch(weights)
        total, rest = loss(weights)
    return tape.gradient(total, weights), rest


def repeat(times: int, body: Callable[..., tuple[Any, ...]], state: tuple[Any, ...]) -> Any:
    """``state = body(i, *state)`` for i below ``times``, as a loop within the graph."""
    tf = tensorflow()

    def step(i: Any, *values: Any) -> tuple[Any, ...]:
        return (i + 1, *body(i, *values))

    return tf.while_loop(lambda i, *_: i < times, step, (tf.constant(0), *state))[1:]


def rows(x: Any, first: Any, count: int) -> Any:
    """``count`` entries of a vector from ``first``; XLA compiles no slice of unknown length."""
    return tensorflow().slice(x, [first], [count])
