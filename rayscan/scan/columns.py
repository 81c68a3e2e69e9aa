"""The columns of every result table: name, type, unit, meaning, and which identify a row."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from rayscan.scan import layout
from rayscan.scan.columns_read import CUTFLOW, POOLS, PROVENANCE
from rayscan.scan.layout import Column, TableLayout

_TEXT, _INT, _REAL, _BOOL = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_CURVE = pa.list_(pa.field("element", _REAL))


def _mixture(prefix: str, whose: str) -> tuple[Column, ...]:
    return (
        Column(f"{prefix}_signal", _INT, "events", f"signal events S per histogram {whose}"),
        Column(
            f"{prefix}_background", _INT, "events", f"background events B per histogram {whose}"
        ),
        Column(f"{prefix}_s_over_b", _REAL, "", f"S/B {whose}"),
        Column(f"{prefix}_s_over_sqrt_b", _REAL, "", f"S/sqrt(B) {whose}; missing where B = 0"),
    )


_TRAINED = (
    Column("trial", _TEXT, "", "key of the trained member: hash of its whole configuration"),
    Column("point", _TEXT, "", "name of the point: benchmark, mixture, architecture"),
    Column("train_benchmark", _TEXT, "", "signal it was trained on; several are joined by '+'"),
    Column("head", _TEXT, "", "'binary', 'multimodel' or 'multiclass'"),
    Column("train_against", _TEXT, "", "signal in class 0 of training; missing: background only"),
    Column("architecture", _TEXT, "", "kind of classifier"),
    Column("repeat", _INT, "", "number of the repeat, or of the search trial, from 0"),
    Column(
        "fold",
        _INT,
        "",
        "fold it never saw and is tested on; missing: one split, or all (`trial` of the first)",
    ),
    *_mixture("train", "in training"),
    Column(
        "train_strength",
        _TEXT,
        "",
        "'highest', 'each', 'drawn' (train_signal is that of 'highest') or 'descending'; of a "
        "multiclass head 'each' or 'descending', whatever was asked for",
    ),
    Column("trained_at", _REAL, "", "the strength of the training as the scan file has it"),
    Column(
        "strength_kind",
        _TEXT,
        "",
        "what it is: 's_over_b', 's_over_sqrt_b', 'signal' (events) or 'cross_section' (pb)",
    ),
)
_STRENGTH = Column(
    "strength", _REAL, "", "the strength of the test as the scan file has it; see `strength_kind`"
)
_UNCERTAIN = (
    Column("background_uncertainty", _REAL, "", "relative uncertainty of the background's yield"),
    Column("shape_uncertainty", _REAL, "", "relative change of the background's slope, one sigma"),
    Column("shape_observable", _TEXT, "", "axis of the uncertain slope; missing without"),
)
_LABEL = Column("label", _TEXT, "", "name given to the architecture in the scan file")

POINTS = TableLayout(
    name="points",
    row="one point of the plan: a benchmark, a training mixture and an architecture",
    key=("point",),
    columns=(
        *(c for c in _TRAINED if c.name not in {"trial", "repeat", "fold"}),
        _LABEL,
        Column("mode", _TEXT, "", "'fixed' hyperparameters with repeats, or 'search'"),
        Column("planned", _INT, "trials", "trained members asked for"),
        Column("done", _INT, "trials", "trained members that finished"),
        Column("failed", _INT, "trials", "members that ended without a classifier"),
        Column("best_trial", _TEXT, "", "key of the member with the best objective"),
        Column("best_objective", _REAL, "", "its objective, on the validation pool"),
        Column("objective", _TEXT, "", "what was optimised: auc, loss, significance or limit"),
        Column("status", _TEXT, "", "'done', 'partial' or 'failed'"),
    ),
)

TRIALS = TableLayout(
    name="trials",
    row="one trained member: a repeat, or one set of hyperparameters of a search",
    key=("trial",),
    order=("point", "repeat", "fold"),
    columns=(
        *_TRAINED,
        _LABEL,
        Column("hyperparameters", _TEXT, "", "all hyperparameters, as JSON"),
        Column("seed", _INT, "", "seed of the weights and of the order of the batches"),
        Column("status", _TEXT, "", "'ok', 'pruned', 'diverged', 'out_of_memory' or 'error'"),
        Column("error", _TEXT, "", "why there is no classifier; missing if there is one"),
        Column("objective", _TEXT, "", "what was optimised"),
        Column("objective_value", _REAL, "", "the objective on the validation pool"),
        Column("validation_auc", _REAL, "", "AUC on ensembles from the validation pool"),
        Column("validation_loss", _REAL, "", "cross-entropy on the validation pool [nat]"),
        Column("epochs", _INT, "", "epochs trained"),
        Column("best_epoch", _INT, "", "epoch whose weights were kept, from 0"),
        Column(
            "learning_curve",
            pa.list_(pa.field("element", _REAL)),
            "",
            "AUC on the validation pool after each epoch",
        ),
        Column("classifier", _TEXT, "", "folder of the stored classifier, relative to the storage"),
        Column("seconds", _REAL, "s", "wall time of the pack this member was trained in"),
        Column("device", _TEXT, "", "'cpu' or the name of the accelerator"),
        Column("worker", _TEXT, "", "node and process that trained it"),
        Column("attempts", _INT, "", "times it was started in its run: above 1, a worker died"),
    ),
    measured=("seconds", "device", "worker", "attempts"),
)

AUC = TableLayout(
    name="auc",
    row="one classifier on the test ensembles of one benchmark at one strength",
    key=("trial", "test_benchmark", "test_signal", "test_background"),
    order=("point", "repeat", "fold", "test_benchmark", "test_signal", "test_background"),
    columns=(
        *_TRAINED,
        _LABEL,
        Column(
            "selected", _BOOL, "", "a repeat with fixed hyperparameters, or the best of a search"
        ),
        Column("test_benchmark", _TEXT, "", "signal process in the test ensembles"),
        Column(
            "test_against", _TEXT, "", "signal in class 0 of the test; missing: background only"
        ),
        _STRENGTH,
        *_mixture("test", "in the test"),
        Column("auc", _REAL, "", "area under the ROC curve, S+B against class 0"),
        Column("auc_error", _REAL, "", "its standard error from the finite test set (DeLong 1988)"),
        Column(
            "auc_total_error", _REAL, "", "its standard error from test set and finite test pools"
        ),
        Column(
            "auc_event", _REAL, "", "AUC of single events, of networks of single events: any S, B"
        ),
        Column("auc_event_error", _REAL, "", "its standard error (DeLong 1988)"),
        Column(
            "auc_ceiling",
            _REAL,
            "",
            "AUC of the best possible classifier; low where pools leave bins empty",
        ),
        Column(
            "auc_ceiling_error",
            _REAL,
            "",
            "its standard error on this very test pool, with half of the next order in the noise",
        ),
        Column(
            "auc_ceiling_total_error", _REAL, "", "the same with what another test pool would give"
        ),
        Column("ceiling_kind", _TEXT, "", "where the ceiling's templates come from"),
        Column(
            "auc_likelihood_ratio", _REAL, "", "AUC of the training templates' likelihood ratio"
        ),
        Column("auc_likelihood_ratio_error", _REAL, "", "its standard error (DeLong 1988)"),
        Column(
            "auc_closed_form",
            _REAL,
            "",
            "Phi(dmu / sqrt(V0 + V1)) of the same ratio; of the best linear statistic if uncertain",
        ),
        Column("auc_closed_form_error", _REAL, "", "its error from the finite pools"),
        Column(
            "separation_k",
            _REAL,
            "",
            "k of AUC = Phi(k x / sqrt 2), x = S/sqrt(S+B), background known",
        ),
        Column("separation_k_error", _REAL, "", "its error from the finite pools"),
        Column(
            "auc_over_ceiling_error",
            _REAL,
            "",
            "error of auc - auc_ceiling: they share test set and pools; not of single events",
        ),
        Column(
            "auc_over_ceiling_sigma",
            _REAL,
            "",
            "(auc - auc_ceiling) / auc_over_ceiling_error; not of single events",
        ),
        Column(
            "auc_unseen",
            _REAL,
            "",
            "AUC of the same classifier on the part kept out of a shared pool, or, if it is above "
            "the ceiling, on validation events; missing otherwise",
        ),
        Column("auc_unseen_total_error", _REAL, "", "its standard error, of that part too"),
        Column(
            "leakage_sigma", _REAL, "", "(auc - auc_unseen) / error; missing without auc_unseen"
        ),
        Column(
            "leakage_flag",
            _BOOL,
            "",
            "above the ceiling (not of single events) by 4 sigma, and above auc_unseen by 2; or, "
            "of a shared pool, above auc_unseen by 4",
        ),
        Column("pool_mode", _TEXT, "", "'disjoint' pools, or the published 'shared_pool'"),
        Column("histograms", _INT, "", "test ensembles per class"),
        *_UNCERTAIN,
        Column("background_pool", _INT, "events", "test-pool background events inside the binning"),
        Column(
            "background_pool_effective",
            _REAL,
            "events",
            "events of one pool as uncertain as all backgrounds, mixed by yield",
        ),
        Column("signal_pool", _INT, "events", "test-pool signal events inside the binning"),
        Column("draw_fraction", _REAL, "", "largest n/N of a draw from a pool"),
        Column("draw_warning", _BOOL, "", "True if n/N > 0.1: fluctuations are understated"),
        Column(
            "reuse_factor", _REAL, "", "ensembles that hold a background event, mean over all drawn"
        ),
        Column(
            "signal_in_empty_cells",
            _REAL,
            "",
            "share of signal in bins with less than half an event of `background_pool_effective`",
        ),
    ),
)

MULTICLASS = TableLayout(
    name="multiclass",
    row="one multiclass classifier, histograms of one process at one strength, and a class",
    key=("trial", "test_signal", "test_background", "true_process", "predicted"),
    order=(
        *("point", "repeat", "fold"),
        *("test_signal", "test_background", "true_process", "predicted"),
    ),
    columns=(
        *_TRAINED,
        _LABEL,
        Column("selected", _BOOL, "", "a repeat with fixed hyperparameters, or the best of search"),
        _STRENGTH,
        *_mixture("test", "in the test"),
        Column("true_process", _TEXT, "", "signal in the histograms; 'SM': background only"),
        Column("true_is_class", _BOOL, "", "True if it is a class, False if it was not trained on"),
        Column("predicted", _TEXT, "", "a class: 'SM', a signal, or 'undecided' (no class)"),
        Column("counts", _INT, "", "histograms whose likeliest class this is, above threshold"),
        Column("share", _REAL, "", "counts / histograms"),
        Column("mean_probability", _REAL, "", "mean probability of the class; not of 'undecided'"),
        Column("auc", _REAL, "", "class against all others; where true_process is predicted"),
        Column("auc_error", _REAL, "", "its standard error from the finite test set (DeLong 1988)"),
        Column(
            "auc_likelihood_ratio", _REAL, "", "the same of the training templates' likelihoods"
        ),
        Column("auc_likelihood_ratio_error", _REAL, "", "its standard error (DeLong 1988)"),
        Column("n_classes", _INT, "", "classes, 'SM' among them"),
        Column("threshold", _REAL, "", "probability above which a histogram counts: 2 / n_classes"),
        Column("histograms", _INT, "", "test ensembles of each process"),
        *_UNCERTAIN,
        Column("pool_mode", _TEXT, "", "'disjoint' pools, or the published 'shared_pool'"),
    ),
)

_CURVE_OF = (
    *_TRAINED,
    _LABEL,
    Column("test_benchmark", _TEXT, "", "signal process in the test"),
    Column("test_against", _TEXT, "", "signal in class 0 of the test; missing: background only"),
    _STRENGTH,
    *_mixture("test", "in the test; 1 and 0 where the unit is an event"),
    Column("unit", _TEXT, "", "what is scored: an 'ensemble', or an 'event' (signal, background)"),
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
        Column("number", _INT, "", "number of the point along the curve, from 0"),
        Column("false_positive_rate", _REAL, "", "share of class 0 above the threshold"),
        Column("true_positive_rate", _REAL, "", "share of class 1; the area is the AUC to 0.001"),
    ),
)

SCORES = TableLayout(
    name="scores",
    row="one bin of the distribution of the scores of one classifier on one class of a test set",
    key=(*_CURVE_KEY, "true_class", "bin"),
    order=(*_CURVE_ORDER, "true_class", "bin"),
    columns=(
        *_CURVE_OF,
        Column("true_class", _INT, "", "0 background only, 1 with signal (events: signal)"),
        Column("bin", _INT, "", "number of the bin, from 0"),
        Column("score_low", _REAL, "", "lower edge, of the first bin: and all below"),
        Column("score_high", _REAL, "", "upper edge, of the last bin: and all above"),
        Column("count", _INT, "", "ensembles or events in the bin"),
    ),
)

_BAND = (
    ("m2", "-2 sigma"),
    ("m1", "-1 sigma"),
    ("0", "median"),
    ("p1", "+1 sigma"),
    ("p2", "+2 sigma"),
)


def _band(stem: str, unit: str, what: str) -> tuple[Column, ...]:
    return tuple(
        Column(f"{stem}_expected_{tag}", _REAL, unit, f"expected 95 % CLs limit on {what}, {sigma}")
        for tag, sigma in _BAND
    )


LIMITS = TableLayout(
    name="limits",
    row="one 95 % CLs upper limit: a classifier, a test benchmark, a luminosity and a method",
    key=("trial", "test_benchmark", "method", "luminosity"),
    order=("test_benchmark", "method", "luminosity", "point", "repeat", "fold"),
    columns=(
        *_TRAINED,
        _LABEL,
        Column("test_benchmark", _TEXT, "", "signal process the limit is on"),
        Column("method", _TEXT, "", "'template', 'response' or 'score'"),
        Column(
            "filled_from", _TEXT, "", "whose events: 'all', of the 'test' pool, or 'shared_pool'"
        ),
        Column(
            "luminosity",
            _REAL,
            "fb^-1",
            "integrated luminosity; for 'score' where the background yield is B",
        ),
        Column(
            "mu_observed", _REAL, "", "observed limit on the signal strength, if there are data"
        ),
        *_band("mu", "", "the signal strength (1 = the scan file's cross-section)"),
        *_band("signal_events", "events", "selected signal events in the binning"),
        *_band("cross_section", "pb", "the signal cross-section"),
        Column("background_events", _REAL, "events", "expected background in the binning"),
        *_UNCERTAIN,
        Column("channels", _INT, "", "bins that were fitted, each with background"),
        Column(
            "largest_mc_error",
            _REAL,
            "",
            "largest relative Monte Carlo error of the background in one of them; missing without",
        ),
        Column(
            "floor_decides",
            _BOOL,
            "",
            "purer channels are joined: too few simulated events in them",
        ),
        Column("referee_cls", _REAL, "", "pyhf's own CLs at the median limit, where it was asked"),
        Column(
            "limit_error",
            _REAL,
            "events",
            "statistical error of the median, of 'toys' and 'ensembles'",
        ),
        Column("solver", _TEXT, "", "'profile', 'pyhf' or 'ensembles'"),
        Column(
            "calculator",
            _TEXT,
            "",
            "'asymptotic' formulae; below ten decisive background events 'toys' or the 'exact' "
            "count; of method 'score' 'ensembles'",
        ),
        Column("workspace", _TEXT, "", "pyhf JSON, relative to the storage, where it was written"),
        Column("workspace_signal", _REAL, "", "signal strength that mu = 1 of the workspace means"),
        Column(
            "status",
            _TEXT,
            "",
            "'ok', 'partial' (a band is missing), 'unbounded' or 'failed'",
        ),
        Column("message", _TEXT, "", "why there is no limit"),
    ),
)


LAYOUTS: Mapping[str, TableLayout] = MappingProxyType(
    {
        t.name: t
        for t in (
            POINTS,
            TRIALS,
            AUC,
            MULTICLASS,
            ROC,
            SCORES,
            LIMITS,
            CUTFLOW,
            POOLS,
            PROVENANCE,
        )
    }
)


def markdown() -> str:
    """Every table and column as Markdown, for the README."""
    return layout.markdown(LAYOUTS.values())


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
