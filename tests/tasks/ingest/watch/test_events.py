"""Notifications in every shape that reaches a queue, and what is none.

Run: pytest tests/tasks/ingest/watch/test_events.py
"""

import json
from typing import Any

import pytest

from tasks.errors import InvalidInput
from tasks.ingest.watch.events import Event, events, is_later


def record(name: str, key: str = "in/a.txt", **more: Any) -> dict[str, Any]:
    found = {"key": key, "size": 3, "eTag": "e1", "sequencer": "0055", **more}
    return {"eventSource": "aws:s3", "eventName": name, "s3": {"bucket": {"name": "papers"}, "object": found}}


def body(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": list(records)})


A = "s3://papers/in/a.txt"


@pytest.mark.parametrize(
    ("name", "created"),
    [
        ("ObjectCreated:Put", True),
        ("s3:ObjectCreated:CompleteMultipartUpload", True),
        ("ObjectRemoved:Delete", False),
        ("ObjectRemoved:DeleteMarkerCreated", False),
        ("LifecycleExpiration:Delete", False),
        ("LifecycleExpiration:DeleteMarkerCreated", False),
    ],
)
def test_objects_come_and_go(name: str, created: bool) -> None:
    assert events(body(record(name))) == [Event(A, created, "e1", "0055")]


def test_a_key_is_decoded_as_in_a_form() -> None:
    (event,) = events(body(record("ObjectCreated:Put", "in/a+b%2Bc+%C3%A9.txt")))
    assert event.uri == "s3://papers/in/a b+c é.txt"


def test_a_message_may_hold_several_and_fields_may_be_missing() -> None:
    gone = record("ObjectRemoved:Delete")
    del gone["s3"]["object"]["eTag"], gone["s3"]["object"]["sequencer"]
    assert events(body(record("ObjectCreated:Put"), gone)) == [Event(A, True, "e1", "0055"), Event(A, False)]


def test_eventbridge_says_it_in_its_own_words_with_the_key_as_it_is() -> None:
    detail = {"bucket": {"name": "papers"}, "object": {"key": "in/a+b.txt", "etag": "e1", "sequencer": "01"}}
    message = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert events(json.dumps(message)) == [Event("s3://papers/in/a+b.txt", True, "e1", "01")]
    gone = message | {"detail-type": "Object Deleted", "detail": detail | {"reason": "Lifecycle Expiration"}}
    assert events(json.dumps(gone)) == [Event("s3://papers/in/a+b.txt", False, "e1", "01")]
    assert events(json.dumps(message | {"detail-type": "Object Tags Added"})) == []


@pytest.mark.parametrize("given", [5, ["1"], {}, "next", "\ud800"])
def test_a_sequencer_that_is_no_number_orders_nothing(given: object) -> None:
    one = record("ObjectCreated:Put")
    one["s3"]["object"]["sequencer"] = given
    assert events(body(one)) == [Event(A, True, "e1")]


def test_sns_wraps_either() -> None:
    wrapped = {"Type": "Notification", "Message": body(record("ObjectCreated:Put"))}
    assert events(json.dumps(wrapped)) == [Event(A, True, "e1", "0055")]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "papers"}),
        body(record("ObjectTagging:Put")),
        body(record("LifecycleTransition")),
        body(record("ReducedRedundancyLostObject")),
    ],
)
def test_of_what_is_no_event_of_an_object_nothing_is_made(text: str) -> None:
    assert events(text) == []


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "{}", '{"Records": [{"eventName": 3}]}', '{"Records": 5}', "[" * 100_000],
)
def test_what_is_no_notification_is_said(text: str) -> None:
    with pytest.raises(InvalidInput, match="a message of the queue is no"):
        events(text)


@pytest.mark.parametrize(
    ("one", "other", "later"),
    [("0056", "0055", True), ("0055", "0055", False), ("00551", "0055", True), ("0055", "00550", False),
     ("0A", "09", True), ("0a", "0B", False)],
)  # fmt: skip
def test_sequencers_are_compared_after_zeros_at_the_right(one: str, other: str, later: bool) -> None:
    assert is_later(one, other) is later
