"""Which packs are to train, which are out, what came back and what is tried again; no Tune here."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rayscan.cluster.studies import PointStudy
from rayscan.scan.config.scan import ScanConfig
from rayscan.scan.plan.members import MemberPlan, fixed_packs
from rayscan.scan.plan.points import Point, packed

Row: TypeAlias = Mapping[str, Any]
Done: TypeAlias = Callable[[Row], None]
Pack: TypeAlias = tuple[MemberPlan, ...]

MAX_RETRIES = 2
"""Times a pack is tried again after its worker died."""


def part_of(pack: Sequence[MemberPlan]) -> str:
    """Name of the ledger part of a pack."""
    return pack[0].key if len(pack) == 1 else f"{pack[0].key}-{pack[-1].key}"


@dataclass(slots=True)
class Queue:
    """The packs of a scan on their way.

    Packs whose rows are in the ledger already are told to their study and never handed out.
    """

    config: ScanConfig
    points: Sequence[Point]
    fingerprint: str
    finished: Mapping[str, Row]
    done: Done
    _ready: deque[Pack] = field(init=False, default_factory=deque)
    _studies: dict[tuple[str, int | None], PointStudy] = field(init=False, default_factory=dict)
    _starts: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        for point, fold in itertools.product(self.points, self.config.pools.numbers):
            if point.mode == "search":
                self._studies[point.name, fold] = PointStudy(
                    config=self.config, point=point, fingerprint=self.fingerprint, fold=fold
                )
        for pack in fixed_packs(self.config, self.points, fingerprint=self.fingerprint):
            self._put(pack)
        self._refill()

    def take(self) -> tuple[Pack, list[Any]] | None:
        """A pack and the earlier trials its pruner needs, or None while none is ready."""
        if not self._ready:
            self._refill()
        if not self._ready:
            return None
        pack = self._ready.popleft()
        self._starts[part_of(pack)] += 1
        study = self._studies.get((pack[0].point.name, pack[0].fold))
        prunes = study is not None and self.config.search.pruner != "none"
        return pack, study.earlier() if study is not None and prunes else []

    def starts(self, pack: Pack) -> int:
        """Times a pack was handed out."""
        return self._starts[part_of(pack)]

    def give_back(self, pack: Pack, *, blamed: bool = True) -> bool:
        """Take a pack back whose worker died; False if it was tried often enough.

        Where another pack is known to be the cause (not ``blamed``) this start does not count.
        """
        if not blamed:
            self._starts[part_of(pack)] -= 1
        if self._starts[part_of(pack)] > MAX_RETRIES:
            return False
        self._ready.appendleft(pack)
        return True

    @property
    def exhausted(self) -> bool:
        """Whether nothing is ready and no study will suggest more."""
        return not self._ready and all(s.finished for s in self._studies.values())

    def receive(self, rows: Sequence[Row]) -> None:
        """Take the rows of a pack that ended."""
        for row in rows:
            self.done(row)
            study = self._studies.get((row["point"], row.get("fold")))
            if study is not None:
                study.tell(row["repeat"], row)

    def _put(self, pack: Pack) -> None:
        known = [self.finished[p.key] for p in pack if p.key in self.finished]
        if len(known) == len(pack):
            self.receive(known)
        else:
            self._ready.append(pack)

    def _refill(self) -> None:
        for study in self._studies.values():
            size = packed(self.config, study.point)
            while batch := study.suggest():
                for first in range(0, len(batch), size):
                    self._put(batch[first : first + size])
