"""Documents dropped into a folder or a bucket become runs.

The idea: look, gather, read, look again. What a look finds is read by the flow of `nightread read` on the
whole place, so a watcher may be killed at any line: the next one looks, and what no run has finished is still
pending. Events only say when to look. What is gone is retired by the run, unless that is more than half.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flows.drops.gathering import Gathering
from flows.drops.pending import LOST, Pending
from flows.drops.starting import Start, Wanted
from flows.drops.telling import Failures, Troubles, described, finished
from flows.explain import explained
from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.ingest.uris import Place
from tasks.ingest.watch.queue import Message, Queue
from tasks.ingest.watch.state import Changes, State
from tasks.runs.ledger import Ledger, Row, ledger_path
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

PAUSE_S = 0.5
"""Longest sleep: then it is asked whether an event came."""
SHARE = 20
"""Looking takes at most one part in so many of the time."""
RETRY_S = 15.0
"""After a run that failed; twice as long after each that follows, to `sweep_s`."""


@dataclass
class Watcher:
    """One place, looked at until it is told to stop."""

    place: Place
    config: "RunConfig"
    state: State
    start: Start
    say: Callable[[str], None]
    queue: Queue | None = None
    allow_retire: bool = False
    gathering: Gathering = field(init=False)
    pending: Pending = field(init=False)
    troubles: Troubles = field(init=False)
    failures: Failures = field(init=False)
    covered: list[Message] = field(default_factory=list)
    """Messages that the next run covers, or a look that finds nothing."""
    failed: int = 0
    """Runs that failed one after another."""
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        watch = self.config.watch
        self.gathering = Gathering(watch.quiet_s, watch.gather_s)
        self.pending = Pending(self.place, self.config, self.state, self.say)
        self.troubles = Troubles(self.say)
        self.failures = Failures(self.place, self.config, self.state, self.troubles)
        if self.allow_retire:
            self.state.look_for_gone()
            self.state.note(LOST, "")

    def watch(self, once: bool) -> None:
        """Read what arrives, until interrupted.

        Args:
            once: end as soon as all that is there has been read.

        Raises:
            NightreadError: with `once`, if the place cannot be looked at or a run fails.
        """
        while True:
            self.hear()
            interval = self.turn(once)
            if once and interval and not self.gathering.digest:
                return
            looked = time.monotonic()
            while (now := time.monotonic()) < (until := self.gathering.next_look(looked, interval)):
                time.sleep(min(until - now, PAUSE_S))
                self.hear()

    def hear(self) -> None:
        """Take what the queue tells. What memory says already, or a later event said, is deleted at once."""
        if self.queue is None:
            return
        old = []
        for message in self.queue.take():
            if message.problem:
                self.troubles.note("understand", message.problem)
                continue
            news = [one for one in message.events if self.place.holds(one.uri) and self.state.is_news(one)]
            if news:
                self.covered.append(message)
                self.gathering.moved(time.monotonic())
            else:
                old.append(message)
        self._delete(old)
        self.troubles.note("hear", self.queue.trouble)

    def _delete(self, messages: list[Message]) -> None:
        if self.queue is not None and messages:
            with suppress(NightreadError):  # they come again, and are then found to be old
                self.queue.delete(messages)

    def turn(self, once: bool = False) -> float:
        """Look once, and read if it is time; seconds to the next look, 0 after a run."""
        try:
            changes = self.pending.look(self.gathering.digest)
            whole = self.pending.whole(self.gathering.late(time.monotonic()))
        except (InvalidInput, Transient, OSError) as error:
            if once:
                raise
            self.troubles.note("look", str(error))
            return self.config.watch.poll_s
        self.troubles.note("look", "")
        self.gathering.see(changes.digest, time.monotonic())
        if self.gathering.ready(time.monotonic(), whole):
            self._read(changes, once)
            return 0.0
        if not changes.digest:
            self._finished()
        watch = self.config.watch
        return max(watch.poll_s if self.queue is None else watch.sweep_s, SHARE * self.pending.took_s)

    def _read(self, changes: Changes, once: bool) -> None:
        self.say(described(changes))
        if not self.allow_retire and 2 * changes.gone > self.state.count()[0]:
            self.state.note(LOST, "yes")
        try:
            outcome = self._started(changes)
            self.runs.append(outcome["run"])
            self.say(finished(outcome))
            self._settle()
        except Exception as error:
            if once:
                raise
            self._failed(error)
            return
        self.failed = 0
        self._attempted()
        self.gathering.finish()
        self._finished()

    def _finished(self) -> None:
        """All that was heard before the last look is read, or was nothing new."""
        covered, self.covered = self.covered, []
        self._delete(covered)

    def _started(self, changes: Changes) -> Row:
        """The outcome of a run; where it refuses to retire so much, of one that retires nothing."""
        attempt = self.state.noted("attempt") or "0"
        key = f"watch {self.place.uri} {changes.digest} {attempt}"
        lost = bool(self.state.noted(LOST))
        try:
            return self.start(Wanted(self.place.uri, self.allow_retire, lost, key))
        except InvalidInput:
            if lost or self.allow_retire or not changes.gone:
                raise
            outcome = self.start(Wanted(self.place.uri, False, True, f"{key} kept"))
            self.state.note(LOST, "yes")
            return outcome

    def _failed(self, error: Exception) -> None:
        """Say why, and try again later, or as soon as something else arrives."""
        self.failed += 1
        self._attempted()
        wait = min(self.config.watch.sweep_s, RETRY_S * 2 ** min(self.failed - 1, 20))
        what = "refused" if isinstance(error, InvalidInput) else "failed"
        self.say(f"run {what}: {explained(error, self.config.home)}")
        self.say(f"tried again in {wait:,.0f} s, or when something else arrives")
        self.gathering.refuse(time.monotonic() + wait)

    def _attempted(self) -> None:
        """The next run is another one, even of what was there before, was deleted and came back."""
        self.state.note("attempt", str(int(self.state.noted("attempt") or 0) + 1))

    def _settle(self) -> None:
        """What was pending is read; what could not be is told of."""
        with Ledger(ledger_path(Path(self.config.home))) as ledger:
            bad = [row for row in ledger.quarantined() if self.place.holds(row["uri"])]
        closed = [row["uri"] for row in bad if row["outcome"] == "unreadable"]
        if kept := self.state.settle(self.pending.known(), closed, bool(self.state.noted(LOST))):
            self.say(
                f"{counted(kept, 'source')} read before and not there any more: kept in memory; "
                f"--yes retires what is gone"
            )
        self.failures.tell(bad)
