"""Workers that die, lag or fall silent: their leases are requeued, and a document that kills is refused.

On a clock that stands still, without a process. Run: pytest tests/tasks/infer/test_queue_deaths.py
"""

from tasks.infer.cache_key import window_key
from tasks.infer.messages import Verdict, Worker
from tasks.runs.ledger import Ledger
from tests.tasks.infer.leases import KEY, A, B, C, Clock, commit, queue_of, read, segment, stored, take


def test_a_dead_worker_s_segments_go_on_at_the_windows_that_are_missing(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 2))
    d, e = take(queue, A), take(queue, B)
    commit(queue, d, 0)
    queue.fail(A, "it was killed")
    assert commit(queue, d, 1) == Verdict.LOST, "however alive the worker may still be"
    assert commit(queue, e, 0) == Verdict.STORED, "others are not touched"
    again = take(queue, C)
    assert (again.segment, again.first, again.suspect) == (d.segment, 1, True)
    assert ledger.deaths(KEY) == {("d", 1): (1, "it was killed")}
    queue.complete(d.id)  # the worker that lost it has stopped reading: no second death
    queue.fail(A, "it was killed")
    read(queue, again)
    assert stored(ledger, "d", 4) == [0, 1, 2, 3]


def test_a_suspect_is_read_alone(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    take(queue, A, 0), take(queue, A, 1)
    queue.fail(A, "it was killed")
    innocent = take(queue, B, 0)
    assert (innocent.segment.document.document, innocent.suspect) == ("d", True)
    assert queue.lease(B, 1) is None, "nothing beside a suspect"
    other = take(queue, C, 0)
    assert other.suspect
    read(queue, innocent)
    assert take(queue, B, 1).segment.document.document == "f"
    queue.fail(C, "it was killed")
    assert queue.lease(B, 0) is None, "no suspect beside another segment"


def test_three_deaths_over_one_window_refuse_the_document_with_all_its_segments(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("bad", 0, 4), segment("bad", 4, 7), segment("good", 0, 1))
    beside = None
    for death in range(3):
        lease = take(queue, Worker("here", 10 + death))
        assert lease.segment.start == 0
        if death == 0:
            commit(queue, lease, 0)
            beside = take(queue, B)
        queue.fail(lease.worker, f"death {death}")
    assert beside is not None
    assert queue.refused == {"bad": "3 workers died over window 1, the last: death 2"}
    assert commit(queue, beside, 4) == Verdict.LOST
    read(queue, take(queue, C))
    assert not queue.open()
    assert queue.outcome().refused == queue.refused


def test_deaths_are_counted_by_window_and_over_runs(ledger: Ledger, clock: Clock) -> None:
    for window, deaths in ((0, 2), (1, 1)):
        for _ in range(deaths):
            ledger.add_death("d", KEY, window, "earlier")
    queue = queue_of(ledger, clock, segment("d", 0, 3), segment("e", 0, 3))
    lease = take(queue, A)
    assert (lease.segment.document.document, lease.suspect) == ("d", True), "by deaths of an earlier run"
    commit(queue, lease, 0)
    queue.fail(A, "it was killed")
    assert queue.refused == {}, "deaths over another window do not count"
    while (lease := take(queue, B)).segment.document.document != "d":
        read(queue, lease)
    queue.fail(B, "it was killed")
    assert list(queue.refused) == ["d"]


def test_a_document_that_earlier_runs_refused_is_not_leased_once_more(ledger: Ledger, clock: Clock) -> None:
    for _ in range(3):
        ledger.add_death("bad", KEY, 2, "it was killed")
    ledger.put_many((window_key(KEY, "bad", window), "window", b"") for window in (0, 1))
    queue = queue_of(ledger, clock, segment("bad", 0, 4), segment("bad", 4, 8), segment("good", 0, 1))
    assert queue.refused == {"bad": "3 workers died over window 2, the last: it was killed"}
    assert take(queue, A).segment.document.document == "good"
    assert queue.lease(B, 0) is None


def test_deaths_under_another_cache_key_say_nothing(ledger: Ledger, clock: Clock) -> None:
    for _ in range(3):
        ledger.add_death("d", "another model", 0, "it was killed")
    assert not take(queue_of(ledger, clock, segment("d", 0, 1)), A).suspect


def test_a_segment_that_ends_early_is_a_death_over_its_first_missing_window(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 3))
    lease = take(queue, A)
    commit(queue, lease, 0)
    queue.complete(lease.id)
    assert ledger.deaths(KEY) == {("d", 1): (1, "its Parquet files end before window 1")}
    assert take(queue, A).first == 1


