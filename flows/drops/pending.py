"""What of a watched place no run has read: its listing, compared with memory and ledger.

The idea: a look lists everything, and compares it with what the last look knew of memory. Memory itself is
asked only where something is pending that was not pending before.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from flows.homes import renew
from tasks.errors import InvalidInput
from tasks.ingest.discover import MANIFEST
from tasks.ingest.storage import Found, find
from tasks.ingest.uris import S3, Place, path_of
from tasks.ingest.watch.manifests import named
from tasks.ingest.watch.state import Changes, State
from tasks.runs.ledger import Ledger, ledger_path

if TYPE_CHECKING:
    from flows.config import RunConfig

UNPARSED = ("unreadable", "killed_reader")
"""Outcomes of the quarantine that the ledger keeps no parsed source of."""
LOST = "lost"
"""Noted while more is gone than a run may retire without being told to: runs retire nothing meanwhile."""


@dataclass
class Pending:
    """One place, as the last look found it."""

    place: Place
    config: "RunConfig"
    state: State
    say: Callable[[str], None]
    manifests: list[Found] = field(default_factory=list)
    took_s: float = 0.0
    """How long the last look took."""

    def look(self, seen: str) -> Changes:
        """What no run has read.

        Args:
            seen: digest of what was pending before.

        Raises:
            InvalidInput, Transient: if the place is not there, or cannot be listed as a whole.
        """
        if not self.place.uri.startswith(S3) and not os.path.lexists(path_of(self.place.base)):
            raise InvalidInput(f"{self.place.base} is not there; nothing is read or retired meanwhile")
        began, self.manifests = time.monotonic(), []
        changes = self.state.look(self._documents())
        self.took_s = time.monotonic() - began
        if changes.digest and changes.digest != seen:
            changes = self.state.update(self.known())
        if self.state.noted(LOST) and not self.state.count()[1]:  # all that was kept is there again
            self.state.note(LOST, "")
        return changes

    def _documents(self) -> Iterator[Found]:
        """What is there, without the manifests, which are kept apart."""
        for found in find(self.place.uri, self.config.storage):
            if found.uri.endswith(MANIFEST):
                self.manifests.append(found)
            else:
                yield found

    def whole(self, late: bool) -> bool:
        """Whether everything is there that a manifest names which was not waited for before.

        Args:
            late: whether nothing is waited for any more.
        """
        complete = [self._complete(one, late) for one in self.manifests]
        return all(complete)

    def _complete(self, manifest: Found, late: bool) -> bool:
        if self.state.is_told(manifest.uri, manifest.version):
            return True
        try:
            missing = [uri for uri in named(manifest, self.config.storage) if not self.state.is_listed(uri)]
        except InvalidInput as error:
            self.say(str(error))
            missing = []
        if missing and not late:
            return False
        if missing:
            self.say(f"{manifest.uri} names what has not come, such as {missing[0]}: not waited for any more")
        self.state.tell(manifest.uri, manifest.version)
        return True

    def known(self) -> Iterator[tuple[str, str]]:
        """Uris and versions that were read: those of memory, then those that gave nothing to remember.

        A source of which a run has left something, since its budget was spent, was not read yet.
        """
        from tasks.memory.remember import memory_before
        from tasks.memory.sources import read_whole

        home = Path(self.config.home)
        renew(home)
        memory = memory_before(home)
        with Ledger(ledger_path(home)) as ledger:
            bare, rows = ledger.without_text(), ledger.quarantined()
        unparsed = ((row["uri"], row["version"]) for row in rows if row["outcome"] in UNPARSED)
        pairs = chain(read_whole(memory.sources) if memory else (), bare, unparsed)
        return (pair for pair in pairs if self.place.holds(pair[0]))
