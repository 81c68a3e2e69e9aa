"""Reading results: the tables of a scan as a person opens them, without Ray or TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from rayscan.errors import TableError
from rayscan.results.ledger import Ledger
from rayscan.results.matrix import Value, matrix
from rayscan.results.tables.registry import LAYOUTS
from rayscan.yaml_text import values


class Tables:
    """The result tables of a scan as pandas data frames, one attribute each: those of `LAYOUTS`.

    Args:
        frames: Tables by name; one that is not given is empty, with its columns.

    >>> Tables().points.columns[0], len(Tables().points)
    ('point', 0)
    """

    def __init__(self, **frames: pd.DataFrame) -> None:
        if strange := set(frames) - set(LAYOUTS):
            raise TypeError(f"no tables {sorted(strange)}")
        vars(self).update({n: frames[n] if n in frames else _empty(n) for n in LAYOUTS})

    def __repr__(self) -> str:
        return "\n".join(f"{name:<11}{len(frame):>9,} rows" for name, frame in vars(self).items())

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> pd.DataFrame: ...

    def matrix(
        self,
        *,
        architecture: str | None = None,
        strength: float | None = None,
        value: Value = "auc",
        **chosen: Any,
    ) -> pd.DataFrame:
        """Train benchmarks as rows, test benchmarks as columns, means over the repeats.

        What is not said must be the only one there is: nothing but repeats is averaged.

        Args:
            architecture: Label of the architecture, or its name where it has none.
            strength: The strength of the test as the scan file has it; of a limit that of the
                training. Of classifiers trained at several those of this strength are taken.
            value: ``auc``, or ``limit``: the median expected limit on the signal strength.
            chosen: ``trained_at``, ``against``, ``background`` (B) or ``head`` for an AUC;
                ``method``, ``luminosity`` or ``head`` for a limit; ``variant`` in a study.

        Raises:
            TableError: What was asked for is not there, or must be: with the choices.
        """
        names = {"auc": ("head", "background"), "limit": ("head", "method", "luminosity")}[value]
        known = {"architecture": architecture, **dict.fromkeys(("variant", *names)), **chosen}
        rows = self.auc if value == "auc" else self.limits
        return matrix(rows, value=value, chosen=known, strength=strength)


def _empty(table: str) -> pd.DataFrame:
    found: pd.DataFrame = LAYOUTS[table].schema.empty_table().to_pandas()
    return found


def read_tables(path: str | Path) -> Tables:
    """The tables of a finished or running scan, without Ray or TensorFlow.

    All are of one moment: the end of the scan, or of its last run that came to an end. Of a scan
    that never did they hold what is finished.

    Args:
        path: The scan's ``storage``: a folder or a URL.

    Returns:
        A pandas frame for each table.

    Raises:
        TableError: there is no rayscan result at this place.
        DamagedError: it is not what was written.
    """
    ledger = Ledger(str(path))
    if not any(ledger.keys(name) for name in LAYOUTS):
        raise TableError(
            path=str(path), why="no rayscan results here; give the 'storage' of a scan that has run"
        )
    return Tables(**{name: rows.to_pandas() for name, rows in ledger.tables().items()})


def scan_file(tables: Tables) -> dict[str, Any]:
    """The scan file as provenance keeps it: its keys, none where it was not kept."""
    rows = tables.provenance
    text = rows.loc[(rows["kind"] == "scan") & (rows["name"] == "scan file"), "value"].dropna()
    found = values(text.iloc[0]) if len(text) else None
    return found if isinstance(found, dict) else {}


def hyperparameters(frame: pd.DataFrame) -> pd.DataFrame:
    """The hyperparameters of `trials` as columns of their own, on the same index."""
    return pd.DataFrame([json.loads(text) for text in frame["hyperparameters"]], index=frame.index)
