"""A classifier that a scan has stored, with what it takes to score new events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from rayscan.errors import ConfigError, Problem, TableError, nearest
from rayscan.events import formats
from rayscan.events.selection import select
from rayscan.events.weights import NONE
from rayscan.models.contract import Classifier
from rayscan.models.networks.item_network import ItemClassifier
from rayscan.results.read import read_tables
from rayscan.results.storage import Storage
from rayscan.scan.config.manifest import stored_scan
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.steps.examples import features_of
from rayscan.scan.steps.scoring import stored

Events = Mapping[str, npt.NDArray[np.floating]] | pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredClassifier:
    """A trained classifier of a scan.

    Attributes:
        trial: Its row of `trials`.
        scan: The scan that trained it.
        classifier: It itself: ``scores`` of histograms (N, bins), of features (E, F), or of items
            (n, N F).
        features: Observables that a network of events or items sees; empty of one of histograms.
    """

    trial: Mapping[str, Any]
    scan: ScanConfig
    classifier: Classifier
    features: tuple[str, ...]

    def __repr__(self) -> str:
        sees = ", ".join(self.features or self.scan.binning.observables)
        what = "single events" if self.features else f"{self.scan.binning.shape} histograms"
        if isinstance(self.classifier, ItemClassifier):
            what = f"items of {self.classifier.events} events"
        row = self.trial
        return f"{row['architecture']} {row['trial']} on {row['train_benchmark']}: {what} of {sees}"

    def events(self, path: str | Path, *, tree: str = formats.TREE) -> pd.DataFrame:
        """Observables of the events of an input file that pass the selection of the scan.

        Args:
            path: The file: a path or a URL.
            tree: Name of its tree.

        Raises:
            InputError: the file cannot be read, or lacks a branch.
        """
        file = formats.inspect(path, tree=tree)
        formats.require(file, self.scan.selection.needs(self.scan.observables))
        pieces = formats.slices(file, process="new", name="new", tree=tree, weight=NONE)
        names, selection = self.scan.observables, self.scan.selection
        found = [select(each, selection=selection, observables=names)[0] for each in pieces]
        frame: pd.DataFrame = pa.concat_tables(found).select(list(names)).to_pandas()
        return frame

    def scores(self, events: Events) -> npt.NDArray[np.float64]:
        """Log-odds of signal of new events that pass the selection of the scan.

        Args:
            events: Observables by name, each of shape (E,), as `events` gives them.

        Returns:
            Of a network of single events shape (E,), missing for events outside the axes, of which
            it has seen none. Of a classifier of histograms shape (1,): all events are one
            pseudo-experiment, to be of about as many events as those it was trained on; of one of
            items of exactly as many. Of several classes logits, with a last axis of the classes.

        Raises:
            TableError: an observable is not there.
            ConfigError: the scan merged bins, and which is not stored.
            ShapeMismatchError: there are more or fewer events than an item has.
        """
        columns = self._columns(events)
        inside = self.scan.binning.index(columns) >= 0
        if not self.features:
            return self.classifier.scores(self.scan.binning.counts(columns)[np.newaxis])
        matrix = np.stack([columns[name] for name in self.features], axis=1)
        if self.classifier.reads == "items":
            return self.classifier.scores(matrix[inside].astype(np.float32).reshape(1, -1))
        known = self.classifier.scores(matrix[inside].astype(np.float32))
        found = np.full((len(matrix), *known.shape[1:]), np.nan)
        found[inside] = known
        return found

    def _columns(self, events: Events) -> dict[str, npt.NDArray[np.float64]]:
        if not self.features and self.scan.pools.min_pool_count:
            what = "merges bins by the events of the pools; such a scan keeps no binning for others"
            raise ConfigError(problems=(Problem(where="pools.min_pool_count", what=what),))
        names = dict.fromkeys((*self.scan.binning.observables, *self.features))
        if missing := [name for name in names if name not in events]:
            why = f"no column {', '.join(missing)}; give those of `events`"
            raise TableError(path="events", why=why)
        return {name: np.asarray(events[name], dtype=np.float64) for name in names}


def load_classifier(results: str | Path, trial: str) -> StoredClassifier:
    """A classifier that a scan has trained, ready to score new events.

    Args:
        results: Storage of the scan: a folder or a URL.
        trial: Its key: column ``trial`` of the tables.

    Returns:
        The classifier, with the selection, the axes and the features that it was trained with.

    Raises:
        TableError: there is no such trial, or it ended without a classifier.
        StorageError: what is stored is damaged or gone.
    """
    place = str(results)
    trials = read_tables(place).trials
    rows = {str(row["trial"]): row for row in trials.to_dict("records")}
    if trial not in rows:
        raise TableError(path=place, why=f"no trial '{trial}'{nearest(trial, rows)}")
    row = {str(name): value for name, value in rows[trial].items()}
    if not isinstance(row["classifier"], str):
        raise TableError(path=place, why=f"trial {trial} left no classifier: {row['error']}")
    storage = Storage(place)
    config = stored_scan(storage)
    classifier = stored(storage.uri, row["classifier"])
    choice = next(each for each in config.architectures if each.key == row["label"])
    features = features_of(config, choice.features) if choice.sees_features else ()
    return StoredClassifier(trial=row, scan=config, classifier=classifier, features=features)
