"""pyhf itself: the referee of our limits, and the solver of models we do not cover.

pyhf keeps its backend in global state; every call here sets numpy with scipy's SLSQP and puts back
what was set before. Not to be called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rayscan.errors import FitFailedError, LimitUnboundedError
from rayscan.stats.fit import background_fit
from rayscan.stats.template import Template
from rayscan.stats.workspace import parameters, workspace

_MEDIAN = 2
_ROOT_TOLERANCE = 1e-5
_STEP = 1e-6
"""Of SLSQP's finite differences. The log-likelihood of n events is known to a rounding of
2e-16 n log(n), and bends by n u^2 for a relative uncertainty u: the best step is
2 sqrt(2e-16 log(n)) / u, from 1e-7 (u = 1) to 2e-6 (u = 5 %) whatever n. With scipy's own, 1.5e-8,
a derivative in mu is uncertain by 2 at 10^7 events, and CLs by a hundredth or all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PyhfValues:
    """One number for the observed data and five for background-only data at -2..+2 sigma."""

    observed: float
    expected: tuple[float, ...]


def referee(template: Template, mu: float) -> float:
    """CLs at mu by one pyhf ``hypotest`` for median background-only data.

    At a correct median expected limit it is 0.05. The model is given to pyhf with the signal in
    units of ``mu``, the same likelihood with a parameter of order one (``workspace``), and its
    fits start at our background-only fit: SLSQP alone loses its way among bins of very different
    contents. The likelihood and its minima are pyhf's; from a wrong fit of ours it would descend.

    Raises:
        FitFailedError: pyhf's minimiser did not converge.
    """
    merged = template.without_empty_bins()
    null = background_fit(merged, mu)
    start = parameters(merged, null.theta[0], null.point.gamma[0])
    return cls_values(workspace(merged, signal_unit=mu), 1.0, start).expected[_MEDIAN]


def cls_values(
    spec: Mapping[str, Any], mu: float, start: Mapping[str, list[float]] | None = None
) -> PyhfValues:
    """CLs of a pyhf workspace of one measurement at one signal strength (q-tilde, asymptotic).

    Its fits start at the values given by name, else where pyhf's own do.

    Raises:
        FitFailedError: pyhf refused the workspace or its minimiser did not converge.
    """
    with _pyhf() as pyhf:
        model, data = _model(pyhf, spec)
        order = model.config.par_order
        first = None if start is None else [v for name in order for v in start[name]]
        return _hypotest(pyhf, model, data, mu, first)


def pyhf_limits(spec: Mapping[str, Any], level: float) -> PyhfValues:
    """Upper limits of a workspace by pyhf's own root finder: any model, minutes per limit.

    The search ends at the upper bound the workspace gives its parameter of interest.

    Raises:
        LimitUnboundedError: Some limit lies beyond that bound.
        FitFailedError: pyhf refused the workspace or its minimiser did not converge.
    """
    with _pyhf() as pyhf:
        model, data = _model(pyhf, spec)
        bound = float(model.config.suggested_bounds()[model.config.poi_index][1])
        high = _excluded(pyhf, model, data, level, bound)
        scan = pyhf.infer.intervals.upper_limits.toms748_scan
        observed, expected = scan(data, model, 0.0, high, level=level, rtol=_ROOT_TOLERANCE)
        return PyhfValues(observed=float(observed), expected=tuple(float(e) for e in expected))


@contextmanager
def _pyhf() -> Iterator[Any]:
    """Lend pyhf on numpy; what goes wrong in it comes out as our error."""
    import pyhf  # noqa: PLC0415  its import takes a second

    before = pyhf.get_backend()
    optimizer = pyhf.optimize.scipy_optimizer(solver_options={"eps": _STEP})
    pyhf.set_backend("numpy", optimizer)
    try:
        yield pyhf
    except _errors(pyhf) as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise FitFailedError(model="a pyhf workspace", why=why) from error
    finally:
        pyhf.set_backend(*before)


def _errors(pyhf: Any) -> tuple[type[Exception], ...]:
    """What pyhf raises: its own exceptions, without a common base, and ValueError."""
    found = vars(pyhf.exceptions).values()
    own = (e for e in found if isinstance(e, type) and issubclass(e, Exception))
    return (ValueError, *own)


def _model(pyhf: Any, spec: Mapping[str, Any]) -> tuple[Any, Any]:
    document = pyhf.Workspace(dict(spec))
    model = document.model()
    return model, document.data(model)


def _hypotest(
    pyhf: Any, model: Any, data: Any, mu: float, start: list[float] | None = None
) -> PyhfValues:
    observed, expected = pyhf.infer.hypotest(
        mu, data, model, init_pars=start, test_stat="qtilde", return_expected_set=True
    )
    return PyhfValues(observed=float(observed), expected=tuple(float(e) for e in expected))


def _excluded(pyhf: Any, model: Any, data: Any, level: float, bound: float) -> float:
    """A strength at which every band is excluded, found by doubling."""
    strength = min(1.0, bound)
    while True:
        values = _hypotest(pyhf, model, data, strength)
        if np.all(np.array([values.observed, *values.expected]) < level):
            return strength
        if strength >= bound:
            raise LimitUnboundedError(why=f"mu = {bound:g}, the bound of mu, is not excluded")
        strength = min(2.0 * strength, bound)
