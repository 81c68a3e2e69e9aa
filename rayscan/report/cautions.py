"""What a reader of the results must know before believing them, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from rayscan.report.frames.limits import from_scores, of_classifiers
from rayscan.report.frames.trials import failures, labelled
from rayscan.results.read import Tables
from rayscan.results.so_far import missing

# One event where the background pool is empty identifies an ensemble; one in ten then holds one.
_TELLTALE_EVENTS = 0.1
_MORE_THAN_SIMULATED = 10
_LEAKAGE_SIGMA = 4.0
_DRAW_FRACTION = 0.1
_KEPT = 0.5
_HEAVY = 0.1
_FILES = 1.25
_CLS = 0.05
_REFEREE = 1e-3


def warnings(tables: Tables) -> list[str]:
    """Sentences about leakage, small pools, failed trainings and doubtful limits.

    One sentence or two per kind of trouble, naming its worst case; those that make an AUC wrong
    come first. Empty if there is nothing to say.
    """
    checks = (
        _leakage,
        _shared_pool,
        _artefacts,
        _folds,
        _draws,
        _pools,
        _trainings,
        _limits,
        _statistics,
        _floor,
        _few_events,
        _referee,
        _weights,
        _inputs,
    )
    return [sentence for check in checks for sentence in check(tables)]


def _leakage(tables: Tables) -> Iterator[str]:
    rows = labelled(tables.auc)
    flagged = rows[rows["leakage_flag"].isin([True])]
    above = flagged["auc_over_ceiling_sigma"] > _LEAKAGE_SIGMA
    if above.any():
        worst = _largest(flagged, "auc_over_ceiling_sigma")
        yield (
            f"Leakage: {above.sum()} of {len(rows)} AUCs lie more than 4 sigma above their "
            f"ceiling, the most any classifier can reach. Worst: {worst['label']} trained on "
            f"{worst['train_benchmark']}, tested on {worst['test_benchmark']} at "
            f"{_strength(worst)}: {worst['auc']:.3f} against {worst['auc_ceiling']:.3f} "
            f"({worst['auc_over_ceiling_sigma']:+.1f} sigma). Test ensembles share events with "
            "the training, or the pools behind the ceiling are too small."
        )
    gained = flagged["leakage_sigma"] > _LEAKAGE_SIGMA
    if gained.any():
        worst = _largest(flagged, "leakage_sigma")
        yield (
            f"Leakage: {gained.sum()} of {len(rows)} AUCs are more than 4 sigma above that of the "
            f"same classifier on events it has not seen. Worst: {worst['label']} trained on "
            f"{worst['train_benchmark']}, tested on {worst['test_benchmark']} at "
            f"{_strength(worst)}: {worst['auc']:.3f} against {worst['auc_unseen']:.3f} "
            f"({worst['leakage_sigma']:+.1f} sigma)."
        )


def _largest(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows.sort_values(column, ascending=False).iloc[0]


def _strength(row: pd.Series) -> str:
    if pd.isna(row["test_s_over_sqrt_b"]):
        return f"S = {row['test_signal']:.0f}, B = {row['test_background']:.0f}"
    return f"S/sqrt(B) = {row['test_s_over_sqrt_b']:.3g}"


def _shared_pool(tables: Tables) -> Iterator[str]:
    if any((table["pool_mode"] == "shared_pool").any() for table in (tables.pools, tables.auc)):
        yield (
            "Shared pool: training and test ensembles are drawn from the same events, as published "
            "in arXiv:2105.12018. AUCs are optimistic; disjoint pools ('split: events') are not."
        )


def _artefacts(tables: Tables) -> Iterator[str]:
    rows = labelled(tables.auc)
    for kind, those in rows.groupby("artefacts"):
        names = ", ".join(sorted(set(those["label"])))
        yield (
            f"Artefact: {len(those)} of {len(rows)} AUCs ({names}) are of classifiers that were "
            f"trained and tested on what no data have, as their knobs ask: {kind}. What they reach "
            "without it is in the column auc_unseen."
        )


def _folds(tables: Tables) -> Iterator[str]:
    rows = labelled(tables.validation).drop_duplicates("trial")
    flagged = rows[rows["leakage_flag"].isin([True])]
    if len(flagged):
        worst = _largest(flagged, "mean_over_ceiling_sigma")
        own = tables.validation[tables.validation["trial"] == worst["trial"]]
        yield (
            f"Folds: the mean AUC over folds of {len(flagged)} of {len(rows)} classifiers lies "
            f"more than 4 sigma above what is possible on events that were not trained on. Worst: "
            f"{worst['label']} of {worst['train_benchmark']} at S = {worst['train_signal']:.0f}, "
            f"B = {worst['train_background']:.0f}: {own['auc'].mean():.3f} against "
            f"{worst['auc_ceiling']:.3f} ({worst['mean_over_ceiling_sigma']:+.1f} sigma). All "
            "folds are drawn from the same events."
        )


def _draws(tables: Tables) -> Iterator[str]:
    rows = tables.auc
    high = rows[rows["draw_fraction"] > _DRAW_FRACTION]
    if len(high):
        worst = _largest(high, "draw_fraction")
        yield (
            f"Draw fraction: an ensemble takes up to {worst['draw_fraction']:.0%} of the test pool "
            f"({worst['test_benchmark']} at {_strength(worst)}; {_names(high)} above "
            f"{_DRAW_FRACTION:.0%}). Drawing so much without replacement understates fluctuations: "
            "AUCs are optimistic. Simulate more events or lower B."
        )


def _pools(tables: Tables) -> Iterator[str]:
    rows = tables.auc
    telltale = rows["test_signal"] * rows["signal_in_empty_cells"]
    found = rows.assign(telltale=telltale)[telltale > _TELLTALE_EVENTS]
    if len(found):
        worst = _largest(found, "telltale")
        yield (
            f"Pool too small: {100 * worst['signal_in_empty_cells']:.2g} % of "
            f"{worst['test_benchmark']} lies in bins where the background pool has no event: "
            f"{worst['telltale']:.2g} events per ensemble at {_strength(worst)}, each of which "
            f"gives the signal away ({_names(found)}). Simulate more background, use coarser "
            "bins or set 'min_pool_count'."
        )


def _names(rows: pd.DataFrame) -> str:
    return ", ".join(sorted(rows["test_benchmark"].unique()))


def _trainings(tables: Tables) -> Iterator[str]:
    failed = failures(tables)
    if len(failed):
        kinds = ", ".join(f"{n} {kind}" for kind, n in failed["status"].value_counts().items())
        yield (
            f"Failed trainings: {len(failed)} of {len(tables.trials)} gave no classifier "
            f"({kinds}). Means are over the others."
        )
    if lost := missing(tables.points.to_dict("records")):
        yield f"Missing classifiers: {lost}"


def _limits(tables: Tables) -> Iterator[str]:
    rows = tables.limits
    for status, what in (
        ("unbounded", "Unbounded limits: {} of {} exclude no signal strength, however large ({})."),
        ("failed", "Failed limits: {} of {} could not be computed ({})."),
        ("partial", "Partial limits: {} of {} lack a part of their band ({})."),
    ):
        found = rows[rows["status"] == status]
        if len(found):
            yield what.format(len(found), len(rows), _names(found))


def _effective(pools: pd.DataFrame) -> float:
    """Events of one pool that leaves as much uncertain as all backgrounds, mixed by yield."""
    of = pools.groupby("process").agg({"cross_section": "first", "events_in_binning": "sum"})
    yields, events = of["cross_section"], of["events_in_binning"]
    return float(yields.sum() ** 2 / (yields**2 / events).sum()) if len(of) else 0.0


def _statistics(tables: Tables) -> Iterator[str]:
    """Templates stand on simulated events, however many the luminosity gives."""
    simulated = tables.pools[tables.pools["role"] == "background"]
    tested = _effective(simulated[simulated["pool"] == "test"])
    rows = tables.limits[~from_scores(tables.limits)]
    shared = simulated["pool_mode"] == "shared_pool"  # train and validation pools are that of test
    everything = _effective(simulated[~shared | simulated["pool"].isin(["test", "unseen"])])
    pools = rows["filled_from"].eq("all").map({True: everything, False: tested}).astype(float)
    excess = rows["background_events"] / pools
    short = rows.assign(excess=excess)[excess > _MORE_THAN_SIMULATED]
    if len(short):
        most = _largest(short, "excess")
        pool = round(most["background_events"] / most["excess"])
        yield (
            f"Monte Carlo statistics: limits at up to {most['luminosity']:g} fb^-1 expect "
            f"{most['background_events']:.3g} background events, but their templates stand on "
            f"{pool:.0f} simulated ones, and hardly improve with luminosity. Simulate more "
            "background."
        )


def _floor(tables: Tables) -> Iterator[str]:
    rows = tables.limits[of_classifiers(tables.limits) & ~from_scores(tables.limits)]
    joined = rows[rows["floor_decides"].isin([True])]
    if len(joined):
        yield (
            "Channels: the floors of simulated events ('limits.min_pool_count', "
            f"'limits.max_mc_error') decided the channels of {len(joined)} of {len(rows)} limits "
            "by channels of classifiers; more simulated background would give finer channels."
        )


def _few_events(tables: Tables) -> Iterator[str]:
    rows = tables.limits[tables.limits["message"].str.startswith("asymptotic with", na=False)]
    if len(rows):
        yield (
            f"Few events: {len(rows)} limits with an uncertain shape ({_names(rows)}) are "
            "asymptotic though fewer than ten background events decide: toys do not know shapes."
        )


def _referee(tables: Tables) -> Iterator[str]:
    asked = tables.limits[tables.limits["referee_cls"].notna()]
    asked = asked.assign(distance=(asked["referee_cls"] - _CLS).abs())
    off = asked[asked["distance"] > _REFEREE]
    if len(off):
        worst = _largest(off, "distance")["referee_cls"]
        yield (
            f"Referee: pyhf disagrees with {len(off)} of {len(asked)} re-checked limits "
            f"({_names(off)}): its CLs at the limit is {worst:.4f} at worst, where {_CLS} within "
            f"{_REFEREE} is expected."
        )


def _weights(tables: Tables) -> Iterator[str]:
    """Unweighting keeps mean over largest weight: why so little of a process was left."""
    each = tables.pools.drop_duplicates("process")
    for _, row in each[each["kept_by_unweighting"] < _KEPT].iterrows():
        yield (
            f"Weights: unweighting keeps {100 * row['kept_by_unweighting']:.2g} % of the selected "
            f"events of {row['process']}, because {_why_few(tables, row)}."
        )


def _why_few(tables: Tables, row: pd.Series) -> str:
    if row["heaviest_event"] > _HEAVY:
        return (
            f"one event carries {100 * row['heaviest_event']:.2g} % of their weight; simulate more "
            "events of its kind, or take it out"
        )
    files = tables.provenance[tables.provenance["name"].str.startswith(f"{row['process']}/")]
    means = files.set_index("name")["mean_weight"].dropna().astype(float)
    if len(means) and means.max() > _FILES * means.min():
        return (
            f"the mean weight of its files goes from {means.min():.3g} ({means.idxmin()}) to "
            f"{means.max():.3g} ({means.idxmax()}); write 'normalise: per_file' if these are no "
            "slices of the process, or unweight each slice before"
        )
    return (
        f"the heaviest event weighs {1 / row['kept_by_unweighting']:.3g} times the mean: the "
        "sample is biased, or its weights are wide; simulate with a weaker bias, or more events"
    )


def _inputs(tables: Tables) -> Iterator[str]:
    broken = tables.provenance.loc[tables.provenance["kind"] == "broken", "name"]
    if len(broken):
        yield f"Broken input: {len(broken)} files were skipped ({', '.join(sorted(broken))})."
