"""Records made for measuring a large memory: sentences of real texts recombined, vectors mixed likewise.

The idea: to embed a million passages takes hours. So some thousands of real passages are embedded, and a made
record takes sentences of two of them and the same mixture of their vectors, moved by a difference of two
others. Words keep the distribution of natural text, and a vector has near and far neighbours as real ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.files import replacing
from tasks.bench.natural_text import natural_text
from tasks.bench.progress import Progress
from tasks.infer.cache_key import identity
from tasks.memory.keys import Key, text_hash
from tasks.memory.records import NOT_COMPARED
from tasks.text.passages import stream_passages
from tasks.text.sentences import sentences

PASSAGES_EACH = 200
"""Records of a document: one of them is its summary."""
SHORTEST, LONGEST = 80, 350
"""Characters of a real passage that is used."""
MOVED = 0.35
"""Length of the difference that is added to a mixture of unit vectors."""
EMBEDDED = 256
"""Passages that are embedded between two reports of progress."""
KEY = "bench"
FIRST_DAY = date(2010, 1, 1)

Vectors = npt.NDArray[np.float32]
Record = dict[str, Any]


@dataclass(frozen=True)
class Pool:
    """Real passages: the sentences of each, and the unit vectors (n, 256) of all."""

    sentences: Sequence[Sequence[str]]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.sentences)


def real_passages(count: int) -> list[str]:
    """At most `count` passages of text that this machine has, none twice."""
    text = natural_text(None, 300 * count, 0)
    found = (passage for _, _, passage in stream_passages([(0, text)], 300, LONGEST))
    return [passage for passage in found if len(passage) >= SHORTEST][:count]


def pool(
    passages: Sequence[str], file: Path, embed: Callable[[list[str]], Vectors], progress: Progress
) -> Pool:
    """The passages with their vectors; those are kept in a .npy `file`, since to embed them takes minutes."""
    cut = [[passage[start:end] for start, end in sentences(passage)] for passage in passages]
    if not file.exists():
        made = []
        for at in range(0, len(passages), EMBEDDED):
            progress("embed", at, len(passages))
            made.append(embed(list(passages[at : at + EMBEDDED])))
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as fresh, fresh.open("wb") as opened:
            np.save(opened, np.concatenate(made).astype(np.float32))
    return Pool(cut, np.load(file))


def document_name(number: int) -> str:
    """Id of a made document."""
    return identity("made", number)


def document_date(number: int) -> str:
    """The day of a made document, ISO; all days of eleven years are equally frequent."""
    return (FIRST_DAY + timedelta(days=number * 7919 % 4000)).isoformat()


def document(number: int, real: Pool, run: str) -> Iterator[Record]:
    """The records of a made document: PASSAGES_EACH - 1 passages, and the summary of it.

    Its passages come from a stretch of neighbouring real ones, as those of a document are about one matter.
    """
    random = np.random.default_rng(number)
    first = int(random.integers(len(real)))
    near = (first + random.integers(0, 60, (PASSAGES_EACH, 2))) % len(real)
    shares = random.uniform(0.3, 1.0, PASSAGES_EACH).astype(np.float32)
    vectors = _mixed(real, near, shares, random)
    texts = [
        _text(real, int(pair[0]), int(pair[1]), float(share), random)
        for pair, share in zip(near, shares, strict=True)
    ]
    before = np.vstack([vectors[:1], vectors[:-1]])
    contexts = _unit(vectors + 0.5 * before)
    title = texts[0][:60].strip()
    at = 0
    for position, text in enumerate(texts[1:]):
        where = Key(title, f"Part {position // 20 + 1}", document_date(number), "", texts[position], position)
        yield _row(number, at, text, where, run) | {
            "vector": vectors[position + 1],
            "context_vector": contexts[position + 1],
        }
        at += len(text)
    where = Key(title, "", document_date(number))
    summary = {
        "id": identity("made", number, "document"),
        "level": "document",
        "summary": texts[0],
        "text_hash": 0,
    }
    yield (
        _row(number, 0, texts[0], where, run)
        | summary
        | {"vector": vectors[0], "context_vector": contexts[0]}
    )


def _mixed(real: Pool, near: Any, shares: Vectors, random: np.random.Generator) -> Vectors:
    one, two = real.vectors[near[:, 0]], real.vectors[near[:, 1]]
    apart = real.vectors[random.integers(len(real), size=(2, len(near)))]
    share = shares[:, None]
    return _unit(share * one + (1 - share) * two + MOVED * _unit(apart[0] - apart[1]))


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def _text(real: Pool, one: int, two: int, share: float, random: np.random.Generator) -> str:
    """Sentences of two passages by their shares, some 230 characters."""
    some = [(sentence, share) for sentence in real.sentences[one]]
    some += [(sentence, 1 - share) for sentence in real.sentences[two]]
    chosen = [sentence for sentence, chance in some if random.random() < chance]
    return " ".join(chosen or [some[0][0]])


def _row(number: int, start: int, text: str, where: Key, run: str) -> Record:
    """A record without its vectors; what it quotes are its own characters."""
    name = document_name(number)
    end = start + len(text)
    return {
        "id": identity("made", number, where.position), "level": "passage", "document": name, "corpus": "",
        "window_first": 0, "window_last": 0, "char_start": start, "char_end": end, "summary": "",
        "generated": False, "text": text,
        "quotes": [{"text": text, "document": name, "start": start, "end": end, "salience": 0.0}],
        "grounding": 1.0, "dropped": 0, "model": KEY, "skip_key": KEY, "run": run,
        "created": datetime.now(UTC), "children": [], "title": where.title, "section": where.section,
        "context": where.context(text), "position": where.position, "dates": [where.date], "entities": [],
        "text_hash": text_hash(text), "sketch": [], "labels": [], **NOT_COMPARED,
    }  # fmt: skip
