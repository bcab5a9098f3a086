"""A queue of events: received while runs go on, held meanwhile, deleted when they are covered.

The idea: a thread of its own receives and sends heartbeats, so a message is not handed to another receiver
while the run that covers it goes on, however long. A message is deleted only when told so; what a watcher
that dies held comes again.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from tasks.errors import InvalidInput, NightreadError
from tasks.ingest.storage import answered
from tasks.ingest.watch.events import Event, events
from tasks.settings import StorageConfig

VISIBILITY_S = 120
"""Seconds after which a message that is not kept, nor deleted, comes again."""
HEARTBEAT_S = VISIBILITY_S / 3
MOST = 1_000
"""Messages that are held; the others stay in the queue, as a run covers them all the same."""
WAIT_S = 1
"""Seconds that the queue is asked to wait for a message."""
BACKOFF_S, LONGEST_S = 10.0, 600.0
"""Seconds until a queue that did not answer is asked again; twice as long after each error, to a limit."""


@dataclass(frozen=True)
class Message:
    """A message, and what it says."""

    receipt: str
    events: tuple[Event, ...] = ()
    problem: str = ""
    """Why it is not understood. It is neither held nor deleted: the queue's own rules put it aside."""


class Queue:
    """The messages of an SQS queue, received from `start` to `stop`.

    Raises:
        InvalidInput: if there is no such queue, or it is not ours to receive from.
        Transient: if it does not answer.
    """

    def __init__(self, url: str, storage: StorageConfig, backoff_s: float = BACKOFF_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
            raise InvalidInput(f"watch.queue={url}: give the URL of an SQS queue")
        self.url, self.backoff_s = url, backoff_s
        # where the queue is, which need not be where the bucket is
        self.storage = replace(storage, endpoint_url=f"{parts.scheme}://{parts.netloc}")
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._arrived: list[Message] = []
        self._held: dict[str, float] = {}
        self._trouble = ""
        with answered(url, self.storage, "sqs") as sqs:
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        self._thread = threading.Thread(target=self._work, name="queue", daemon=True)

    def start(self) -> None:
        """Receive from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Receive no more; what is held comes again."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(WAIT_S + 5)

    def take(self) -> list[Message]:
        """What has arrived since the last call. It is held until it is deleted."""
        with self._lock:
            taken, self._arrived = self._arrived, []
            return taken

    @property
    def trouble(self) -> str:
        """Why the queue cannot be heard, "" if it can."""
        with self._lock:
            return self._trouble

    def delete(self, messages: Iterable[Message]) -> None:
        """These are covered. One that cannot be deleted now comes again, and is then found to be old."""
        receipts = [message.receipt for message in messages]
        with self._lock:
            for receipt in receipts:
                self._held.pop(receipt, None)
        self._batches("delete_message_batch", receipts, {})

    def receive(self) -> int:
        """Ask the queue once, and keep what it gives; how many messages."""
        with answered(self.url, self.storage, "sqs") as sqs:
            answer = sqs.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=WAIT_S,
                VisibilityTimeout=VISIBILITY_S,
            )
        received = answer.get("Messages", [])
        for one in received:
            message = _read(one["ReceiptHandle"], one["Body"])
            with self._lock:
                self._arrived.append(message)
                if not message.problem:
                    self._held[message.receipt] = time.monotonic()
        return len(received)

    def _work(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            try:
                self._beat()
                if len(self._held) < MOST:
                    self.receive()
                else:
                    self._stopping.wait(WAIT_S)
                self._note("")
                failed = 0
            except Exception as error:  # whatever it is: without this thread nothing would be heard any more
                self._note(str(error) if isinstance(error, NightreadError) else _unforeseen(error))
                self._stopping.wait(min(self.backoff_s * 2**failed, LONGEST_S))
                failed = min(failed + 1, 20)

    def _note(self, trouble: str) -> None:
        with self._lock:
            self._trouble = trouble

    def _beat(self) -> None:
        """Keep what is held from coming again."""
        now = time.monotonic()
        with self._lock:
            due = [receipt for receipt, at in self._held.items() if now - at > HEARTBEAT_S]
            self._held |= dict.fromkeys(due, now)
        self._batches("change_message_visibility_batch", due, {"VisibilityTimeout": VISIBILITY_S})

    def _batches(self, call: str, receipts: list[str], more: dict[str, int]) -> None:
        """One call for ten receipts; what the queue says of single ones does not matter: they come again."""
        for at in range(0, len(receipts), 10):
            some = receipts[at : at + 10]
            entries = [{"Id": str(i), "ReceiptHandle": receipt, **more} for i, receipt in enumerate(some)]
            with answered(self.url, self.storage, "sqs") as sqs:
                getattr(sqs, call)(QueueUrl=self.url, Entries=entries)


def _unforeseen(error: Exception) -> str:
    return (
        f"reading the queue failed in a way that was not foreseen ({type(error).__name__}: {error}); it is "
        f"tried again, and what no event tells of is found when the place is looked at (watch.sweep_s)"
    )


def _read(receipt: str, body: str) -> Message:
    try:
        return Message(receipt, tuple(events(body)))
    except InvalidInput as error:
        return Message(receipt, problem=str(error))
