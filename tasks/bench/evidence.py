"""A data set in a memory of its own, and what recall retrieves from it: shared by LoCoMo and CUAD.

The idea: what is measured is what a user gets. Passages are staged, verified and published like those of any
run, and every question goes through `recall` with a document filter.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.memory.cut import Passage, passages
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.records import Record, finished, passage_records
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.recall.candidates import Embed
from tasks.recall.recall import recall
from tasks.recall.rerank import Reranker
from tasks.settings import RecallConfig
from tasks.text.outline import Outline, outline
from tasks.text.sentences import Span

EMBED_BATCH = 512
RUN = "evaluation"


@dataclass(frozen=True)
class Text:
    """A document, cut into passages as a run cuts it."""

    name: str
    text: str
    passage_chars: int = 350
    parsed: str = ""
    """Its stored text, where a citation is checked against it: a path relative to home."""

    @cached_property
    def document(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def outline(self) -> Outline:
        return outline([(0, self.text)], self.name)

    @cached_property
    def passages(self) -> list[Passage]:
        return list(passages([(0, self.text)], self.outline, self.passage_chars))


def remember(texts: Sequence[Text], embed: Embed, home: Path, progress: Progress = silent) -> Memory:
    """Publish every passage of `texts` in the empty home `home`.

    Raises:
        InvalidInput: if `home` holds a memory already: measuring must not write to what someone reads.
    """
    if published(home):
        raise InvalidInput(f"{home} holds a memory: evaluate in an empty folder")
    distinct = list({text.document: text for text in texts}.values())
    staged = stage(home, RUN, _records(distinct, embed, progress))
    publish(home, RUN, [staged], Seen((), tuple(_source(text) for text in texts)))
    return open_memory(home)


def _records(texts: Sequence[Text], embed: Embed, progress: Progress) -> Iterator[Record]:
    common = {"model": "", "skip_key": RUN, "run": RUN, "created": datetime.now(UTC)}
    made = [row for one in texts for row in passage_records(one.document, RUN, one.outline, one.passages)]
    for at in range(0, len(made), EMBED_BATCH):
        progress("embedding passages", at, len(made))
        yield from finished(made[at : at + EMBED_BATCH], embed, common)
    progress("embedding passages", len(made), len(made))


def _source(text: Text) -> dict[str, Any]:
    return {
        "uri": text.name,
        "version": "",
        "content": text.document,
        "part": 0,
        "label": "",
        "document": text.document,
        "chars": len(text.text),
        "outcome": "ok",
        "reason": "",
        "parsed": text.parsed,
    }


@dataclass
class Asking:
    """How questions are asked, and how long that takes."""

    memory: Memory
    embed: Embed
    config: RecallConfig
    rerank: Reranker | None = None
    questions: int = 0
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of every part, of all questions together."""

    def retrieve(self, question: str, text: Text, k: int) -> list[list[Span]]:
        """Spans of the `k` best hits in `text`: of each its passage first, then those that say the same."""
        hits = recall(
            self.memory,
            question,
            self.embed,
            replace(self.config, k=k, candidates=max(k, self.config.candidates)),
            level="passage",
            document=text.document,
            place=_nowhere,
            rerank=self.rerank,
            seconds=self.spent,
        )
        self.questions += 1
        return [[(cited.start, cited.end) for cited in hit.citations] for hit in hits]

    @property
    def seconds(self) -> dict[str, float]:
        """Mean seconds of every part of a question."""
        return {part: round(spent / self.questions, 5) for part, spent in self.spent.items()}


def _nowhere(home: Path, parsed: str, part: int, char: int) -> str:
    """These texts were not parsed from files, so no place in them has a name."""
    del home, parsed, part, char
    return ""
