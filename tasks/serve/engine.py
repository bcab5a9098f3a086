"""The engine of one node: it owns the model and the open contexts, and one thread of it computes.

The idea: contexts are not thread-safe and the cores are taken by one pass over the model anyway, so calls
wait in bounded queues and go on in turns, a pass each. Questions go first, as many together as the batch has
rows; reading gets the turns that no question wants, and a share of them if all are wanted. A full queue says
so at once. Between two turns the thread looks for deadlines, for callers that went away and for leases that
were lost; what fails is told to its caller, and the thread goes on.
"""

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from model.context.continuous import Batch
from model.context.heads import Heads
from model.context.wording import Wording
from model.reader import Reader
from tasks.errors import Transient
from tasks.serve.calls import Calls
from tasks.serve.contexts import Budget, Contexts
from tasks.serve.directory.base import Directory, Load
from tasks.serve.directory.claims import Claims
from tasks.serve.door import Busy, DeadlinePassed, Failed, Name, Stats, Unavailable
from tasks.serve.failures import told, where
from tasks.serve.job import Job, Step, Steps

log = logging.getLogger(__name__)
READS = 16
"""Texts that are read in turns, or wait for it."""
READ_SHARE = 0.25
"""Of the time, for reading while there are questions."""
GRACE_S = 5.0
"""For answers that are being written when the engine stops."""
_TICK_S = 0.02
"""Between two looks for text that has not come."""
_BEATS = 3
"""Heartbeats in the time of a lease."""


@dataclass(frozen=True)
class Limits:
    """What a node takes on."""

    queue: int = 64
    """Questions that wait."""
    batch: int = 4
    """Calls that are worked on at a time: answers are the rows of one batch."""
    contexts: int = 16
    """Contexts in memory."""
    contexts_bytes: int = 2 << 30
    """Of memory that they take."""


