"""The optional libraries of the ``generate`` extra, imported only when they are used."""

from __future__ import annotations

import importlib
from typing import Any

from rayscan.errors import GeneratorError

FIX = (
    "install it with: pip install 'rayscan[generate]' (Linux on x86-64), or write `source: density`"
)


def library(name: str, process: str = "events") -> Any:
    """An optional library by its module name, ``pythia8mc`` or ``fastjet``.

    Raises:
        GeneratorError: It cannot be imported; the message says how to install it or do without.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        why = f"the library {name} cannot be imported ({error})"
        raise GeneratorError(process=process, why=why, fix=f"{FIX} in the scan file") from error
