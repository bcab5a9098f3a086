"""What is kept in Redis may be lost at any time: nobody holds what another believes to hold."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from tasks.errors import InvalidInput, Transient
from tasks.serve.directory.base import Claim, Held, Holding, Load, Recovering
from tasks.serve.directory.claims import Claims
from tasks.serve.directory.redis import RedisDirectory, keys_of
from tests.redis_server import RedisServer, redis_server
from tests.tasks.serve.directory.test_directory import A, B, holding
from tests.tasks.serve.readers import until

pytestmark = pytest.mark.heavy
LONG, SHORT = 60.0, 1.0


def believes(claim: Claim, **fields: object) -> list[Holding]:
    return [holding(claim, **fields)]


def granted(claim: Callable[[], Claim]) -> Claim:
    """The claim, once it is granted."""
    while True:
        try:
            return claim()
        except (Held, Recovering) as refused:
            time.sleep(min(0.1, refused.retry_after_s))


def kept(server: RedisServer) -> None:
    """Have it store what it knows by now."""
    with redis.Redis.from_url(server.url) as client:
        client.save()


def test_a_restarted_redis_learns_anew_what_is_held_before_it_grants_the_rest(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, SHORT)
        first = granted(lambda: directory.claim("", "held", A))
        directory = RedisDirectory(server.url, LONG)
        server.restart()
        assert directory.holder("", "held") is None, "it kept nothing"
        with pytest.raises(Recovering) as refused:
            directory.claim("", "held", B)
        assert LONG - 10 < refused.value.retry_after_s <= LONG + 2
        assert directory.beat(A, believes(first), Load()) == set()
        with pytest.raises(Held, match=A):
            directory.claim("", "held", B)
        with pytest.raises(Recovering):
            directory.claim("", "unheard of", B)
        again = directory.claim("", "held", A)
        assert again.fence > first.fence


def test_after_a_lease_a_restarted_redis_grants_everything(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, SHORT)
        ours, theirs = Claims(directory, A), Claims(directory, B)
        before = granted(lambda: ours.claim("", "book"))
        server.restart()
        after = granted(lambda: theirs.claim("", "book"))
        assert not ours.holds(before)
        assert theirs.holds(after)
        assert after.fence > before.fence
        assert ours.beat(believes(before), Load()) == {("", "book")}


def test_a_lease_that_was_over_is_not_told_anew(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, LONG)
        claim = Claim("", "book", 7)  # of a node that slept while another one claimed, and Redis forgot both
        assert directory.beat(A, believes(claim, lapsed=True), Load()) == {("", "book")}
        assert directory.beat(B, believes(Claim("", "book", 8)), Load()) == set()
        assert directory.holder("", "book") == B


def test_an_older_state_that_redis_had_stored_is_not_believed(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, SHORT)
        older = granted(lambda: directory.claim("", "book", A))
        directory = RedisDirectory(server.url, LONG)
        assert directory.beat(A, believes(older), Load()) == set()
        kept(server)
        directory.release("", "book", A)
        with redis.Redis.from_url(server.url) as client:  # it has been running for long
            client.hset(keys_of("")[-1], "since", 0)
        later = directory.claim("", "book", B)
        server.restart()
        assert directory.holder("", "book") == A, "it forgot the last steps"
        with pytest.raises(Recovering):
            directory.claim("", "book", A)
        assert directory.beat(B, believes(later), Load()) == set()
        assert directory.holder("", "book") == B
        assert directory.beat(A, believes(older), Load()) == {("", "book")}
        assert directory.claim("", "book", B).fence > later.fence


def test_a_replica_that_takes_over_waits_too(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with redis_server(tmp_path / "one") as one, redis_server(tmp_path / "two") as two:
        before = RedisDirectory(one.url, SHORT)
        claim = granted(lambda: before.claim("", "book", A))
        with redis.Redis.from_url(two.url) as client:
            client.replicaof("127.0.0.1", one.port)
            after = RedisDirectory(two.url, LONG)
            until(lambda: after.holder("", "book") == A or before.beat(A, believes(claim), Load()) != set())
            with pytest.raises(Transient, match="read only replica"):
                after.release("", "book", A)
            one.kill()
            client.replicaof("NO", "ONE")
        with pytest.raises(Recovering):
            after.claim("", "another", B)
        assert after.beat(A, believes(claim), Load()) == set()


def test_who_loses_all_in_a_running_redis_hears_of_it_with_the_next_heartbeat(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, SHORT)
        before = granted(lambda: directory.claim("", "book", A))
        with redis.Redis.from_url(server.url) as client:
            client.flushall()
            client.hset(keys_of("")[-1], mapping={"run": client.info("server")["run_id"], "since": 0})
        assert directory.claim("", "book", B).fence > before.fence
        assert directory.beat(A, believes(before), Load()) == {("", "book")}


def test_nobody_believes_to_hold_what_another_does(tmp_path: Path) -> None:
    """Six nodes claim, tell, release and fall asleep at random, while Redis is killed and forgets."""
    nodes, stop, grants, wrong = [f"node-{i}" for i in range(6)], threading.Event(), [0], []
    with redis_server(tmp_path) as server:
        claims = {node: Claims(RedisDirectory(server.url, 0.5), node) for node in nodes}
        held: dict[str, dict[str, Claim]] = {node: {} for node in nodes}

        def lives(node: str) -> None:
            chance = random.Random(node)
            while not stop.is_set():
                key, mine = f"book-{chance.randrange(3)}", claims[node]
                try:
                    if key not in held[node]:
                        held[node][key] = mine.claim("", key)
                        grants[0] += 1
                    if chance.random() < 0.7:
                        told = [holding(claim) for claim in held[node].values()]
                        for _, lost in mine.beat(told, Load()):
                            held[node].pop(lost, None)
                    elif (claim := held[node].pop(key, None)) and chance.random() < 0.9:
                        mine.release(claim)
                except Transient:
                    pass
                time.sleep(chance.choice((0.01, 0.05, 0.7)))

        def watches() -> None:
            while not stop.is_set():
                for key in ("book-0", "book-1", "book-2"):
                    now = [(node, claim) for node in nodes if (claim := held[node].get(key))]
                    # the first is asked again behind the last: none stopped believing meanwhile
                    sure = [one for one in now if claims[one[0]].holds(one[1])]
                    if len(sure) > 1 and all(claims[node].holds(claim) for node, claim in sure):
                        wrong.append((key, sure))
                time.sleep(0.001)

        threads = [threading.Thread(target=lives, args=(node,)) for node in nodes]
        threads.append(threading.Thread(target=watches))
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(1.5)
            server.restart()
        time.sleep(1.5)
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert grants[0] > 10


def test_a_redis_that_is_away_is_an_error_to_retry_that_shows_no_password(tmp_path: Path) -> None:
    with redis_server(tmp_path, requirepass="open-sesame") as server:
        directory = RedisDirectory(server.url, SHORT)
        assert directory.holder("", "book") is None
        server.kill()
        with pytest.raises(Transient, match=f"Redis at 127.0.0.1:{server.port}") as away:
            directory.holder("", "book")
        assert "sesame" not in str(away.value)
        server.start()
        assert directory.holder("", "book") is None


def test_a_call_waits_for_a_redis_that_is_just_restarting(tmp_path: Path) -> None:
    with redis_server(tmp_path) as server:
        directory = RedisDirectory(server.url, SHORT)
        directory.beat(A, [], Load(queued=1))
        server.kill()
        back = threading.Timer(0.1, server.start)
        back.start()
        directory.beat(A, [], Load(queued=2))
        back.join()
        assert directory.nodes() == {A: Load(queued=2)}


@pytest.mark.parametrize("secret", ["", ":wrong-secret@", "reader:wrong-secret@"])
def test_a_wrong_password_is_the_users_mistake(tmp_path: Path, secret: str) -> None:
    with redis_server(tmp_path, requirepass="open-sesame") as server:
        directory = RedisDirectory(f"redis://{secret}127.0.0.1:{server.port}", SHORT)
        with pytest.raises(InvalidInput, match=r"refused this user.*serve\.redis_url") as refused:
            directory.nodes()
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["http://:secret@host", "secret", "redis://:p/secret@host:1", "redis://h:secret"]
)
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"serve\.redis_url is no address of a Redis") as refused:
        RedisDirectory(url, SHORT)
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
