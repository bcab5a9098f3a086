"""Mid-term memory: at most so many semantic vectors, made of all that was said by online clustering.

The idea: a new vector joins the nearest cluster if it is near enough, and begins one of its own otherwise
(the leader algorithm: Hartigan 1975, "Clustering Algorithms", chapter 3); a cluster is the mean of its
members, updated with each (sequential k-means: MacQueen 1967, "Some methods for classification and analysis
of multivariate observations"). Where there are too many, one goes that was not used for long and is about
something else than what is being said.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Eviction = Literal["both", "lru", "similarity"]

MOST = 2048
"""Semantic vectors of a session."""
NEAR = 0.95
"""Least cosine to a cluster that a vector joins."""
OLD_SHARE = 8
"""Candidates for eviction are the least recently used 1/8, as in the tiers of a context."""
TOPIC = 0.9
"""Share of the present topic that stays when something new is said."""
_FIRST = 64


@dataclass(frozen=True, slots=True)
class Tuning:
    """How many vectors there are, what makes two of them one, and which one goes."""

    most: int = MOST
    near: float = NEAR
    eviction: Eviction = "both"


class Clusters:
    """Sums of unit vectors by cluster id, in memory; (n, D) float32 for n clusters.

    `changed` and `gone` are ids since they were last cleared, for whoever stores them.
    """

    def __init__(self, dims: int, tuning: Tuning = Tuning()) -> None:
        self.tuning = tuning
        self._sums = np.zeros((_FIRST, dims), dtype=np.float32)
        self._units = np.zeros((_FIRST, dims), dtype=np.float32)
        self._ids = np.full(_FIRST, -1, dtype=np.int64)
        self._counts = np.zeros(_FIRST, dtype=np.int64)
        self._used = np.zeros(_FIRST, dtype=np.int64)
        self._rows: dict[int, int] = {}
        self.next_id = 0
        self._topic = np.zeros(dims, dtype=np.float32)
        self.changed: set[int] = set()
        self.gone: set[int] = set()

    @property
    def row_bytes(self) -> int:
        """Bytes of a cluster in memory: its sum, its unit vector, and three numbers."""
        return 2 * int(self._sums[0].nbytes) + 24

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, ident: int) -> bool:
        return ident in self._rows

    def restore(self, rows: Iterable[tuple[int, bytes, int, int]], next_id: int) -> None:
        """Take over clusters (id, sum, members, last use) as they were stored."""
        self.next_id = next_id
        for ident, total, count, used in rows:
            self._place(ident, np.frombuffer(total, dtype=np.float32), count, used)
        newest = np.argsort(self._used)[-_FIRST:]
        self._topic = self._units[newest].mean(axis=0)

    def stored(self, ident: int) -> tuple[int, bytes, int, int]:
        """A cluster as `restore` takes it."""
        row = self._rows[ident]
        return ident, self._sums[row].tobytes(), int(self._counts[row]), int(self._used[row])

    def add(self, vector: Vector, clock: int) -> int:
        """The id of the cluster that a unit vector, (D,), joined or began.

        Where that is one too many, `evicted` names the one that has to go.
        """
        self._topic = TOPIC * self._topic + (1 - TOPIC) * vector
        cosines = self._units @ vector
        best = int(cosines.argmax()) if self._rows else -1
        if best >= 0 and self._ids[best] >= 0 and cosines[best] >= self.tuning.near:
            ident = int(self._ids[best])
            self._set(best, self._sums[best] + vector, int(self._counts[best]) + 1, clock)
        else:
            ident, self.next_id = self.next_id, self.next_id + 1
            self._place(ident, vector, 1, clock)
        self.changed.add(ident)
        return ident

    def remove(self, ident: int, vector: Vector) -> None:
        """Take a member out; a cluster without members goes."""
        row = self._rows[ident]
        if self._counts[row] <= 1:
            self.drop(ident)
        else:
            self._set(row, self._sums[row] - vector, int(self._counts[row]) - 1, int(self._used[row]))
            self.changed.add(ident)

    def drop(self, ident: int) -> None:
        """Forget a cluster with all its members."""
        row = self._rows.pop(ident)
        self._ids[row], self._counts[row], self._used[row] = -1, 0, 0
        self._sums[row] = self._units[row] = 0.0
        self.changed.discard(ident)
        self.gone.add(ident)

    def touch(self, idents: Iterable[int], clock: int) -> None:
        """Note that clusters were of use."""
        for ident in idents:
            self._used[self._rows[ident]] = clock
            self.changed.add(ident)

    def evicted(self) -> int | None:
        """The cluster that has to go, None while there is room."""
        if len(self._rows) <= self.tuning.most:
            return None
        rows = np.fromiter(self._rows.values(), dtype=np.int64)
        rows = rows[np.argsort(self._used[rows], kind="stable")]
        if self.tuning.eviction == "both":
            rows = rows[: max(1, len(rows) // OLD_SHARE)]
        if self.tuning.eviction != "lru":
            rows = rows[np.argsort(self._units[rows] @ self._topic, kind="stable")]
        return int(self._ids[rows[0]])

    def vector(self, ident: int) -> Vector:
        """The unit vector of a cluster, (D,)."""
        unit: Vector = self._units[self._rows[ident]]
        return unit

    def _place(self, ident: int, total: Vector, count: int, used: int) -> None:
        free = np.flatnonzero(self._ids < 0)
        if not len(free):
            self._grow()
            free = np.flatnonzero(self._ids < 0)
        row = int(free[0])
        self._rows[ident], self._ids[row] = row, ident
        self._set(row, total, count, used)

    def _set(self, row: int, total: Vector, count: int, used: int) -> None:
        self._sums[row], self._counts[row], self._used[row] = total, count, used
        self._units[row] = total / max(float(np.linalg.norm(total)), 1e-12)

    def _grow(self) -> None:
        for name in ("_sums", "_units", "_counts", "_used"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
        self._ids = np.concatenate([self._ids, np.full(len(self._ids), -1, dtype=np.int64)])
