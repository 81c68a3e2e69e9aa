"""Table `limits`: every upper limit with its band, and what was fitted."""

from __future__ import annotations

from rayscan.results.tables.base import (
    BOOL,
    INT,
    LABEL,
    REAL,
    TEXT,
    TRAINED,
    UNCERTAIN,
    Column,
    TableLayout,
)

_BAND = {"m2": "-2 sigma", "m1": "-1 sigma", "0": "median", "p1": "+1 sigma", "p2": "+2 sigma"}
TAGS = tuple(_BAND)
"""Last parts of the names of the columns of an expected band, ascending."""


def _band(stem: str, unit: str, what: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{stem}_expected_{tag}", REAL, unit, f"expected 95 % CLs limit on {what}, {sigma}")
        for tag, sigma in _BAND.items()
    )


LIMITS = TableLayout(
    name="limits",
    row="one 95 % CLs upper limit: a classifier, a test benchmark, a luminosity and a method",
    key=("trial", "test_benchmark", "method", "luminosity"),
    order=("test_benchmark", "method", "luminosity", "point", "repeat", "fold"),
    columns=(
        *TRAINED,
        LABEL,
        Column("test_benchmark", TEXT, "", "signal process the limit is on"),
        Column("method", TEXT, "", "how it was set: a name of `limits.methods` in the scan file"),
        Column(
            "filled_from", TEXT, "", "whose events: 'all', of the 'test' pool, or 'shared_pool'"
        ),
        Column(
            "luminosity",
            REAL,
            "fb^-1",
            "integrated luminosity; of solver 'ensembles' where the background yield is B",
        ),
        Column("mu_observed", REAL, "", "observed limit on the signal strength, if there are data"),
        *_band("mu", "", "the signal strength (1 = the scan file's cross-section)"),
        *_band("signal_events", "events", "selected signal events in the binning"),
        *_band("cross_section", "pb", "the signal cross-section"),
        Column("background_events", REAL, "events", "expected background in the binning"),
        *UNCERTAIN,
        Column("channels", INT, "", "bins that were fitted, each with background"),
        Column(
            "largest_mc_error",
            REAL,
            "",
            "largest relative Monte Carlo error of the background in one of them; missing without",
        ),
        Column(
            "floor_decides", BOOL, "", "purer channels are joined: too few simulated events in them"
        ),
        Column("referee_cls", REAL, "", "pyhf's own CLs at the median limit, where it was asked"),
        Column(
            "limit_error",
            REAL,
            "events",
            "statistical error of the median, of 'toys' and 'ensembles'",
        ),
        Column("solver", TEXT, "", "'profile', 'pyhf' or 'ensembles'"),
        Column(
            "calculator",
            TEXT,
            "",
            "'asymptotic' formulae; below ten decisive background events 'toys' or the 'exact' "
            "count; of scores 'ensembles'",
        ),
        Column("workspace", TEXT, "", "pyhf JSON named by its checksum, where it was written"),
        Column("workspace_signal", REAL, "", "signal strength that mu = 1 of the workspace means"),
        Column("status", TEXT, "", "'ok', 'partial' (a band is missing), 'unbounded' or 'failed'"),
        Column("message", TEXT, "", "why there is no limit"),
    ),
)
