"""What the journal keeps of a window that was read: where it stands, and what is salient in it.

It is enough to build summaries from the parsed text without the shards.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.infer.quotes import Salient


@dataclass(frozen=True)
class WindowNote:
    """A window that was read: characters [start, end) of its document."""

    start: int
    end: int
    salient: Sequence[Salient] = ()
    """Salience of its sentences; none where it was not asked for."""

    def to_json(self) -> str:
        """As the ledger keeps it."""
        salient = [[one.start, one.end, one.salience] for one in self.salient]
        return json.dumps({"chars": [self.start, self.end], "salient": salient})

    @classmethod
    def from_json(cls, payload: bytes) -> "WindowNote":
        """What `to_json` wrote."""
        kept = json.loads(payload)
        start, end = kept["chars"]
        return cls(start, end, tuple(Salient(*one) for one in kept["salient"]))


def salience_by_char(notes: Iterable[WindowNote]) -> dict[int, float]:
    """The highest salience that any window found for the sentence that begins at a character."""
    found: dict[int, float] = {}
    for note in notes:
        for one in note.salient:
            found[one.start] = max(one.salience, found.get(one.start, one.salience))
    return found
