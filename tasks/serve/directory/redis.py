"""The directory of many nodes, in one Redis: a server, or a primary with replicas that take over.

The idea: every step is one script in Redis, by the server's clock (`tasks.serve.directory.scripts`). What is
kept there is only what nodes tell again with their next heartbeat, so it may be lost at any time.

What is guaranteed, as long as clocks run equally fast and the server's is not set:
- Two nodes never both believe to hold a context within their leases: also not across a restart of Redis, with
  or without what it had stored, or when a replica with an older state takes over. For a lease it then grants
  only what nodes have told it of since (`Recovering`). A node counts a lease from before it asks, Redis from
  after; what was over by the node's own clock is not told anew (`Holding.lapsed`).
- A later claim has a larger fence, also after a loss: it is made of the server's time in microseconds.
What is not:
- FLUSHALL, or eviction by `maxmemory`, at a server that goes on: nodes learn with their next heartbeat that
  they lost what they held; until then another one may have claimed it. So too where the server's clock is set
  forward by a lease. What is saved then is still told apart by the fence.
- A primary that was cut off and goes on answering beside the one that replaced it. The fence again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tasks.errors import InvalidInput, Transient
from tasks.serve.directory import scripts
from tasks.serve.directory.base import (
    REMEMBERED_S,
    Claim,
    Held,
    Holding,
    Key,
    Load,
    Quota,
    QuotaExceeded,
    Recovering,
    Usage,
)
from tasks.serve.directory.eviction import coldest
from tasks.serve.directory.wire import holdings_of, holdings_text, load_of, load_text

if TYPE_CHECKING:
    import redis

PREFIX = "nightread"
TIMEOUT_S = 2.0
"""For one answer of Redis."""
TRIES = 4
"""Of one call, within about a second where connections are refused."""
_OF_TENANT = ("until", "node", "fence", "bytes", "epoch")
_OF_NODES = [f"{PREFIX}:{{nodes}}:{name}" for name in ("until", "load", "held")]


class RedisDirectory:
    """See `Directory`.

    Args:
        url: redis://[[USER]:PASSWORD@]HOST:PORT/DB, rediss:// with TLS, unix:///SOCKET. It is never shown.

    Raises:
        InvalidInput: if it is none of these. Whether a Redis answers is seen by the first call.
    """

    def __init__(self, url: str, lease_s: float, quota: Quota | None = None) -> None:
        self.lease_s, self.quota = lease_s, quota or Quota()
        self.client, self.place = _client(url), _place(url)
        self._scripts: dict[str, Callable[..., Any]] = {}

    def claim(self, tenant: str, key: str, node: str) -> Claim:
        limits = (self.quota.contexts, self.quota.bytes)
        arguments = (key, node, _ms(self.lease_s), *limits, _ms(REMEMBERED_S))
        said, *more = self._run(scripts.CLAIM, keys_of(tenant), *arguments)
        if said == "held":
            raise Held(key, more[0], int(more[1]) / 1000)
        if said == "recovering":
            raise Recovering(key, int(more[0]) / 1000)
        if said != "granted":
            raise QuotaExceeded(tenant, said, int(more[0]), getattr(self.quota, said))
        return Claim(tenant, key, int(more[0]))

    def beat(self, node: str, holdings: Sequence[Holding], load: Load) -> set[Key]:
        told = (load_text(load), holdings_text(holdings))
        arguments = (node, _ms(self.lease_s), *told, _ms(REMEMBERED_S))
        self._run(scripts.BEAT, _OF_NODES, *arguments)
        lost = set()
        for tenant in {one.claim.tenant for one in holdings}:
            rows: list[tuple[str | int, ...]] = [
                (one.claim.key, one.claim.fence, one.bytes, int(one.lapsed))
                for one in holdings
                if one.claim.tenant == tenant
            ]
            keys = self._run(scripts.RENEW, keys_of(tenant), node, arguments[1], *chain(*rows))
            lost |= {(tenant, key) for key in keys}
        return lost

    def holder(self, tenant: str, key: str) -> str | None:
        node: str | None = self._run(scripts.HOLDER, keys_of(tenant), key)
        return node

    def release(self, tenant: str, key: str, node: str) -> None:
        self._run(scripts.RELEASE, keys_of(tenant), key, node)

    def leave(self, node: str) -> None:
        with self._translated():
            self.client.zrem(_OF_NODES[0], node)

    def nodes(self) -> dict[str, Load]:
        told = iter(self._run(scripts.NODES, _OF_NODES))
        return {node: load_of(load) for node, load in zip(told, told, strict=True)}

    def held(self, node: str) -> list[Holding]:
        return holdings_of(self._run(scripts.HELD, _OF_NODES, node) or "[]")

    def usage(self, tenant: str) -> Usage:
        contexts, held = self._run(scripts.USAGE, keys_of(tenant))
        return Usage(contexts, int(held))

    def evictable(self, node: str, need_bytes: int, focus: Sequence[float]) -> list[Key]:
        return coldest(self.held(node), need_bytes, focus)

    def close(self) -> None:
        self.client.close()

    def _run(self, script: str, keys: Sequence[str], *arguments: str | int) -> Any:
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = self.client.register_script(script)
        with self._translated():
            return known(keys, arguments)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Within the block errors of Redis are the pipeline's; its client has tried several times by then."""
        from redis import exceptions as known

        try:
            yield
        except (known.AuthenticationError, known.NoPermissionError) as error:
            remedy = (
                "give user and password in serve.redis_url, with rights on keys nightread:*, EVAL and INFO"
            )
            raise InvalidInput(f"Redis at {self.place} refused this user: {remedy}") from error
        except known.RedisError as error:
            raise Transient(f"Redis at {self.place} (serve.redis_url): {error}") from error


def _client(url: str) -> "redis.Redis":
    import redis
    from redis.backoff import ExponentialWithJitterBackoff
    from redis.retry import Retry

    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=0.5), TRIES - 1),
        )
    except (ValueError, TypeError):  # whose messages show what may be a password
        raise InvalidInput(
            "serve.redis_url is no address of a Redis: use redis://[[USER]:PASSWORD@]HOST:PORT/DB, rediss:// "
            "with TLS, or unix:///SOCKET, with special characters percent-encoded"
        ) from None


def _place(url: str) -> str:
    """The address without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2] or urlsplit(url).path


def keys_of(tenant: str) -> list[str]:
    """Where a tenant's leases lie: until, node, fence, bytes, epoch; on one node of a cluster of Redis."""
    return [f"{PREFIX}:{{tenant {quote(tenant, safe='')}}}:{name}" for name in _OF_TENANT]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
