"""Observables of the whole event."""

from __future__ import annotations

from rayscan.events.observables.base import Observable

MET = Observable(
    unit="GeV",
    description="missing transverse momentum",
    needs=frozenset({("met", "pt")}),
    values=lambda event: event.of("met").leading(1, "pt"),
)
MET_PHI = Observable(
    unit="rad",
    description="azimuth of the missing transverse momentum",
    needs=frozenset({("met", "phi")}),
    values=lambda event: event.of("met").leading(1, "phi"),
)
HT = Observable(
    unit="GeV",
    description="scalar sum of the transverse momenta of the jets",
    needs=frozenset({("jet", "pt")}),
    values=lambda event: event.of("jet").total(event.of("jet").values["pt"]),
)
