"""A user's own file of Python as a module, from its text: where it runs, the file may not be."""

from __future__ import annotations

import functools
import sys
import traceback
import types

from rayscan.errors import MemberError
from rayscan.keys import digest


def own_class(name: str, place: str, text: str) -> object:
    """What a place, ``FILE.py:CLASS``, names in the text of its file.

    Raises:
        MemberError: The text does not run, or has no such class.
    """
    file, _, wanted = place.rpartition(":")
    try:
        module = _module(file, text)
    except (Exception, SystemExit) as error:  # whatever the file of a user does
        why = f"{file}, line {_line(error, file)}: {type(error).__name__}: {error}"
        raise MemberError(what="architecture", name=name, why=why) from error
    if wanted not in vars(module):
        raise MemberError(what="architecture", name=name, why=f"{file} has no class '{wanted}'")
    return vars(module)[wanted]


@functools.cache
def _module(file: str, text: str) -> types.ModuleType:
    """The module, under a name that tells one text from another: dataclasses look it up."""
    module = types.ModuleType(f"rayscan_own_{digest(file, text)}")
    module.__file__ = file
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, file, "exec"), vars(module))
    except BaseException:
        del sys.modules[module.__name__]
        raise
    return module


def _line(error: BaseException, file: str) -> int | None:
    """The last line of the file that led to an error."""
    if isinstance(error, SyntaxError) and error.filename == file:
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((each.lineno for each in reversed(frames) if each.filename == file), None)
