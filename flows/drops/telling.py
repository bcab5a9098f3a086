"""What a watcher says: what is pending, how a run ended, what is wrong, and once of each bad document why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from flows.explain import explained
from tasks.errors import NightreadError
from tasks.ingest.uris import Place, canonical
from tasks.ingest.watch.dead_letters import put_aside
from tasks.ingest.watch.state import Changes, State
from tasks.plan.left import told
from tasks.runs.ledger import Row
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig

NOTHING_TO_COPY = ("unreadable", "vanished")


@dataclass
class Troubles:
    """What cannot be done now: said once, and once more when it can be done again."""

    say: Callable[[str], None]
    now: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, why: str) -> None:
        """Why something cannot be done, "" if it can."""
        before = self.now.get(what, "")
        self.now[what] = why
        if why and why != before:
            self.say(f"cannot {what}: {why}")
        elif before and not why:
            self.say(f"can {what} again")


@dataclass
class Failures:
    """Documents that could not be read: told of once in each version, and put aside where that is wanted."""

    place: Place
    config: "RunConfig"
    state: State
    troubles: Troubles
    told: list[Row] = field(default_factory=list)

    def tell(self, rows: Sequence[Row]) -> None:
        """Of the quarantine, sorted by uri."""
        for uri, its in groupby(rows, lambda row: str(row["uri"])):
            self._tell(uri, list(its))

    def _tell(self, uri: str, rows: list[Row]) -> None:
        if self.state.is_told(uri, rows[0]["version"]):
            return
        target, where = self.config.watch.dead_letter, ""
        if target and rows[0]["outcome"] not in NOTHING_TO_COPY:
            try:
                where = put_aside(rows, self.place, canonical(target), self.config.storage)
            except (NightreadError, OSError) as error:  # after the next run it is tried again
                self.troubles.note("put aside", explained(error, target))
                return
            self.troubles.note("put aside", "")
        for row in rows:
            part = f"#{row['label']}" if row["label"] else ""
            copy = f"; a copy is {where}" if where else ""
            self.troubles.say(f"not read: {uri}{part}: {row['outcome']}, {row['reason']}{copy}")
            self.told.append({name: row[name] for name in ("uri", "label", "outcome", "reason")})
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
