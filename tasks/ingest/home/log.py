"""The log of a home in a bucket: numbered entries, each written only where there is none of its number.

The idea: every entry says all there is to say, who may write and what readers see, so the newest one is the
state. Whoever takes over and whoever publishes writes the next number, which the bucket gives to one of them
alone: a writer that was given up cannot publish any more, however alive it is. Numbers count down in the
names, so that the newest entry is the first of a listing.

    log/<10^12 - number>.json     an entry
    alive/<writer>                written again and again by whoever may write: its age is its silence
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from tasks.errors import NightreadError
from tasks.ingest.home.bucket import Bucket

ALIVE = "alive/"
FIRST = 10**12
KEPT = 50
"""Entries that are kept behind the newest: a writer that was away for longer finds itself overtaken too."""


class Overtaken(NightreadError):
    """Another machine writes now. What was read here and was sent before is kept."""


@dataclass(frozen=True)
class Entry:
    """The state of a home."""

    number: int = 0
    writer: str = ""
    """Who may write; "" nobody."""
    cache: str = ""
    """The working copy of whoever wrote last."""
    who: str = ""
    """The same, as people are told."""
    lease_s: float = 0.0
    """Seconds of silence after which the writer is given up."""
    published: dict[str, Any] | None = None
    """{run, version, time} of the run that readers see; None before the first."""


def newest(bucket: Bucket) -> Entry:
    """The state of a home; number 0 before its first entry."""
    found = next(bucket.list("log/", most=1), None)
    content = bucket.get(found.name) if found else None
    return Entry(**json.loads(content)) if content else Entry()


def append(bucket: Bucket, before: Entry, **changes: Any) -> Entry:
    """The next entry, which differs in `changes` from the one before.

    Raises:
        Overtaken: if another one has that number.
    """
    entry = replace(before, **changes, number=before.number + 1)
    ours = bucket.put_new(name_of(entry.number), json.dumps(asdict(entry)).encode())
    latest = newest(bucket)
    if not ours or latest != entry:
        raise Overtaken(
            f"{latest.who or 'another machine'} has taken over {bucket.uri}, as nothing was heard from here "
            f"for {before.lease_s:g} s: nothing of this run was published; what it sent before is kept, and "
            f"the same command continues"
        )
    return entry


def prune(bucket: Bucket, lease_s: float) -> None:
    """Drop entries far behind the newest, and signs of life of writers that died.

    Args:
        lease_s: seconds of silence after which one that does not write any more is taken for dead.
    """
    names = [one.name for one in bucket.list("log/")]
    bucket.delete(names[KEPT:])
    signs = list(bucket.list(ALIVE))
    now = max((one.modified for one in signs), default=0.0)  # whoever prunes has just given a sign
    bucket.delete(one.name for one in signs if one.modified < now - lease_s)


def name_of(number: int) -> str:
    return f"log/{FIRST - number:012d}.json"
