"""How hyperparameters are searched, as a scan file says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

from rayscan.scan.config.samplers import SAMPLERS

Objective = Literal["auc", "loss", "significance", "limit"]
MAXIMISED: Mapping[str, bool] = {"auc": True, "loss": False, "significance": True, "limit": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How hyperparameters are searched: one Optuna study per point.

    Attributes:
        sampler: A member of `SAMPLERS`, which says what its options are.
        trials: Trained members per point, by default 20; ``grid`` trains all combinations.
        batch: Members suggested together, from the results of all earlier batches; part of the
            search, not of the machine, so that tables do not depend on how many workers there were.
            Those of a grid are one batch.
        pruner: ``none``, or ``median``: stop a member below the median of the earlier ones.
        objective: What is optimised on the validation pool: ``auc``, ``loss``, ``significance``
            (Asimov, channels by response) or ``limit`` (expected, channels by response).
        startup: Of ``tpe`` and ``gp``: members at random before the sampler chooses; by default
            half of them, at most 10.
        population: Of ``nsga2``: members of a generation; by default a quarter, at most 50.
    """

    sampler: str = "tpe"
    trials: int | None = None
    batch: int = 4
    pruner: Literal["none", "median"] = "median"
    objective: Objective = "auc"
    startup: int | None = None
    population: int | None = None

    def __post_init__(self) -> None:
        for name in ("trials", "batch"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)}, expected at least 1")
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler: {SAMPLERS.unknown(self.sampler)}")
        own = SAMPLERS[self.sampler]
        for each in fields(self):
            said = each.default is None and getattr(self, each.name) is not None
            if said and each.name not in own.keys:
                raise ValueError(f"{each.name}: sampler {self.sampler} has none; remove")
        for name, value in own.options(self).items():
            object.__setattr__(self, name, value)
