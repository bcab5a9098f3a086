"""Documents dropped into a real bucket, and its events on their way to a watcher: late, twice or never."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from tasks.memory.reader import open_memory, published
from tasks.runs.ledger import Ledger
from tests.flows.corpus import inserts, watch_inserts

BUCKET, PREFIX = "papers", "in box"


@dataclass(frozen=True)
class Sizes:
    """How many documents are dropped, in how many parts, and what is done to some of them."""

    documents: int
    parts: int
    twice: int
    replaced: int
    deleted: int
    aborted: int

    def share(self, what: str, numbers: list[int], part: int) -> list[int]:
        """Those of `numbers` to which it is done in a part; to none in the first, which no run reads yet."""
        later = self.parts - 1
        total: int = getattr(self, what)
        return numbers[: total // later + (part <= total % later)] if part else []


@dataclass
class Bucket:
    """A bucket whose events go to one queue, from which a relay takes them to the one that is watched."""

    endpoint: str
    seed: int = 0
    dice: random.Random = field(init=False)
    waiting: list[str] = field(default_factory=list)
    """Bodies of messages that the relay holds back."""
    heard: int = 0
    lost: int = 0
    during: set[str] = field(default_factory=set)
    """Runs that went on while something was dropped."""
    dropped: bool = False

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.s3, self.sqs = (
            boto3.client(name, endpoint_url=self.endpoint, region_name="us-east-1") for name in ("s3", "sqs")
        )
        self.s3.create_bucket(Bucket=BUCKET)
        self.events, self.watched = (
            str(self.sqs.create_queue(QueueName=name)["QueueUrl"]) for name in ("events", "watched")
        )
        arn = self.sqs.get_queue_attributes(QueueUrl=self.events, AttributeNames=["QueueArn"])
        told = {
            "QueueArn": arn["Attributes"]["QueueArn"],
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
        }
        self.s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [told]}
        )

    def put(self, number: int, text: str) -> None:
        body = f"{text} of the keeper of lighthouse {number} names {number * 37} lamps.\n".encode()
        self.s3.put_object(Bucket=BUCKET, Key=self.key(number), Body=body)

    def key(self, number: int) -> str:
        return f"{PREFIX}/{number % 7}/letter {number:03d}+.txt"

    def drop(self, sizes: Sizes, home: Path, meanwhile: Callable[[int], None] = lambda _part: None) -> None:
        """Drop part by part, each once a run has listed the place and reads the part before.

        So every part but the last is changed while it is read, and none but the first is there when the run
        begins that goes on meanwhile.

        Args:
            meanwhile: called with the number of a part once the first of it is there.
        """
        numbers = list(range(sizes.documents))
        self.dice.shuffle(numbers)
        before: list[int] = []
        for at in range(sizes.parts):
            part = numbers[at :: sizes.parts]
            if before:
                self._read_by_a_run(before, home)
            self.put(part[0], "The letter")
            if before:
                self.during.update(row["run"] for row in runs(home) if row["status"] == "running")
                meanwhile(at)
            tasks: list[Callable[[], None]]
            tasks = [partial(self.put, number, "The letter") for number in part[1:]]
            tasks += [partial(self.put, number, "The letter") for number in sizes.share("twice", part, at)]
            tasks += [partial(self.replace, number) for number in sizes.share("replaced", before, at)]
            tasks += [partial(self.delete, number) for number in sizes.share("deleted", before[::-1], at)]
            tasks += [self.abort for _ in sizes.share("aborted", numbers, at)]
            self.dice.shuffle(tasks)
            for task in tasks:
                task()
            before = part
        self.dropped = True

    def _read_by_a_run(self, part: list[int], home: Path) -> None:
        uris = {f"s3://{BUCKET}/{self.key(number)}" for number in part}
        begun = awaited(lambda: not uris.isdisjoint(uri for uri, _ in parses(home)), home)
        assert begun, "no run reads what was dropped"

    def replace(self, number: int) -> None:
        """Twice, at once."""
        self.put(number, "A draft")
        self.put(number, "The last letter")

    def delete(self, number: int) -> None:
        """As soon as it was replaced."""
        self.put(number, "A mistake")
        self.s3.delete_object(Bucket=BUCKET, Key=self.key(number))

    def abort(self) -> None:
        """An upload in parts that is given up; every second one is left open."""
        key = f"{PREFIX}/unfinished {self.dice.random()}.txt"
        upload = self.s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
        self.s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"half a lett")
        if self.dice.random() < 0.5:
            self.s3.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload)

    def relay(self) -> None:
        """Take what the bucket told; lose a tenth, double some, hand on half of what waits in any order."""
        answer = self.sqs.receive_message(QueueUrl=self.events, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.events, ReceiptHandle=message["ReceiptHandle"])
            self.heard += 1
            if self.heard % 10 == 3:
                self.lost += 1
                continue
            self.waiting += [message["Body"]] * self.dice.choice([1, 1, 2])
        self.dice.shuffle(self.waiting)
        done = self.dropped and not answer.get("Messages")
        for _ in range(len(self.waiting) if done else len(self.waiting) // 2):
            self.sqs.send_message(QueueUrl=self.watched, MessageBody=self.waiting.pop())

    def relayed(self) -> "Relay":
        return Relay(self)

    @property
    def unread(self) -> int:
        """Messages of the watched queue that nobody has deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self.sqs.get_queue_attributes(QueueUrl=self.watched, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def listed(self) -> set[tuple[str, str]]:
        """Uri and version of what is there at last."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX)
        items = [item for page in pages for item in page.get("Contents", [])]
        return {(f"s3://{BUCKET}/{item['Key']}", item["ETag"].strip('"')) for item in items}


class Relay(threading.Thread):
    """The relay at work, until the block ends."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(daemon=True)
        self.bucket, self.over = bucket, threading.Event()

    def __enter__(self) -> "Relay":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(0.05):
            self.bucket.relay()


def remembered_versions(home: Path) -> set[tuple[str, str]]:
    """Uri and version of every source of the memory."""
    if not published(home):
        return set()
    sources = open_memory(home).sources
    return set(zip(sources["uri"].to_pylist(), sources["version"].to_pylist(), strict=True))


def awaited(done: Callable[[], bool], home: Path, idle_s: float = 600) -> bool:
    """Wait until something is done; not any more once nobody has written to the ledger for so long.

    So it is patient with a machine that is busy, and not with a watcher that does nothing.
    """
    seen, until = 0, 0.0
    while not done():
        written = max(path.stat().st_mtime_ns for path in home.glob("ledger.sqlite*"))
        if written != seen:
            seen, until = written, time.monotonic() + idle_s
        elif time.monotonic() > until:
            return False
        time.sleep(0.2)
    return True


def settled(bucket: Bucket, home: Path) -> bool:
    """Wait until memory holds what is there, and every message is deleted."""

    def done() -> bool:
        heard = bucket.dropped and not bucket.waiting and not bucket.unread
        return heard and remembered_versions(home) == bucket.listed()

    return awaited(done, home)


def count_parses(home: Path) -> None:
    """Have the ledger of a home keep which versions are parsed, whatever process does it."""
    watch_inserts(home, "sources", "uri", "version")


def parses(home: Path) -> Counter[tuple[str, str]]:
    """How often every version was parsed."""
    return Counter((uri, version) for uri, version in inserts(home, "sources"))


def runs(home: Path) -> list[dict[str, Any]]:
    with Ledger(home / "ledger.sqlite") as ledger:
        return ledger.runs()


def documents_read(home: Path) -> int:
    """Documents that finished runs read."""
    return sum(row["counts"].get("read", 0) for row in runs(home))