class Engine:
    """Contexts of one node. Calls come from any thread as jobs (see `tasks.serve.embedded`).

    Args:
        tokenizer: the model's folder.
        node: its address, by which others reach it.
    """

    def __init__(
        self,
        reader: Reader,
        heads: Heads,
        tokenizer: Path,
        home: Path,
        directory: Directory,
        node: str,
        limits: Limits | None = None,
    ) -> None:
        self.limits, self.directory, self.node, self.model = (
            limits or Limits(),
            directory,
            node,
            tokenizer.name,
        )
        self.claims = Claims(directory, node)
        budget = Budget(self.limits.contexts, self.limits.contexts_bytes)
        self.contexts = Contexts(reader, heads, home, self.claims, budget)
        batch = Batch(reader, self.limits.batch)
        self.limits = replace(self.limits, batch=batch.most)  # some models write one answer at a time
        self.calls = Calls(self.contexts, batch, Wording(reader.tokenizer), tokenizer)
        self.questions, self.active, self.reads = list[Job](), list[Job](), list[Job]()
        self.wake = threading.Condition()
        self.accepting, self.stopping, self.grace_until = True, threading.Event(), 0.0
        self.lost: set[Name] = set()
        self.began, self.read_due = time.monotonic(), 0.0
        self.refused, self.failed, self.pace_s = 0, 0, 1.0
        self.threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for target, name in ((self._work, "reader"), (self._beat, "reader-heartbeat"))
        ]
        for thread in self.threads:
            thread.start()

    def submit(self, job: Job, steps: Steps) -> None:
        """Take a job, or refuse it at once.

        Raises:
            Busy: if the queue is full.
            Unavailable: if the engine is stopping.
        """
        with self.wake:
            if not self.accepting:
                raise Unavailable("this reader is shutting down: ask another one")
            queue, most = (self.reads, READS) if job.inbox else (self.questions, self.limits.queue)
            if len(queue) >= most:
                self.refused += 1
                wait = max(0.5, self.pace_s * len(queue) / self.limits.batch)
                what = "texts are being read" if job.inbox else "questions wait"
                raise Busy(f"{len(queue)} {what} here already: again in {wait:.1f} s", round(wait, 1))
            job.steps = steps
            queue.append(job)
            self.wake.notify_all()

    def cancel(self, job: Job) -> None:
        """Nobody waits for a job any more."""
        with self.wake:
            job.cancelled = True
            self.wake.notify_all()

    def stats(self) -> Stats:
        calls, contexts = self.calls, self.contexts
        return Stats(
            self.node,
            self.model,
            len(contexts.hot),
            contexts.bytes,
            self.limits.contexts_bytes,
            len(self.questions),
            len(self.reads),
            len(self.active),
            calls.answered,
            self.refused,
            self.failed,
            calls.tokens_read,
            calls.tokens_written,
            time.monotonic() - self.began,
        )

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Take no more, finish the answers that are being written, save all contexts and give them up."""
        with self.wake:
            self.accepting, self.grace_until = False, time.monotonic() + grace_s
            self.wake.notify_all()
        self.threads[0].join()
        self.stopping.set()
        self.threads[1].join()

    # The thread that computes.

    def _work(self) -> None:
        while self.accepting or self.active:
            try:
                if not self._turn():
                    self._rest()
            except Exception as error:
                log.error("a turn failed: %s", where(error))
        for job in [*self.questions, *self.reads]:
            self._end(job, Unavailable("this reader is shutting down: ask another one"))
        for hot in list(self.contexts.hot.values()):
            try:
                self.contexts.drop(hot)
            except Exception as error:
                log.error("%s: not saved when the reader stopped: %s", hot.name.key, where(error))

    def _turn(self) -> bool:
        """Go on with what is there; False where there was nothing to do."""
        self._look()
        worked = self._write()
        thinking = [job for job in self.active if job.step is not Step.WRITES]
        for job in thinking:
            self._advance(job)
            worked |= job.step is not Step.WAITS
            if job.step is Step.WORKED:
                self._last(self.active, job)
                break  # one pass, and then the rows of the batch again
        if not worked or time.monotonic() > self.read_due:
            worked |= self._read()
        return worked

    def _look(self) -> None:
        """Remove jobs that are late or forgotten and contexts that were lost; begin with those that wait."""
        with self.wake:
            told, self.lost = self.lost, set()
            jobs = [*self.active, *self.reads, *self.questions]
        hot = self.contexts.hot  # what was claimed anew since that heartbeat is held
        lost = {name for name in told if name in hot and not self.claims.holds(hot[name].claim)}
        for job in jobs:
            if job.cancelled:
                self._end(job, None)
            elif job.late:
                self._end(job, DeadlinePassed(f"{job.name.key}: not done in time: ask with more time"))
            elif job.name in lost and job not in self.questions and job.step is not Step.WRITES:
                self._end(job, Unavailable(f"{job.name.key}: another node claimed it: ask again"))
            elif not self.accepting and (job not in self.active or time.monotonic() > self.grace_until):
                self._end(job, Unavailable("this reader is shutting down: ask another one"))
        for name in lost & hot.keys():
            self.contexts.drop(hot[name], save=False)
        with self.wake:
            busy = sum(job.step is not Step.WAITS for job in self.active)
            while self.questions and busy < self.limits.batch:
                self.active.append(self.questions.pop(0))
                busy += 1

    def _write(self) -> bool:
        """A token of every answer."""
        writing = [job for job in self.active if job.step is Step.WRITES]
        if not writing:
            return False
        try:
            self.calls.batch.step()
        except Exception as error:
            for job in writing:
                self._end(job, error)
        for job in writing:
            if job in self.active:
                self._advance(job)
        return True

    def _read(self) -> bool:
        """A piece of one text."""
        for job in list(self.reads):
            began = time.monotonic()
            self._advance(job)
            if job.step is not Step.WAITS:
                self._last(self.reads, job)
                self.read_due = time.monotonic() + (1 / READ_SHARE - 1) * (time.monotonic() - began)
                return True
        return False

    def _last(self, queue: list[Job], job: Job) -> None:
        """Let the others be next."""
        with self.wake:
            if job in queue:
                queue.remove(job)
                queue.append(job)

    def _rest(self) -> None:
        """Nothing is to be done for anybody: write a checkpoint, or wait."""
        idle = [hot for hot in self.contexts.hot.values() if hot.unsaved and not hot.behind and not hot.busy]
        now = time.monotonic()
        if due := [hot for hot in idle if now >= hot.save_again]:
            with suppress(Transient):  # it is another node's by now
                self.contexts.checkpoint(due[0])
            return
        until_due = min((hot.save_again - now for hot in idle), default=None)
        with self.wake:
            waiting = any((self.reads, self.active))
            if self.accepting and not self.questions and not self.lost:
                self.wake.wait(_TICK_S if waiting else until_due)

    def _advance(self, job: Job) -> None:
        assert job.steps is not None
        try:
            job.step = next(job.steps)
        except StopIteration:
            job.step = Step.WORKED
            self._end(job, None)
            if not job.inbox:
                self.pace_s += 0.1 * (time.monotonic() - job.began - self.pace_s)
        except Exception as error:
            job.step = Step.WORKED
            self._end(job, error)

    def _end(self, job: Job, error: Exception | None) -> None:
        """Close a job and tell its caller of an error, if there is one."""
        with self.wake:
            for queue in (self.questions, self.active, self.reads):
                if job in queue:
                    queue.remove(job)
        assert job.steps is not None
        try:
            job.steps.close()  # gives back what it holds
        except Exception as again:
            log.error("a call could not be closed: %s", where(again))
        if error is not None and not job.cancelled:
            known = told(error)
            self.failed += isinstance(known, Failed)
            job.deliver(known)

    def _beat(self) -> None:
        """The other thread: it tells the directory that the node lives, and hears what it has lost."""
        while not self.stopping.is_set():
            try:
                waiting, held = len(self.questions) + len(self.reads), len(self.contexts.hot)
                load = Load(waiting, len(self.active), self.limits.batch, held, self.contexts.bytes)
                lost = self.claims.beat(self.contexts.holdings(), load)
            except Transient:
                lost = set()  # what is held is believed in until its lease is over
            except Exception as error:
                log.error("a heartbeat failed: %s", where(error))
                lost = set()
            if lost:
                with self.wake:
                    self.lost |= {Name(*key) for key in lost}
                    self.wake.notify_all()
            self.stopping.wait(self.directory.lease_s / _BEATS)
        try:
            self.directory.leave(self.node)
        except Transient:
            log.info("the directory was not told: it forgets this node when its leases are over")
