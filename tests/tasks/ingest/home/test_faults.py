"""A home in a bucket under faults of store and network: retried, or a clear error, and nothing lost.

Run: pytest tests/tasks/ingest/home/test_faults.py (-m slow for every kind, 1 minute)
"""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

import pytest

from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.ingest.home.remote import needed
from tasks.ingest.home.writing import writing
from tasks.memory.reader import open_memory
from tasks.runs.ledger import Ledger, ledger_path
from tests.faults import Choose, Fault, Request, once
from tests.marks import slow
from tests.tasks.ingest.home.conftest import Store
from tests.tasks.ingest.home.test_home import note
from tests.tasks.memory.rows import put


def every(nth: int, fault: Fault, when: Callable[[Request], bool] = lambda _: True) -> Choose:
    """A fault of every so manieth request of a kind, never of two of them in a row."""
    numbers = count(1)
    return lambda request: fault if when(request) and next(numbers) % nth == 0 else None


def is_commit(request: Request) -> bool:
    return "If-None-Match" in request.headers


def wrote(home: Path) -> None:
    """What a run leaves: a parsed text, a ledger and two publications."""
    with writing(home):
        note(home, "a.parquet", "text of a")
        with Ledger(ledger_path(home)) as ledger:
            ledger.put("k", "window", b"what was read")
        put(home, "r1", ["a", "b"])
        put(home, "r2", ["a", "c"])


def check(home: Path) -> None:
    """Everything of `wrote` is there once."""
    found = Counter(row["id"] for row in open_memory(home).rows(columns=["id"]))
    assert found == Counter(f"{name}-{number}" for name in "ac" for number in range(5))
    assert open_memory(home, "r1").count() == 10
    assert needed(home, "parsed/a.parquet").read_text() == "text of a"
    with Ledger(ledger_path(home)) as ledger:
        assert ledger.get("k") == b"what was read"


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, code="SlowDown"),
        *slow(Fault(status=500), Fault(reset=True), Fault(wait_s=0.2)),
    ],
    ids=["throttled", "failing", "reset", "slow"],
)
def test_a_store_that_fails_now_and_then_loses_and_doubles_nothing(store: Store, fault: Fault) -> None:
    home = store.home()
    store.proxy.choose = every(9, fault)
    wrote(home)
    there = store.home("there")
    check(there)


def test_a_commit_that_nobody_hears_of_is_made_once(store: Store) -> None:
    home = store.home()
    store.proxy.choose = every(3, Fault(unheard=True), is_commit)
    wrote(home)
    store.proxy.choose = lambda _: None
    check(store.home("there"))


@pytest.mark.parametrize("fault", [Fault(corrupt=True), *slow(Fault(cut=True))], ids=["changed", "cut"])
def test_what_arrives_otherwise_than_it_was_sent_is_asked_for_again(store: Store, fault: Fault) -> None:
    home = store.home()
    with writing(home):
        note(home, "a.parquet", "text of a")
    there = store.home("there")
    store.proxy.choose = once(fault, lambda it: it.method == "GET" and "/parsed/" in it.path, times=2)
    assert needed(there, "parsed/a.parquet").read_text() == "text of a"
    other = store.home("other")
    store.proxy.choose = lambda it: fault if it.method == "GET" and "/parsed/" in it.path else None
    with pytest.raises(Transient, match=r"s3://homes/.*parsed/a\.parquet"):
        needed(other, "parsed/a.parquet")
    assert not (other / "parsed/a.parquet").exists()


@pytest.mark.parametrize(
    "refusal",
    [(400, "ExpiredToken", "AWS_ACCESS_KEY_ID"), *slow((403, "RequestTimeTooSkewed", "clock"))],
    ids=str,
)
def test_what_only_the_user_can_mend_ends_the_run_before_it_publishes(
    store: Store, refusal: tuple[int, str, str]
) -> None:
    status, code, remedy = refusal
    home = store.home()
    with ExitStack() as held:
        held.enter_context(writing(home))
        put(home, "r1", ["a", "c", "d"])
        store.proxy.choose = lambda _: Fault(status=status, code=code)
        with pytest.raises(NightreadError, match=rf"refuses: {code}.*{remedy}") as error:
            put(home, "r2", ["a"])
        assert not any(secret in str(error.value) for secret in ("AKIATESTED", "pa55word"))
        with suppress(NightreadError):  # where something is left to be sent
            held.close()
    store.proxy.choose = lambda _: None
    assert open_memory(store.home("there")).run == "r1"


def test_no_secret_is_kept_or_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    home = store.home()
    store.proxy.choose = every(7, Fault(status=503, code="SlowDown"))
    with writing(home):
        put(home, "r1", ["a"])
    store.proxy.choose = lambda _: Fault(status=403, code="InvalidAccessKeyId")
    with pytest.raises(InvalidInput) as error:
        store.home("there")
    kept = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    told = f"{error.value} {caplog.text}".encode()
    for one in store.names():
        body = store.client.get_object(Bucket="homes", Key=f"{store.folder.name}/{one}")["Body"]
        kept += body.read()
    assert not any(secret in kept + told for secret in (b"AKIATESTED", b"pa55word"))
