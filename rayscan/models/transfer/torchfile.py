"""Weights of a PyTorch file without PyTorch, and without running what a pickle may hold."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from rayscan.errors import FileUnreadableError

_MAGIC = 0x1950A86A20F9469CFC6C
_KINDS = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage, as the file describes it."""

    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A copy of what it shows, which must lie within the storage."""
        steps = [step * (n - 1) for step, n in zip(self.strides, self.shape, strict=True)]
        inside = min((self.offset, *self.shape, *self.strides)) >= 0
        if not inside or (all(self.shape) and self.offset + sum(steps) >= len(values)):
            raise pickle.UnpicklingError("a tensor reaches beyond its storage")
        strides = [step * values.itemsize for step in self.strides]
        rest = values[self.offset :]
        return np.lib.stride_tricks.as_strided(rest, self.shape, strides, writeable=False).copy()


class _Reader(pickle.Unpickler):
    """Makes ordered mappings, names of storages and views of them; anything else is refused."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[str, int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        allowed: dict[tuple[str, str], Any] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            **{("torch", kind): dtype for kind, dtype in _KINDS.items()},
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no weight")
        return allowed[module, name]

    def persistent_load(self, pid: Any) -> str:
        _, dtype, key, _, count, *_ = pid
        self.storages[key] = str(dtype), int(count)
        return str(key)


def _tensor(storage: str, offset: int, shape: Any, strides: Any, *_: object) -> _Tensor:
    return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def read_weights(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The named arrays of a state dict saved by PyTorch up to 1.5 (its legacy format).

    Raises:
        FileUnreadableError: It is missing, cut short, of another format, or holds anything else.
    """
    try:
        with path.open("rb") as file:
            return _arrays(file)
    # Whatever bytes that are no pickle, or not of this layout, lead to.
    except Exception as error:
        why = f"no state dict of PyTorch in its legacy format ({error})"
        fix = "give a file of torch.save(..., _use_new_zipfile_serialization=False)"
        raise FileUnreadableError(path=str(path), why=why, fix=fix) from error


def _arrays(file: IO[bytes]) -> dict[str, npt.NDArray[Any]]:
    read: Callable[[], Any] = lambda: _Reader(file).load()  # noqa: E731
    if read() != _MAGIC:
        raise pickle.UnpicklingError("another first number")
    read(), read()  # version of the format, sizes of types where it was written
    reader = _Reader(file)
    named, keys, raw = reader.load(), read(), {}
    for key in keys:
        dtype, expected = reader.storages[key]
        count = int.from_bytes(file.read(8), "little")
        raw[key] = np.frombuffer(file.read(expected * np.dtype(dtype).itemsize), dtype)
        if not count == expected == len(raw[key]):
            raise pickle.UnpicklingError("a storage is cut short")
    return {str(name): tensor.of(raw[tensor.storage]) for name, tensor in named.items()}
