"""Windows without the model: each is noted in the journal with the characters it covers, and nothing else.

The idea: summaries, recall and answers of the default are made from the text; what reading by the model adds
to them was measured and is nothing, so it is not paid for. Leases and commits are those of reading.
"""

from collections.abc import Iterator
from itertools import islice

from tasks.infer.journal import WindowNote
from tasks.infer.messages import Commit, Lease, Worker
from tasks.infer.queue import LeaseQueue
from tasks.ingest.shard import read_windows

COMMITTED_TOGETHER = 256
"""Windows at the price of one disk flush."""


def note_windows(queue: LeaseQueue, stride: int) -> None:
    """Commit every window that the queue has.

    Args:
        stride: tokens of a window that the one before it does not hold.
    """
    worker = Worker("here", 0)
    while queue.open():
        lease = queue.lease(worker, 0)
        assert lease is not None, "nobody else holds leases of a queue that is worked on here"
        commits = _commits(lease, stride)
        while some := list(islice(commits, COMMITTED_TOGETHER)):
            queue.commit(some)
        queue.complete(lease.id)


def _commits(lease: Lease, stride: int) -> Iterator[Commit]:
    for window in read_windows(lease.segment.document.directory, first=lease.first):
        if window.index >= lease.segment.stop:
            return
        new = len(window.ids) - (stride if window.index else 0)
        note = WindowNote(window.char_start, window.char_end)
        yield Commit(lease.id, window.index, note.to_json(), new)
