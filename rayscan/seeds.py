"""Random streams named by what they are for, under one root seed.

A stream depends on the root seed and on its key alone, never on the order of calls or on which
worker asks, so that tables do not depend on how many workers there were.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def seed_sequence(root: int, *key: str | float) -> np.random.SeedSequence:
    """The seed sequence of a named purpose under a root seed."""
    digest = hashlib.blake2b(json.dumps(key).encode(), digest_size=16).digest()
    words = np.frombuffer(digest, dtype="<u4")
    return np.random.SeedSequence([root, *(int(word) for word in words)])


def stream(root: int, *key: str | float) -> np.random.Generator:
    """A random generator for a named purpose, e.g. ``stream(7, "test", "spin1", 3)``.

    >>> a = stream(7, "test", "spin1").integers(1000)
    >>> bool(a == stream(7, "test", "spin1").integers(1000))
    True
    """
    return np.random.Generator(np.random.SFC64(seed_sequence(root, *key)))


def integer(root: int, *key: str | float) -> int:
    """A 31-bit seed for a library that wants an integer (Keras, Optuna, Pythia)."""
    return int(seed_sequence(root, *key).generate_state(1)[0] >> 1)
