"""The directory of one process: for a reader embedded in the gateway, where no Redis is given.

The idea: a lock and dicts. It lives and dies with the one node that it knows, so it is never lost while
somebody believes to hold something.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.serve.directory.base import (
    REMEMBERED_S,
    Claim,
    Held,
    Holding,
    Key,
    Load,
    Quota,
    QuotaExceeded,
    Usage,
)
from tasks.serve.directory.eviction import coldest


@dataclass
class _Lease:
    claim: Claim
    node: str
    until: float
    bytes: int = 0


@dataclass(frozen=True)
class _Told:
    """One heartbeat."""

    until: float
    load: Load
    holdings: tuple[Holding, ...]


class LocalDirectory:
    """See `Directory`.

    Args:
        clock: seconds that only grow.
    """

    def __init__(
        self, lease_s: float, quota: Quota | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.lease_s, self.quota, self.clock = lease_s, quota or Quota(), clock
        self.lock = threading.Lock()
        self.leases: dict[Key, _Lease] = {}
        self.told: dict[str, _Told] = {}
        self.fence = 0

    def claim(self, tenant: str, key: str, node: str) -> Claim:
        with self.lock:
            now = self.clock()
            self._forget(now)
            lease = self.leases.get((tenant, key))
            alive = lease is not None and lease.until > now
            if lease is not None and alive and lease.node != node:
                raise Held(key, lease.node, lease.until - now)
            if not alive:
                self._admit(tenant, now)
            # larger than that of any process before, whose saved contexts this one may open
            self.fence = max(self.fence + 1, time.time_ns() // 1000)
            claim = Claim(tenant, key, self.fence)
            self.leases[tenant, key] = _Lease(claim, node, now + self.lease_s)
            return claim

    def beat(self, node: str, holdings: Sequence[Holding], load: Load) -> set[Key]:
        lost = set()
        with self.lock:
            until = self.clock() + self.lease_s
            self.told[node] = _Told(until, load, tuple(holdings))
            for one in holdings:
                key = (one.claim.tenant, one.claim.key)
                lease = self.leases.get(key)
                if lease is None or lease.claim != one.claim:
                    lost.add(key)
                else:
                    lease.until, lease.bytes = until, one.bytes
        return lost

    def holder(self, tenant: str, key: str) -> str | None:
        with self.lock:
            lease = self.leases.get((tenant, key))
            return lease.node if lease is not None and lease.until > self.clock() else None

    def release(self, tenant: str, key: str, node: str) -> None:
        with self.lock:
            lease = self.leases.get((tenant, key))
            if lease is not None and lease.node == node:
                del self.leases[tenant, key]

    def leave(self, node: str) -> None:
        with self.lock:
            self.told.pop(node, None)

    def nodes(self) -> dict[str, Load]:
        with self.lock:
            now = self.clock()
            return {node: told.load for node, told in self.told.items() if told.until > now}

    def held(self, node: str) -> list[Holding]:
        with self.lock:
            told = self.told.get(node)
            return list(told.holdings) if told is not None and told.until > self.clock() else []

    def usage(self, tenant: str) -> Usage:
        with self.lock:
            return self._usage(tenant, self.clock())

    def evictable(self, node: str, need_bytes: int, focus: Sequence[float]) -> list[Key]:
        return coldest(self.held(node), need_bytes, focus)

    def close(self) -> None:
        pass

    def _forget(self, now: float) -> None:
        """Drop what is over for long."""
        self.leases = {key: one for key, one in self.leases.items() if one.until > now - REMEMBERED_S}
        self.told = {node: one for node, one in self.told.items() if one.until > now}

    def _admit(self, tenant: str, now: float) -> None:
        """Refuse a claim above the quota."""
        used = self._usage(tenant, now)
        for what in ("contexts", "bytes"):
            limit = getattr(self.quota, what)
            if limit and getattr(used, what) >= limit:
                raise QuotaExceeded(tenant, what, getattr(used, what), limit)

    def _usage(self, tenant: str, now: float) -> Usage:
        alive = [lease for (of, _), lease in self.leases.items() if of == tenant and lease.until > now]
        return Usage(len(alive), sum(lease.bytes for lease in alive))
