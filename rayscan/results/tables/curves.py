"""Tables `roc` and `scores`: ROC curves, and the distributions of scores."""

from __future__ import annotations

from rayscan.results.tables.base import (
    INT,
    LABEL,
    REAL,
    STRENGTH,
    TEXT,
    TRAINED,
    Column,
    TableLayout,
    mixture,
)

_CURVE_OF = (
    *TRAINED,
    LABEL,
    Column("test_benchmark", TEXT, "", "signal process in the test"),
    Column("test_against", TEXT, "", "signal in class 0 of the test; missing: background only"),
    STRENGTH,
    *mixture("test", "in the test; 1 and 0 where the unit is an event"),
    Column("unit", TEXT, "", "what is scored: an 'ensemble', or an 'event' (signal, background)"),
)
_CURVE_KEY = ("trial", "test_benchmark", "test_signal", "test_background", "unit")
_CURVE_ORDER = ("point", "repeat", "fold", *_CURVE_KEY[1:])

ROC = TableLayout(
    name="roc",
    row="one point of the ROC curve of one classifier on one test set",
    key=(*_CURVE_KEY, "number"),
    order=(*_CURVE_ORDER, "number"),
    columns=(
        *_CURVE_OF,
        Column("number", INT, "", "number of the point along the curve, from 0"),
        Column("false_positive_rate", REAL, "", "share of class 0 above the threshold"),
        Column("true_positive_rate", REAL, "", "share of class 1; the area is the AUC to 0.001"),
    ),
)

SCORES = TableLayout(
    name="scores",
    row="one bin of the distribution of the scores of one classifier on one class of a test set",
    key=(*_CURVE_KEY, "true_class", "bin"),
    order=(*_CURVE_ORDER, "true_class", "bin"),
    columns=(
        *_CURVE_OF,
        Column("true_class", INT, "", "0 background only, 1 with signal (events: signal)"),
        Column("bin", INT, "", "number of the bin, from 0"),
        Column("score_low", REAL, "", "lower edge, of the first bin: and all below"),
        Column("score_high", REAL, "", "upper edge, of the last bin: and all above"),
        Column("count", INT, "", "ensembles or events in the bin"),
    ),
)
