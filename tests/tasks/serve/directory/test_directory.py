"""What every directory promises, whatever it keeps its leases in."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tasks.serve.directory.base import Claim, Directory, Held, Holding, Load, Quota, QuotaExceeded, Usage
from tests.tasks.serve.directory.conftest import DirectoryOf
from tests.tasks.serve.readers import until

A, B = "127.0.0.1:7001", "127.0.0.1:7002"
SHORT = 0.3
"""Seconds of a lease that a test waits out."""
TOPIC = (1.0, 0.0)


def holding(claim: Claim, **fields: object) -> Holding:
    """What a node tells of a claim, where it matters for a test."""
    usual = Holding(claim, tier="host", tokens=1000, bytes=100, idle_s=0.0)
    return replace(usual, **fields)  # type: ignore[arg-type]


def claimed_at_last(directory: Directory, key: str, node: str) -> Claim:
    """The claim that is granted when another node's lease is over."""
    while True:
        try:
            return directory.claim("", key, node)
        except Held as held:
            time.sleep(min(held.retry_after_s, SHORT))


def test_one_node_holds_a_context_until_it_releases_it(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    assert directory.holder("", "book") is None
    directory.claim("", "book", A)
    assert directory.holder("", "book") == A
    with pytest.raises(Held, match=A) as refused:
        directory.claim("", "book", B)
    assert refused.value.by == A
    assert 0 < refused.value.retry_after_s <= 60
    directory.release("", "book", B)
    assert directory.holder("", "book") == A, "who does not hold it releases nothing"
    directory.release("", "book", A)
    assert directory.holder("", "book") is None
    directory.claim("", "book", B)
    assert directory.holder("", "book") == B


def test_a_context_of_the_same_name_is_another_tenants_own(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    for tenant, node in (("", A), ("acme", B), ("a{b}c:d e", A)):
        directory.claim(tenant, "book", node)
    assert [directory.holder(tenant, "book") for tenant in ("", "acme", "a{b}c:d e")] == [A, B, A]
    directory.release("acme", "book", B)
    assert directory.holder("", "book") == A


def test_of_many_that_claim_at_once_one_gets_it(directory_of: DirectoryOf) -> None:
    directory = directory_of()

    def claims(node: int) -> bool:
        try:
            directory.claim("", "book", f"node-{node}")
        except Held:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(claims, range(64))) == 1


def test_a_claim_is_fenced_above_all_before_it(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    fences = []
    for round_ in range(20):
        node = (A, B)[round_ % 2]
        fences.append(directory.claim("", "book", node).fence)
        fences.append(directory.claim("", "book", node).fence)
        directory.release("", "book", node)
    assert fences == sorted(set(fences))
    assert all(type(fence) is int for fence in fences)
    # a directory that starts anew goes on above: what an older claim saves late is told from this one's
    assert directory_of().claim("", "book", A).fence > fences[-1]


def test_heartbeats_keep_a_lease_and_silence_ends_it(directory_of: DirectoryOf) -> None:
    directory = directory_of(SHORT)
    kept, dropped = directory.claim("", "kept", A), directory.claim("", "dropped", A)
    assert directory.beat(A, [holding(kept), holding(dropped)], Load()) == set()

    def only_one_is_left() -> bool:
        assert directory.beat(A, [holding(kept)], Load()) == set()
        return [directory.holder("", key) for key in ("kept", "dropped")] == [A, None]

    until(only_one_is_left)
    until(lambda: directory.holder("", "kept") is None)


def test_a_lease_that_is_over_is_renewed_unless_another_node_came(directory_of: DirectoryOf) -> None:
    directory = directory_of(SHORT)
    slow, taken = directory.claim("", "slow", A), directory.claim("", "taken", A)
    until(lambda: directory.holder("", "slow") is None and directory.holder("", "taken") is None)
    theirs = claimed_at_last(directory, "taken", B)
    assert directory.beat(A, [holding(slow), holding(taken)], Load()) == {("", "taken")}
    assert directory.holder("", "slow") == A
    assert directory.beat(B, [holding(theirs)], Load()) == set()
    directory.release("", "taken", A)
    assert directory.holder("", "taken") == B, "a late release is nobody's"


def test_an_older_claim_of_the_same_node_is_lost(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    before = directory.claim("", "book", A)  # of a process that was killed: another has its address now
    after = directory.claim("", "book", A)
    assert directory.beat(A, [holding(before)], Load()) == {("", "book")}
    assert directory.beat(A, [holding(after)], Load()) == set()
    directory.release("", "book", A)
    assert directory.beat(A, [holding(after)], Load()) == {("", "book")}


def test_nodes_are_those_that_beat(directory_of: DirectoryOf) -> None:
    directory = directory_of(SHORT)
    busy = Load(queued=3, running=2, slots=4, contexts=7, bytes=1 << 33)
    directory.beat(A, [], busy)
    directory.beat(B, [], Load())
    assert directory.nodes() == {A: busy, B: Load()}
    assert busy.busy == 1.25
    directory.leave(B)
    assert directory.nodes() == {A: busy}
    until(lambda: directory.nodes() == {})


def test_a_node_tells_what_it_holds_and_where(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    told = [
        holding(directory.claim("", "book", A), tier="disk", tokens=12, bytes=1 << 40, topic=(0.5, -2.0)),
        holding(directory.claim("acme", "bücher", A), idle_s=2.5, busy=True),
    ]
    directory.beat(A, told, Load())
    assert directory.held(A) == told
    assert directory.held(B) == []


def test_a_tenant_holds_no_more_contexts_than_its_quota(directory_of: DirectoryOf) -> None:
    directory = directory_of(quota=Quota(contexts=2))
    directory.claim("acme", "one", A)
    directory.claim("acme", "two", B)
    with pytest.raises(
        QuotaExceeded, match=r"'acme' holds 2 of 2 contexts.*serve\.tenant_contexts"
    ) as refused:
        directory.claim("acme", "three", A)
    assert (refused.value.tenant, refused.value.used, refused.value.limit) == ("acme", 2, 2)
    directory.claim("acme", "two", B)  # what it holds already is not one more
    directory.claim("other", "three", A)
    directory.release("acme", "one", A)
    directory.claim("acme", "three", A)
    assert directory.usage("acme") == Usage(contexts=2)


def test_a_tenant_holds_no_more_bytes_than_its_quota(directory_of: DirectoryOf) -> None:
    directory = directory_of(quota=Quota(bytes=250))
    one, two = directory.claim("", "one", A), directory.claim("", "two", B)
    directory.beat(A, [holding(one, bytes=100)], Load())
    directory.beat(B, [holding(two, bytes=150)], Load())
    assert directory.usage("") == Usage(contexts=2, bytes=250)
    with pytest.raises(QuotaExceeded, match=r"holds 250 of 250 bytes.*serve\.tenant_mb"):
        directory.claim("", "three", A)
    directory.beat(B, [holding(two, bytes=20)], Load())
    directory.claim("", "three", A)


def test_leases_that_are_over_use_up_no_quota(directory_of: DirectoryOf) -> None:
    directory = directory_of(SHORT, Quota(contexts=1))
    directory.claim("acme", "one", A)
    until(lambda: directory.usage("acme") == Usage())
    directory.claim("acme", "two", A)
    assert directory.holder("acme", "two") == A


def test_a_node_gives_up_what_is_cold(directory_of: DirectoryOf) -> None:
    directory = directory_of()
    ages = {"new": 1.0, "old": 90.0, "older": 100.0}
    told = [holding(directory.claim("", key, A), idle_s=age) for key, age in ages.items()]
    directory.beat(A, told, Load())
    assert directory.evictable(A, 150, ()) == [("", "older"), ("", "old")]
    assert directory.evictable(B, 150, ()) == []
