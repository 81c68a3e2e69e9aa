"""Synthetic events between real ones: SMOTE (N. V. Chawla et al., JAIR 16 (2002) 321).

It adds no information: what was not in the events is not in what lies between them. Made before
events are split into pools it puts neighbours of test events into the training.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 5


def smote(
    rng: np.random.Generator, rows: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.float32]:
    """Events at random places between a random event and one of its five nearest.

    Near is what is near in standardised features, an absent one (NaN) being at its mean. Between an
    event that has an object and one that has not there is none.

    Args:
        rng: The stream.
        rows: Features of real events, shape (E, F), more than five events.
        count: Events to make.

    Raises:
        ValueError: There are too few events.
    """
    if len(rows) <= NEIGHBOURS:
        raise ValueError(f"SMOTE needs more than {NEIGHBOURS} events, found {len(rows)}")
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  a second, for those who use it

    known = np.asarray(rows, dtype=np.float64)
    mean, width = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    seen = np.nan_to_num((known - mean) / np.where(width > 0, width, 1.0))
    first = rng.integers(len(rows), size=count)
    tree = NearestNeighbors(n_neighbors=NEIGHBOURS + 1).fit(seen)
    asked, place = np.unique(first, return_inverse=True)
    near = tree.kneighbors(seen[asked], return_distance=False)
    # An event is its own nearest, unless another is equal to it.
    chosen = near[place, rng.integers(1, NEIGHBOURS + 1, size=count)]
    along = rng.random((count, 1))
    between = known[first] + along * (known[chosen] - known[first])
    return np.asarray(between, dtype=np.float32)
