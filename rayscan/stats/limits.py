"""CLs upper limits on a signal strength: solved here where covered, by pyhf where not.

``profile`` solves every ``Template`` whose fits converge. pyhf itself solves what is given as a
workspace (any other model: shape uncertainties, several channels) and any template on which the
fast solver gives up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rayscan.errors import FitFailedError, LimitUnboundedError, SampleUnusableError
from rayscan.stats.profile import profile_limits, signal_unit
from rayscan.stats.referee import pyhf_limits, referee
from rayscan.stats.template import Template
from rayscan.stats.workspace import workspace

__all__ = ["Limit", "Template", "referee", "upper_limits", "workspace"]

_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Upper limits on mu, the strength in units of the template's signal.

    Attributes:
        observed: The limit from the observed events; ``None`` without such, or if not "ok".
        expected: Limits for background-only data at -2, -1, 0, 1, 2 standard deviations; five
            ``None`` if not "ok".
        status: "ok"; "unbounded": no finite limit exists; "failed": none was found.
        message: Why it is not "ok", or what was done to the template; often empty.
        solver: Who solved it, "profile" or "pyhf".
    """

    observed: float | None
    expected: tuple[float | None, ...]
    status: Literal["ok", "unbounded", "failed"]
    message: str = ""
    solver: Literal["profile", "pyhf"] = "profile"


def upper_limits(
    templates: Sequence[Template | Mapping[str, Any]], level: float = 0.05
) -> list[Limit]:
    """CLs upper limits on mu of many models, in their order.

    Many templates with as many samples in one call cost least: they are solved side by side.

    Args:
        templates: Templates, or pyhf workspaces as dictionaries for any other model (these take
            pyhf minutes each; their observed limit is always given).
        level: CLs at the limit, 0.05 for 95 % confidence.

    Raises:
        SampleUnusableError: ``level`` is not between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise SampleUnusableError(what="level", expected="between 0 and 1", found=str(level))
    limits: dict[int, Limit] = {}
    solvable: dict[int, Template] = {}
    for place, template in enumerate(templates):
        if not isinstance(template, Template):
            limits[place] = _by_pyhf(template, level)
        elif (hopeless := _hopeless(template)) is not None:
            limits[place] = hopeless
        elif template.shape:
            limits[place] = _given_up(template.without_empty_bins(), level)
        else:
            solvable[place] = template.without_empty_bins()
    for batch in _batches(solvable):
        solved = profile_limits([solvable[place] for place in batch], level)
        for row, place in enumerate(batch):
            merged = len(templates[place].signal) - len(solvable[place].signal)  # type: ignore[union-attr]
            limits[place] = _limit(
                solvable[place], solved.observed[row], solved.expected[row], merged, level
            )
    return [limits[place] for place in range(len(templates))]


def _hopeless(template: Template) -> Limit | None:
    if not template.signal.any():
        return Limit(
            observed=None,
            expected=(None,) * 5,
            status="unbounded",
            message="the template holds no signal: any strength is allowed",
        )
    if not template.background.any():
        return Limit(
            observed=None,
            expected=(None,) * 5,
            status="failed",
            message="no background is expected in any bin, where asymptotic formulae do not hold; "
            "use score limits, or add simulated background",
        )
    return None


def _batches(templates: Mapping[int, Template]) -> Iterator[list[int]]:
    """Places of templates to solve side by side: as many samples, about as many bins."""

    def size(place: int) -> tuple[int, int]:
        return len(templates[place].backgrounds), len(templates[place].signal)

    batch: list[int] = []
    for place in sorted(templates, key=size):
        if batch and (len(batch) == _BATCH or size(place)[0] != size(batch[0])[0]):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _limit(
    template: Template,
    observed: float,
    expected: NDArray[np.float64],
    merged: int,
    level: float,
) -> Limit:
    wanted = expected if template.observed is None else np.append(expected, observed)
    if not np.isfinite(wanted).all():
        return _given_up(template, level)
    plural = "s" if merged > 1 else ""
    return Limit(
        observed=None if template.observed is None else float(observed),
        expected=tuple(float(value) for value in expected),
        status="ok",
        message=f"merged {merged} bin{plural} without background" if merged else "",
    )


def _given_up(template: Template, level: float) -> Limit:
    """The limit of pyhf, with the signal in units near it for the sake of pyhf's minimiser."""
    unit = signal_unit(template)
    limit = _by_pyhf(workspace(template, signal_unit=unit), level)
    observed = limit.observed if template.observed is not None else None
    return replace(
        limit,
        observed=None if observed is None else observed * unit,
        expected=tuple(None if value is None else value * unit for value in limit.expected),
    )


def _by_pyhf(spec: Mapping[str, Any], level: float) -> Limit:
    try:
        found = pyhf_limits(spec, level)
    except (LimitUnboundedError, FitFailedError) as error:
        return Limit(
            observed=None,
            expected=(None,) * 5,
            status="unbounded" if isinstance(error, LimitUnboundedError) else "failed",
            message=str(error),
            solver="pyhf",
        )
    return Limit(
        observed=found.observed,
        expected=found.expected,
        status="ok",
        solver="pyhf",
    )
