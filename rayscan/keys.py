"""Short hashes of values, equal on every machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

RESULTS_VERSION = 1
"""Raised when equal scan files give other numbers than before, so that old rows are not reused."""


def digest(*parts: Any) -> str:
    """A short hash of JSON-like things, equal on every machine."""
    text = json.dumps(parts, sort_keys=True, default=_as_json)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no stable JSON for {type(value).__name__}")
