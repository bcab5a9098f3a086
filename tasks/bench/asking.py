"""What both data sets share: passages become a real memory, and questions are asked of it.

The idea: nothing is measured that a user does not get. Passages are staged, verified and published like
those of any run, and every question goes through `recall` with a document filter.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tasks.errors import InvalidInput
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.recall import Embed, Hit, recall
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.settings import RecallConfig
from tasks.text import Span

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

EMBED_BATCH = 512
RUN = "evaluation"


@dataclass(frozen=True, slots=True)
class Text:
    """A document to ask questions of, cut into the passages that are its records."""

    name: str
    text: str
    passages: list[Span]

    @property
    def document(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def silent(doing: str, done: int, total: int) -> None:
    """Progress nobody watches."""
    del doing, done, total


def remember(texts: Sequence[Text], embed: Embed, home: Path, progress: Progress = silent) -> Memory:
    """Publish every passage of `texts` to a memory of its own.

    Raises:
        InvalidInput: if `home` holds a memory already: measuring must not write to what someone reads.
    """
    if published(home):
        raise InvalidInput(f"{home} holds a memory: evaluate in an empty folder")
    distinct = list({text.document: text for text in texts}.values())
    staged = stage(home, RUN, _records(distinct, embed, progress))
    publish(home, RUN, [staged], Seen((), tuple(_source(text) for text in texts)))
    return open_memory(home)


def _records(texts: Sequence[Text], embed: Embed, progress: Progress) -> Iterator[dict[str, Any]]:
    spans = [(text, *span) for text in texts for span in text.passages]
    for at in range(0, len(spans), EMBED_BATCH):
        progress("embedding passages", at, len(spans))
        some = spans[at : at + EMBED_BATCH]
        vectors = embed([text.text[start:end] for text, start, end in some])
        for (text, start, end), vector in zip(some, vectors, strict=True):
            yield _record(text.document, start, end, text.text[start:end], vector)
    progress("embedding passages", len(spans), len(spans))


def _record(document: str, start: int, end: int, text: str, vector: np.ndarray) -> dict[str, Any]:
    quote = {"text": text, "document": document, "start": start, "end": end, "salience": 0.0}
    return {
        "id": f"{document}-{start}",
        "level": "passage",
        "document": document,
        "corpus": "",
        "window_first": 0,
        "window_last": 0,
        "char_start": start,
        "char_end": end,
        "summary": "",
        "generated": False,
        "text": text,
        "quotes": [quote],
        "vector": vector,
        "grounding": 1.0,
        "dropped": 0,
        "model": "",
        "skip_key": RUN,
        "run": RUN,
        "created": datetime.now(UTC),
        "children": [],
    }


def _source(text: Text) -> dict[str, Any]:
    made = {"uri": text.name, "version": "", "content": text.document, "part": 0, "label": ""}
    return {**made, "document": text.document, "chars": len(text.text), "outcome": "ok"} | {
        "reason": "",
        "parsed": "",
    }


def ask(
    memory: Memory, question: str, embed: Embed, config: RecallConfig, text: Text, k: int
) -> list[list[Span]]:
    """Where the `k` best hits in `text` stand, best first: each its passage, then those cited beside it."""
    asked = replace(config, k=k, candidates=max(k, config.candidates))
    hits: list[Hit] = recall(
        memory, question, embed, asked, level="passage", document=text.document, place=_nowhere
    )
    return [[(cited.start, cited.end) for cited in hit.citations] for hit in hits]


def _nowhere(home: Path, parsed: str, part: int, char: int) -> str:
    """Nothing here was parsed from a page, so no place has a name."""
    del home, parsed, part, char
    return ""


def read_json_lines(path: Path, fields: Mapping[str, type], expected: str) -> list[dict[str, Any]]:
    """Rows of a JSONL file that each hold `fields`.

    Raises:
        InvalidInput: naming the path, the line and what was expected.
    """
    rows = []
    lines = read_file(path, expected).rstrip("\n").split("\n")  # splitlines would cut at U+2028 and the like
    for number, line in enumerate(lines, start=1):
        row = _json(line, f"{path}:{number}", expected)
        if not isinstance(row, dict) or any(not isinstance(row.get(f), kind) for f, kind in fields.items()):
            raise InvalidInput(f"{path}:{number} is not {expected}: {line[:80]!r}")
        rows.append(row)
    return rows


def read_json(path: Path, expected: str) -> Any:
    """What a JSON file holds.

    Raises:
        InvalidInput: naming the path and what was expected.
    """
    return _json(read_file(path, expected), str(path), expected)


def read_file(path: Path, expected: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as {expected}: {error}") from error


def _json(text: str, where: str, expected: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{where} is not {expected}: {error}") from error


def mean(values: Iterable[float]) -> float:
    """Mean to four digits; 0 of nothing."""
    some = list(values)
    return round(sum(some) / len(some), 4) if some else 0.0
