"""What a model that writes is told of earlier documents: passages of the memory near to what it shortens.

They are context, marked as such, and never evidence: what is written must be supported by the document.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tasks.infer.models import Models
from tasks.memory.reader import Memory
from tasks.plan.work import Work
from tasks.relate.recalled import Earlier

MOST, NEAR = 3, 0.55
"""Passages that are told, and the least cosine of one."""
MOST_CHARS = 300
"""Of a passage."""


def earlier(models: Models, memory: Memory | None, work: Work) -> Callable[[str], Sequence[str]] | None:
    """What finds earlier passages for a text; None where there is no memory, or no model that writes."""
    if memory is None or memory.is_empty or not models.may_write:
        return None
    held = Earlier(memory, {*work.gone, *work.stale})

    def found(text: str) -> Sequence[str]:
        vector = np.asarray(models.embedder.encode([text])[0], np.float32)
        (rows,) = held.nearest([vector])
        near = [row for row in rows if 1.0 - row["_distance"] >= NEAR][:MOST]
        return [" ".join(row["text"].split())[:MOST_CHARS] for row in near]

    return found
