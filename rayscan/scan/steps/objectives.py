"""What a search optimises, computed on the validation pools."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rayscan.models.contract import Classifier
from rayscan.models.networks.item_network import ItemClassifier
from rayscan.models.networks.progress import area
from rayscan.scan.plan.members import MemberPlan
from rayscan.scan.pools.pooled import PooledScan
from rayscan.scan.pools.uncertain import background_uncertainty
from rayscan.scan.steps.examples import DrawnHistograms, features_of
from rayscan.scan.steps.exclusion.channels import by_response, grouping_of
from rayscan.scan.steps.exclusion.fits import fit_template
from rayscan.scan.steps.items import item_scores
from rayscan.scan.steps.scoring import event_odds, event_scores, terms_of
from rayscan.stats.auc import auc
from rayscan.stats.limits import upper_limits
from rayscan.stats.significance import asimov, combine


def objective_value(
    name: str,
    plan: MemberPlan,
    classifier: Classifier,
    *,
    scan: PooledScan,
) -> float | None:
    """The value of an objective for a trained member, or None where it has none.

    Args:
        name: ``auc`` of ensembles of the member's own mixture (of several classes the mean of each
            against the others); ``significance``: Asimov significance of its S over B with the
            background uncertainty of the scan, channels combined; ``limit``: median expected limit
            on mu at the first luminosity.
        plan: The member.
        classifier: What it became.
        scan: The scan and its pools.
    """
    point = plan.point
    config, binned = scan.config, scan.binned
    features = features_of(config, point.choice.features)
    if name == "auc":
        return _validation_auc(plan, classifier, scan=scan, features=features)
    channels = by_response(
        classifier,
        binned,
        point.benchmark,
        mixture=point.mixture,
        grouping=grouping_of(config),
        pool="validation",
        features=features,
    )
    if name == "limit":
        template = fit_template(
            scan, point.benchmark, channels, luminosity=config.limits.luminosity[0]
        )
        limit = upper_limits([template])[0]
        return limit.expected[2] if limit.status == "ok" else None
    signal = channels.counts[point.benchmark]
    s = point.mixture.signal * signal / signal.sum()
    yields = {b: binned.processes[b].cross_section for b in binned.backgrounds}
    b = point.mixture.background * np.sum(
        [
            share / sum(yields.values()) * channels.counts[name] / channels.counts[name].sum()
            for name, share in yields.items()
        ],
        axis=0,
    )
    filled = b > 0
    sigma = background_uncertainty(config) * b[filled]
    return float(combine(asimov(s[filled], b[filled], sigma)))


def _validation_auc(
    plan: MemberPlan,
    classifier: Classifier,
    *,
    scan: PooledScan,
    features: tuple[str, ...],
) -> float:
    point = plan.point
    if classifier.reads == "histograms":
        own = replace(point, others=())  # of its own mixture, whatever it was drawn of
        x, labels = DrawnHistograms(scan, own, plan.draws).fresh("objective")
        return area(classifier.scores(x).reshape(len(x), -1), labels)
    purpose = ("validation", point.benchmark, point.mixture.name)
    if isinstance(classifier, ItemClassifier):
        (found,) = item_scores(
            [(classifier, classifier.arrangement)],
            scan=scan,
            benchmark=point.benchmark,
            mixture=point.mixture,
            pool="validation",
            count=scan.config.ensembles.validation,
            purpose=(*purpose, "objective"),
        )
        return auc(found.null, found.alternative)
    odds = event_odds(
        classifier,
        binned=scan.binned,
        benchmark=point.benchmark,
        pool="validation",
        features=features,
    )
    ((null, alternative),) = event_scores(
        [terms_of(odds, point.mixture)],
        scan=scan,
        benchmark=point.benchmark,
        mixture=point.mixture,
        histograms=scan.config.ensembles.validation,
        purpose=purpose,
    )
    return auc(null, alternative)
