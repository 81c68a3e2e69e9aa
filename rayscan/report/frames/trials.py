"""Trained members: what their architectures are called, and those that gave no classifier."""

from __future__ import annotations

import pandas as pd

from rayscan.results.read import Tables


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose architectures without a label are called by their kind, with a head each."""
    label = frame["label"].where(frame["label"].notna(), frame["architecture"])
    head = frame["head"].where(frame["head"].notna(), "binary")
    return frame.assign(label=label, head=head)


def of_several(rows: pd.DataFrame) -> pd.Series[bool]:
    """Rows of one classifier for several benchmarks, which is everybody's own."""
    return rows["train_benchmark"].str.contains("+", regex=False, na=False)


def failures(tables: Tables) -> pd.DataFrame:
    """Trained members that gave no classifier: `trials` whose status is not 'ok' or 'pruned'."""
    rows = labelled(tables.trials)
    columns = ["point", "label", "repeat", "status", "error", "trial"]
    return rows.loc[~rows["status"].isin(["ok", "pruned"]), columns].reset_index(drop=True)
