"""What nodes tell each other about contexts: claims, leases, holdings, load; the directory's interface.

The idea: a context is hot on one node at a time. A node claims it, tells of it with every heartbeat, which
renews its lease, and no longer uses it when the lease is over and no heartbeat went through. Every claim has
a fence, a number larger than that of all claims of this context before it: what is saved with a smaller one
is refused (`tasks.serve.directory.fence`), however long the node that lost its lease was asleep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.errors import InvalidInput, Transient

Key = tuple[str, str]
"""A context: its tenant ("" is the home itself) and its name there."""
REMEMBERED_S = 3600.0
"""For so long a lease that is over can be renewed by its holder, unless another node claims the context."""


@dataclass(frozen=True)
class Claim:
    """A node's right to a context, while it is renewed."""

    tenant: str
    key: str
    fence: int


@dataclass(frozen=True)
class Holding:
    """What a node tells about one context that it holds."""

    claim: Claim
    tier: str
    """The fastest that it lies in: device, host or disk."""
    tokens: int
    bytes: int
    """In use of that node's budgets."""
    idle_s: float
    """Seconds since it was last used; a duration, so that nodes need no common clock."""
    topic: tuple[float, ...] = ()
    """What it is about, of any length; empty where that is not known."""
    busy: bool = False
    """Whether it is being read or asked: such a one is never evicted."""
    lapsed: bool = False
    """Whether the lease was over, by the node's own clock, when it told this."""


@dataclass(frozen=True)
class Load:
    """How busy a node is, as it tells with every heartbeat."""

    queued: int = 0
    running: int = 0
    slots: int = 1
    """Requests that it works on at once."""
    contexts: int = 0
    bytes: int = 0

    @property
    def busy(self) -> float:
        """Requests for each that it can work on at once: from 1 on, a further one waits."""
        return (self.queued + self.running) / max(1, self.slots)


@dataclass(frozen=True)
class Quota:
    """What one tenant may hold hot on all nodes together; 0 is without limit."""

    contexts: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Usage:
    """What one tenant holds hot on all nodes together."""

    contexts: int = 0
    bytes: int = 0


class Held(Transient):
    """Another node holds the context: ask there, or claim again when its lease may be over."""

    def __init__(self, key: str, by: str, retry_after_s: float) -> None:
        super().__init__(f"{key}: {by} holds it: ask there, or again in {retry_after_s:.1f} s")
        self.by, self.retry_after_s = by, retry_after_s


class Recovering(Transient):
    """The directory was lost, and the nodes have not yet told what they hold."""

    def __init__(self, key: str, retry_after_s: float) -> None:
        super().__init__(
            f"{key}: the directory was started anew and waits for the nodes to tell what they hold: "
            f"again in {retry_after_s:.1f} s"
        )
        self.retry_after_s = retry_after_s


class QuotaExceeded(InvalidInput):
    """The tenant holds as much as it may."""

    def __init__(self, tenant: str, what: str, used: int, limit: int) -> None:
        super().__init__(
            f"tenant {tenant!r} holds {used:,} of {limit:,} {what}: "
            f"close contexts, or raise serve.{'tenant_mb' if what == 'bytes' else 'tenant_contexts'}"
        )
        self.tenant, self.what, self.used, self.limit = tenant, what, used, limit


class Directory(Protocol):
    """Who holds which context. Every method may be called from any thread.

    All raise `Transient` where the directory cannot be reached; the same call may be made again.
    """

    lease_s: float
    """How long a claim holds without a heartbeat; the same on all nodes. Beat three times as often."""

    def claim(self, tenant: str, key: str, node: str) -> Claim:
        """Make `node` the holder. A node may claim what it holds: the new claim takes the old one's place.

        Raises:
            Held: if another node's lease is not over.
            QuotaExceeded: if the tenant holds as much as it may.
            Recovering: if another node may hold it without the directory knowing.
        """

    def beat(self, node: str, holdings: Sequence[Holding], load: Load) -> set[Key]:
        """The node lives, and holds this. Renews these leases, also one that is over but not another's.

        Returns:
            What is no longer the node's: another node claimed it, or may have.
        """

    def holder(self, tenant: str, key: str) -> str | None:
        """The node whose lease of the context is not over."""

    def release(self, tenant: str, key: str, node: str) -> None:
        """The node no longer holds the context; nothing happens where it did not."""

    def leave(self, node: str) -> None:
        """The node takes no more requests; what it holds it releases one by one."""

    def nodes(self) -> dict[str, Load]:
        """Nodes whose last heartbeat is no older than a lease, by address."""

    def held(self, node: str) -> list[Holding]:
        """What a node told with its last heartbeat, if that is no older than a lease."""

    def usage(self, tenant: str) -> Usage:
        """What a tenant holds under leases that are not over."""

    def evictable(self, node: str, need_bytes: int, focus: Sequence[float]) -> list[Key]:
        """Contexts of a node to give up for so many bytes, the first one first (see `eviction.coldest`)."""

    def close(self) -> None:
        """Close connections."""
