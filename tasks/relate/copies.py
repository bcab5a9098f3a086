"""Near-duplicates: documents that are the same but for a few sentences, such as one under another letterhead.

Sketches nominate them (`tasks.memory.sketch`); their sentences tell how much is the same.
"""

from dataclasses import dataclass

from tasks.relate.library import Document

SAME = 0.7
"""Share of the characters of the longer of two documents that both hold."""
LEAST_SENTENCES = 3
"""Of a document that can be a copy at all."""


@dataclass(frozen=True)
class Likeness:
    """A document that is nearly the same as another one."""

    document: Document
    share: float
    """Of the characters of the longer one that both hold."""


def likeness(one: Document, other: Document) -> Likeness | None:
    """How alike two documents are; None where neither is nearly the other."""
    ours, theirs = one.hashes, other.hashes
    if min(len(ours), len(theirs)) < LEAST_SENTENCES:
        return None
    both = sum(ours[hash_] for hash_ in ours.keys() & theirs.keys())
    share = both / max(1, sum(ours.values()), sum(theirs.values()))
    return Likeness(other, share) if share >= SAME else None