def test_a_window_beyond_the_expected_one_is_not_stored_over_the_gap(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4))
    lease = take(queue, A)
    commit(queue, lease, 0)
    assert [commit(queue, lease, window) for window in (2, 3)] == [Verdict.LOST, Verdict.LOST]
    assert stored(ledger, "d", 4) == [0]
    assert ledger.deaths(KEY) == {("d", 1): (1, "its Parquet files lack window 1")}
    assert take(queue, A).first == 1


def test_an_idle_worker_takes_over_a_straggler_s_segment_once_for_any_window(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3))
    slow, quick = take(queue, A), take(queue, B)
    for window in range(3):
        clock.now += 2.0
        commit(queue, quick, window)
    queue.complete(quick.id)
    clock.now = 9.9
    assert queue.lease(B, 0) is None, "below straggler_s"
    clock.now = 10.1
    taken = take(queue, B)
    assert (taken.segment, taken.first, taken.suspect) == (slow.segment, 0, False)
    assert commit(queue, slow, 0) == Verdict.LOST
    assert ledger.deaths(KEY) == {}, "a straggler is no death"
    clock.now = 1000.0
    assert queue.lease(C, 0) is None, "a window that is slow everywhere moves once"
    commit(queue, taken, 0)
    clock.now = 2000.0
    assert take(queue, C).first == 1


def test_a_worker_that_is_as_slow_as_all_others_is_no_straggler(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3))
    take(queue, A)
    quick = take(queue, B)
    for window in range(3):
        clock.now += 5.0
        commit(queue, quick, window)
    queue.complete(quick.id)
    clock.now = 19.9
    assert queue.lease(B, 0) is None, "beyond straggler_s, but below four times the median"
    clock.now = 20.1
    assert take(queue, B).segment.document.document == "d"


def test_a_straggler_keeps_its_segment_while_there_is_other_work(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    slow, quick = take(queue, A), take(queue, B)
    commit(queue, quick, 0)
    clock.now = 100.0
    assert take(queue, C).segment.document.document == "f"
    assert queue.lease(B, 1) is None, "who reads something already is not idle"
    assert commit(queue, slow, 0) == Verdict.STORED


def test_silent_nodes_lose_their_leases_and_may_come_back_with_new_ones(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    far, near = [Worker("far", 1), Worker("far", 2)], Worker("near", 1)
    leases = [take(queue, worker) for worker in (*far, near)]
    clock.now = 1000.0
    assert queue.expire() == [], "a node that has not begun to give signs may still be starting"
    for node in ("far", "near"):
        queue.heartbeat(node)
    clock.now += 29.0
    queue.heartbeat("near")
    assert queue.expire() == []
    clock.now += 2.0
    assert queue.expire() == ["far"]
    assert queue.expire() == []
    assert [commit(queue, lease, 0) for lease in leases] == [Verdict.LOST, Verdict.LOST, Verdict.STORED]
    assert set(ledger.deaths(KEY).values()) == {(1, "its node gave no sign for 30 s")}
    assert take(queue, far[0]).suspect


def test_a_node_that_went_away_loses_the_leases_of_all_its_workers(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    for worker in (Worker("far", 1), Worker("far", 2), A):
        take(queue, worker)
    queue.fail_node("far", "its node went away")
    assert {document for document, _ in ledger.deaths(KEY)} == {"d", "e"}
    assert len(queue) == 2
