"""Documents dropped into a folder or a bucket become runs.

The idea: look, gather, read, look again. What a look finds is read by the flow of `nightread read` on the
whole place, so a watcher may be killed at any line: the next one looks, and what no run has finished is still
pending. Events only say when to look. What is gone is retired by the run, unless that is more than half.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from flows.explain import explained
from flows.gathering import Gathering
from flows.homes import renew
from flows.starting import Start, Wanted
from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.ingest.discover import MANIFEST
from tasks.ingest.storage import Found, find
from tasks.ingest.uris import S3, Place, canonical, path_of
from tasks.ingest.watch.dead_letters import put_aside
from tasks.ingest.watch.manifests import named
from tasks.ingest.watch.queue import Message, Queue
from tasks.ingest.watch.state import Changes, State
from tasks.ledger import Ledger, Row, ledger_path
from tasks.plan.left import told
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

UNPARSED = ("unreadable", "killed_reader")
"""Outcomes of the quarantine that the ledger keeps no parsed source of."""
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
    manifests: list[Found] = field(default_factory=list)
    """Those that the last look found."""
    covered: list[Message] = field(default_factory=list)
    """Messages that the next run covers, or a look that finds nothing."""
    took_s: float = 0.0
    """How long the last look took."""
    failures: int = 0
    troubles: dict[str, str] = field(default_factory=dict)
    """What is wrong now, by what cannot be done."""
    runs: list[str] = field(default_factory=list)
    bad: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        watch = self.config.watch
        self.gathering = Gathering(watch.quiet_s, watch.gather_s)
        if self.allow_retire:
            self.state.look_for_gone()
            self.state.note("lost", "")

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
                self._trouble("understand", message.problem)
                continue
            news = [one for one in message.events if self.place.holds(one.uri) and self.state.is_news(one)]
            if news:
                self.covered.append(message)
                self.gathering.moved(time.monotonic())
            else:
                old.append(message)
        self._delete(old)
        self._trouble("hear", self.queue.trouble)

    def _delete(self, messages: list[Message]) -> None:
        if self.queue is not None and messages:
            with suppress(NightreadError):  # they come again, and are then found to be old
                self.queue.delete(messages)

    def turn(self, once: bool = False) -> float:
        """Look once, and read if it is time; seconds to the next look, 0 after a run."""
        try:
            changes = self._look()
            whole = self._whole()
        except (InvalidInput, Transient, OSError) as error:
            if once:
                raise
            self._trouble("look", str(error))
            return self.config.watch.poll_s
        self._trouble("look", "")
        self.gathering.see(changes.digest, time.monotonic())
        if self.gathering.ready(time.monotonic(), whole):
            self._read(changes, once)
            return 0.0
        if not changes.digest:
            self._finished()
        watch = self.config.watch
        return max(watch.poll_s if self.queue is None else watch.sweep_s, SHARE * self.took_s)

    def _trouble(self, what: str, why: str) -> None:
        """Say once that something cannot be done, and once that it can again."""
        before = self.troubles.get(what, "")
        self.troubles[what] = why
        if why and why != before:
            self.say(f"cannot {what}: {why}")
        elif before and not why:
            self.say(f"can {what} again")

    def _look(self) -> Changes:
        """What no run has read.

        Raises:
            InvalidInput, Transient: if the place is not there, or cannot be listed as a whole.
        """
        if not self.place.uri.startswith(S3) and not os.path.lexists(path_of(self.place.base)):
            raise InvalidInput(f"{self.place.base} is not there; nothing is read or retired meanwhile")
        began, self.manifests = time.monotonic(), []
        changes = self.state.look(self._documents())
        self.took_s = time.monotonic() - began
        if changes.digest and changes.digest != self.gathering.digest:
            changes = self.state.update(self._known())
        if self.state.noted("lost") and not self.state.count()[1]:
            self.state.note("lost", "")
        return changes

    def _documents(self) -> Iterator[Found]:
        """What is there, without the manifests, which are kept apart."""
        for found in find(self.place.uri, self.config.storage):
            if found.uri.endswith(MANIFEST):
                self.manifests.append(found)
            else:
                yield found

    def _whole(self) -> bool:
        """Whether everything is there that a manifest names which was not waited for before."""
        waiting = [one for one in self.manifests if not self.state.is_told(one.uri, one.version)]
        late = self.gathering.late(time.monotonic())
        whole = True
        for manifest in waiting:
            try:
                missing = [
                    uri for uri in named(manifest, self.config.storage) if not self.state.is_listed(uri)
                ]
            except InvalidInput as error:
                self.say(str(error))
                missing = []
            if missing and late:
                self.say(
                    f"{manifest.uri} names what has not come, such as {missing[0]}: not waited for any more"
                )
            elif missing:
                whole = False
                continue
            self.state.tell(manifest.uri, manifest.version)
        return whole

    def _known(self) -> Iterator[tuple[str, str]]:
        """Uris and versions that were read: those of memory, then those that gave nothing to remember.

        A source of which a run has left something, since its budget was spent, was not read yet.
        """
        from tasks.memory.remember import memory_before
        from tasks.memory.sources import read_whole

        renew(Path(self.config.home))
        memory = memory_before(Path(self.config.home))
        pairs: list[tuple[str, str]] = []
        if memory:
            pairs += read_whole(memory.sources)
        with self._ledger() as ledger:
            pairs += ledger.without_text()
            rows = ledger.quarantined()
        pairs += [(row["uri"], row["version"]) for row in rows if row["outcome"] in UNPARSED]
        return (pair for pair in pairs if self.place.holds(pair[0]))

    def _ledger(self) -> Ledger:
        return Ledger(ledger_path(Path(self.config.home)))

    def _read(self, changes: Changes, once: bool) -> None:
        self.say(described(changes))
        if not self.allow_retire and 2 * changes.gone > self.state.count()[0]:
            self.state.note("lost", "yes")
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
        self.failures = 0
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
        lost = bool(self.state.noted("lost"))
        try:
            return self.start(Wanted(self.place.uri, self.allow_retire, lost, key))
        except InvalidInput:
            if lost or self.allow_retire or not changes.gone:
                raise
            outcome = self.start(Wanted(self.place.uri, False, True, f"{key} kept"))
            self.state.note("lost", "yes")
            return outcome

    def _failed(self, error: Exception) -> None:
        """Say why, and try again later, or as soon as something else arrives."""
        self.failures += 1
        self._attempted()
        wait = min(self.config.watch.sweep_s, RETRY_S * 2 ** min(self.failures - 1, 20))
        what = "refused" if isinstance(error, InvalidInput) else "failed"
        self.say(f"run {what}: {explained(error, self.config.home)}")
        self.say(f"tried again in {wait:,.0f} s, or when something else arrives")
        self.gathering.refuse(time.monotonic() + wait)

    def _attempted(self) -> None:
        """The next run is another one, even of what was there before, was deleted and came back."""
        self.state.note("attempt", str(int(self.state.noted("attempt") or 0) + 1))

    def _settle(self) -> None:
        """What was pending is read; what could not be is told of."""
        with self._ledger() as ledger:
            bad = [row for row in ledger.quarantined() if self.place.holds(row["uri"])]
        closed = [row["uri"] for row in bad if row["outcome"] == "unreadable"]
        if kept := self.state.settle(self._known(), closed, bool(self.state.noted("lost"))):
            self.say(
                f"{counted(kept, 'source')} read before and not there any more: kept in memory; "
                f"--yes retires what is gone"
            )
        for uri, rows in groupby(bad, lambda row: str(row["uri"])):
            self._tell(uri, list(rows))

    def _tell(self, uri: str, rows: list[Row]) -> None:
        """Say once of each version why it could not be read, and put it aside where that is wanted."""
        if self.state.is_told(uri, rows[0]["version"]):
            return
        target, where = self.config.watch.dead_letter, ""
        if target and rows[0]["outcome"] not in ("unreadable", "vanished"):
            try:
                where = put_aside(rows, self.place, canonical(target), self.config.storage)
            except (NightreadError, OSError) as error:  # after the next run it is tried again
                self._trouble("put aside", explained(error, target))
                return
            self._trouble("put aside", "")
        for row in rows:
            part = f"#{row['label']}" if row["label"] else ""
            self.say(
                f"not read: {uri}{part}: {row['outcome']}, {row['reason']}{where and f'; a copy is {where}'}"
            )
            self.bad.append({name: row[name] for name in ("uri", "label", "outcome", "reason")})
        self.state.tell(uri, rows[0]["version"])


def described(changes: Changes) -> str:
    """What is pending, such as "3 new, 1 gone: a.txt, b.txt, c.txt"."""
    counts = {"new": changes.new, "changed": changes.changed, "gone": changes.gone}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    names = [uri.rpartition("/")[2] for uri in changes.names]
    more = changes.new + changes.changed - len(names)
    if more > 0:
        names.append(f"{more:,} more")
    return f"{said}{': ' if names else ''}{', '.join(names)}"


def finished(outcome: Row) -> str:
    """One line for a run that has ended well."""
    line = f"run {outcome['run']}: {outcome['status']}"
    if "read" not in outcome:
        return line
    done = (
        f"{line}; {counted(outcome['read'], 'document')} read, {counted(outcome['added'], 'record')} added, "
        f"{outcome['retired']:,} retired, in {outcome['seconds']:.0f} s"
    )
    return "; ".join([done, *told(outcome)])
