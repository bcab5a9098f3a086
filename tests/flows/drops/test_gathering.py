"""A burst is one run, a stream that never ends is read all the same, and a refused run strands nobody.

Run: pytest tests/flows/drops/test_gathering.py
"""

from flows.drops.gathering import Gathering


def gathering() -> Gathering:
    return Gathering(quiet_s=5, gather_s=60)


def test_what_arrived_is_read_when_it_has_been_quiet() -> None:
    burst = gathering()
    burst.see("a", 0)
    assert not burst.ready(4)
    burst.see("ab", 4)
    assert not burst.ready(8)
    assert burst.next_look(8, interval=10) == 9
    assert burst.ready(9)


def test_a_stream_that_never_pauses_is_read_at_the_limit() -> None:
    stream = gathering()
    for second in range(60):
        stream.see(str(second), second)
        assert not stream.ready(second)
    stream.see("60", 60)
    assert stream.ready(60)


def test_an_event_starts_the_quiet_period_before_a_look_does() -> None:
    heard = gathering()
    heard.moved(0)
    heard.moved(3)
    assert heard.next_look(3, interval=600) == 8
    heard.see("", 8)
    assert heard.next_look(8, interval=600) == 608


def test_what_is_known_to_be_incomplete_waits_for_the_limit() -> None:
    parts = gathering()
    parts.see("a", 0)
    assert not parts.ready(30, whole=False)
    assert parts.ready(60, whole=False)


def test_a_refused_run_is_tried_again_later_or_when_something_else_arrives() -> None:
    refused = gathering()
    refused.see("a", 0)
    assert refused.ready(5)
    refused.refuse(until=100)
    assert not refused.ready(50)
    assert refused.next_look(50, interval=10) == 60
    assert refused.ready(100)
    refused.see("ab", 51)
    assert refused.ready(56)


def test_nothing_is_never_ready() -> None:
    assert not gathering().ready(1e9)
    done = gathering()
    done.see("a", 0)
    done.finish()
    assert not done.ready(1e9)
    assert done.next_look(7, interval=10) == 17
