"""The exact sampler: histograms of events drawn without replacement, straight from bin counts.

Picking n events of a pool without replacement and binning them is one draw of the multivariate
hypergeometric distribution on the pool's bin counts. Independent Binomial(K_k, q), conditioned on
their total, follow it for every q; so

1. every bin outside a small *head* of full bins gets an independent binomial, from a table where
   its mean is large and by skipping from event to event where it is small;
2. a candidate whose bins add up to T is kept with probability P(n - T) / max P, where P is the
   binomial of all head events together;
3. the head bins share the remaining n - T events by ordinary hypergeometric numbers.

Shape letters: N histograms, bins = flat cells.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rayscan.arrays import Counts, Integers
from rayscan.ensembles.proposals import Candidates, sequential
from rayscan.ensembles.tabulated import count_type
from rayscan.errors import PoolExhaustedError

SMALL_DRAW = 64
"""Fewer histograms than this do not repay the tables: they are drawn one bin after the other."""
SMALL_POOL = 4
"""So are pools with fewer non-empty bins than this."""
STRIP = 64
SMALL_STRATUM = 256
"""Histograms of about equal totals that repay tables of their own."""
LARGEST_POOL = 10**9
"""numpy's hypergeometric numbers take pools of fewer than 10^9 events."""


class Hypergeometric:
    """Histograms of n events drawn without replacement from a pool of bin counts.

    Args:
        counts: Pool events in each bin, shape (bins,); zeros are allowed.
        n: Events of each histogram; the typical number if ``draw`` is given ``totals``.
        pool: Name of the pool in error messages.

    Raises:
        PoolExhaustedError: ``n`` exceeds the pool.
        ValueError: Negative counts or n, or a pool of 10^9 events or more.

    >>> rng = np.random.default_rng(1)
    >>> Hypergeometric(np.array([3, 0, 2]), 5).draw(rng, 2)
    array([[3, 0, 2],
           [3, 0, 2]], dtype=uint16)
    """

    def __init__(self, counts: npt.ArrayLike, n: int, *, pool: str = "events") -> None:
        self.counts: Integers = np.array(counts, dtype=np.int64)
        self.size = int(self.counts.sum())
        self.n = int(n)
        self.pool = pool
        if self.counts.ndim != 1 or self.n < 0 or np.any(self.counts < 0):
            raise ValueError("counts: expected one axis of numbers of at least 0, and n at least 0")
        if self.size >= LARGEST_POOL:
            raise ValueError(f"counts: {self.size} pool events, expected fewer than 10^9")
        self._refuse(self.n)
        # Choosing n events is leaving N - n: the rarer of the two is drawn.
        self._complement = 2 * self.n > self.size
        self._filled: Integers = np.flatnonzero(self.counts)
        self._candidates: dict[int, Candidates] = {}

    def _refuse(self, needed: int) -> None:
        if needed > self.size:
            raise PoolExhaustedError(pool=self.pool, available=self.size, needed=needed)

    def draw(
        self,
        rng: np.random.Generator,
        histograms: int,
        out: Counts | None = None,
        *,
        totals: Integers | None = None,
    ) -> Counts:
        """Independent histograms.

        Args:
            rng: Source of randomness.
            histograms: How many, N.
            out: Array (N, bins) to write to, wide enough for the counts; made if absent.
            totals: Events of each histogram, shape (N,), if not all hold ``n``. Fast if they
                scatter around ``n`` about as Poisson numbers do, exact however far they lie.

        Returns:
            Counts, shape (N, bins), uint16, or uint32 where one could exceed 65,535.

        Raises:
            PoolExhaustedError: A total exceeds the pool.
            ValueError: ``out`` or ``totals`` of the wrong shape, or ``out`` too narrow.
        """
        wanted, largest = self._wanted(histograms, totals)
        kind = count_type(min(int(self.counts.max(initial=0)), largest))
        if out is None:
            out = np.empty((histograms, len(self.counts)), dtype=kind)
        elif out.shape != (histograms, len(self.counts)) or not np.can_cast(kind, out.dtype):
            raise ValueError(
                f"out: expected {(histograms, len(self.counts))} of {np.dtype(kind)}, "
                f"found {out.shape} of {out.dtype}"
            )
        drawn = self.size - wanted if self._complement else wanted
        left = [np.arange(histograms)]
        if self._pays(histograms, drawn):
            left = [self._split(rng, drawn, rows, n, out) for n, rows in self._strata(drawn)]
        rest = np.concatenate(left)
        self._one_by_one(rng, drawn[rest], rest, out)
        return out

    def _wanted(self, histograms: int, totals: Integers | None) -> tuple[Integers, int]:
        if totals is None:
            return np.full(histograms, self.n, dtype=np.int64), self.n
        wanted = np.asarray(totals, dtype=np.int64)
        if wanted.shape != (histograms,) or np.any(wanted < 0):
            raise ValueError(f"totals: expected {histograms} numbers of at least 0")
        largest = int(wanted.max(initial=0))
        self._refuse(largest)
        return wanted, largest

    @property
    def _typical(self) -> int:
        return self.size - self.n if self._complement else self.n

    def _pays(self, histograms: int, drawn: Integers) -> bool:
        some = self._typical > 0 and bool(drawn.any())
        return some and histograms >= SMALL_DRAW and len(self._filled) >= SMALL_POOL

    def _one_by_one(
        self, rng: np.random.Generator, left: Integers, rows: Integers, out: Counts
    ) -> None:
        """The same distribution bin after bin, for the few rows that are left."""
        if not left.size:
            return
        counts = self.counts[self._filled]
        if np.all(left == left[0]):
            found = rng.multivariate_hypergeometric(
                counts, int(left[0]), size=left.size, method="marginals"
            )
        else:
            found = sequential(rng, counts, left).T
        out[rows] = 0
        out[np.ix_(rows, self._filled)] = counts - found if self._complement else found

    def _made_for(self, n: int) -> Candidates:
        if n not in self._candidates:
            self._candidates[n] = Candidates(self.counts, n)
        return self._candidates[n]

    def _strata(self, drawn: Integers) -> list[tuple[int, Integers]]:
        """Rows of about equal totals, and the number of events to make their candidates for."""
        width = max(int(self._made_for(self._typical).reach), 1)
        level = np.rint((drawn - self._typical) / width).astype(np.int64)
        return [
            (
                min(max(self._typical + step * width, 1), self.size - 1),
                np.flatnonzero(level == step),
            )
            for step in np.unique(level).tolist()
        ]

    def _split(
        self, rng: np.random.Generator, drawn: Integers, rows: Integers, n: int, out: Counts
    ) -> Integers:
        """Fill some rows by the split sampler; those it did not get to."""
        same = bool(np.all(drawn[rows] == drawn[rows[0]]))
        if len(rows) < (SMALL_DRAW if n == self._typical else SMALL_STRATUM):
            return rows
        candidates = self._made_for(n)
        work = candidates.workspace(len(rows), int(drawn[rows].max()))
        pending, worth = rows, True
        while worth and len(pending) >= SMALL_DRAW:
            # Some more candidates than needed; those of unequal totals are made for one row each.
            surplus = 1.02 if same else 2.0
            tried = int(len(pending) / candidates.acceptance * surplus) + 64
            tried = min(tried, work.shape[1])
            owner = np.arange(tried) % len(pending)
            kept = candidates.fill(rng, work, tried, drawn[pending[owner]])
            kept, done = _matched(kept, len(pending), same=same)
            self._write(work, kept, pending[done], out)
            pending = np.delete(pending, done)
            worth = len(kept) > 0.05 * min(tried, len(pending))
        return pending

    def _write(self, work: Counts, kept: Integers, target: Integers, out: Counts) -> None:
        """Turn the kept columns of (bins, candidates) into rows of ``out``, strip by strip."""
        # Modulo 2^16 like everything unsigned: the difference is right even if a count is wider.
        everything = self.counts.astype(out.dtype)
        for first in range(0, len(kept), STRIP):
            some = slice(first, first + STRIP)
            rows = work[:, kept[some]].T.astype(out.dtype, copy=False)
            out[target[some]] = everything - rows if self._complement else rows


def _matched(kept: Integers, pending: int, *, same: bool) -> tuple[Integers, Integers]:
    """The candidates to use, ascending, and which of the pending rows each one fills."""
    if same:
        kept = kept[:pending]
        return kept, np.arange(len(kept))
    done, first = np.unique(kept % pending, return_index=True)
    order = np.argsort(first)
    return kept[first[order]], done[order]
