"""What a store's notifications say: which object came or went, in which version, and in what order.

The idea: an event is a hint. S3's own form, EventBridge's and either wrapped by SNS become one small `Event`;
of what is no event of an object nothing is made.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from tasks.errors import InvalidInput
from tasks.ingest.uris import S3

CREATED = ("ObjectCreated",)
REMOVED = ("ObjectRemoved", "LifecycleExpiration")
_BRIDGED = {"Object Created": True, "Object Deleted": False}
"""Kinds of EventBridge; a deletion by lifecycle is one of the second, with another reason."""

_HEXADECIMAL = re.compile("[0-9A-Fa-f]+")


@dataclass(frozen=True)
class Event:
    """One object came, or went."""

    uri: str
    created: bool
    version: str = ""
    """The etag of what came."""
    sequencer: str = ""
    """Hexadecimal; orders the events of one key, and of no two."""


def events(body: str) -> list[Event]:
    """The events of a message's body; none for a test event, or one of tags, transitions and the like.

    Raises:
        InvalidInput: if it is no notification at all.
    """
    message = _parsed(body)
    if message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        message = _parsed(message["Message"])
    try:
        if "detail-type" in message:
            return _bridged(message)
        if "Records" in message:
            return [event for record in message["Records"] for event in _recorded(record)]
    except (AttributeError, KeyError, TypeError) as error:
        raise InvalidInput(f"a message of the queue is no notification of a bucket: {error!r}") from error
    if message.get("Event") == "s3:TestEvent":
        return []
    raise InvalidInput("a message of the queue is no notification of a bucket")


def _parsed(body: str) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"a message of the queue is no JSON: {error}") from error
    if not isinstance(message, dict):
        raise InvalidInput("a message of the queue is no notification of a bucket")
    return message


def _recorded(record: dict[str, Any]) -> list[Event]:
    """S3's own form; the key is encoded as in a form."""
    kind = record["eventName"].removeprefix("s3:").partition(":")[0]
    if kind not in CREATED + REMOVED:
        return []
    found = record["s3"]["object"]
    uri = f"{S3}{record['s3']['bucket']['name']}/{unquote_plus(found['key'])}"
    return [Event(uri, kind in CREATED, _etag(found.get("eTag")), _sequencer(found))]


def _bridged(message: dict[str, Any]) -> list[Event]:
    """EventBridge's form; the key is as it is."""
    created = _BRIDGED.get(message["detail-type"])
    if created is None:
        return []
    detail = message["detail"]
    found = detail["object"]
    uri = f"{S3}{detail['bucket']['name']}/{found['key']}"
    return [Event(uri, created, _etag(found.get("etag")), _sequencer(found))]


def _etag(given: str | None) -> str:
    return (given or "").strip('"')


def _sequencer(found: dict[str, Any]) -> str:
    """Of an object; "" where it has none, or what is given is no hexadecimal number and orders nothing."""
    given = found.get("sequencer")
    return given if isinstance(given, str) and _HEXADECIMAL.fullmatch(given) else ""


def is_later(sequencer: str, than: str) -> bool:
    """Whether an event came after another of its key; the shorter is padded with zeros at its right."""
    width = max(len(sequencer), len(than))
    return sequencer.ljust(width, "0").lower() > than.ljust(width, "0").lower()
