"""How fast and how well a large memory answers: recall by parts, and the index beside the exact scan.

The idea: a question is words of one stored passage, embedded by the real embedder, so words and meaning both
have something to find. It is asked as in a process that serves, which keeps in memory what is small enough.
The exact scan of all vectors is what the index is compared with, in the same run.
"""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tasks.bench.memory.apart import peak_memory
from tasks.bench.memory.made import document_date, document_name
from tasks.bench.progress import Progress
from tasks.memory.nearest import Nearest
from tasks.memory.publish import VECTOR_KEYS
from tasks.memory.reader import Memory, open_memory
from tasks.recall.candidates import Embed, vector_query
from tasks.recall.opened import keep
from tasks.recall.recall import recall
from tasks.recall.terms import STOP
from tasks.settings import RecallConfig

TOP = 10
EXACT = 50
"""Questions whose vectors are also looked for by the exact scan."""
WORDS = 9
"""Of a question."""


def measure(
    home: Path, documents: int, questions: int, embed: Embed, config: RecallConfig, progress: Progress
) -> dict[str, Any]:
    """Ask made questions in a memory of so many made documents; the caller is a process of its own.

    Returns:
        {records, cold, hybrid, by_document, by_date, index, kept, rss}: seconds as {part: {p50, p95}}, `cold`
        the seconds of opening and of the first question with no page of the table in the system's cache,
        `kept` what finds vectors in memory, as `index` does on disk; nothing where they are too many.
    """
    embed(["warm"])
    memory = open_memory(home)
    before, asked = (
        made_questions(memory, documents, questions),
        made_questions(memory, documents, questions, 1),
    )
    found: dict[str, Any] = {"records": memory.count()}
    dropped = drop_pages(home / "memory")  # behind the questions, for which the table was read
    start = time.monotonic()
    recall(open_memory(home), before[0][1], embed, config, place=_nowhere)
    found["cold"] = {"seconds": time.monotonic() - start, "pages_dropped": dropped}
    keep(memory)
    for at, (_, question) in enumerate(before):  # until the system holds what is asked often
        progress("warm up", at, len(before))
        recall(memory, question, embed, config, place=_nowhere)
    kinds: dict[str, Callable[[int], dict[str, Any]]] = {
        "hybrid": lambda _: {},
        "by_document": lambda document: {"document": document_name(document)},
        "by_date": lambda document: {"date": document_date(document)[:7]},
    }
    for kind, filters in kinds.items():
        spent = []
        for at, (document, question) in enumerate(asked):
            progress(kind, at, len(asked))
            spent.append(_timed(memory, question, embed, config, filters(document)))
        found[kind] = _percentiles(spent)
    vectors = embed([one for _, one in asked[:EXACT]])
    exact = {column: _exact(memory, column, vectors, progress) for column in VECTOR_KEYS}
    by_index = {column: partial(_indexed, memory, column) for column in VECTOR_KEYS}
    in_memory = {column: partial(_kept, one) for column, one in memory.nearest.items()}
    for name, ways in ("index", by_index), ("kept", in_memory):
        found[name] = {column: _against(exact[column], find, vectors) for column, find in ways.items()}
    found["rss"] = peak_memory()
    return found


def made_questions(memory: Memory, documents: int, count: int, seed: int = 0) -> list[tuple[int, str]]:
    """(number of a document, words of one of its passages) of documents at even distances."""
    random = np.random.default_rng(seed)
    asked = []
    for number in np.linspace(0, documents - 1, count).astype(int).tolist():
        at = int(random.integers(190))
        rows = memory.rows(f"document = '{document_name(number)}' AND position = {at}", ["text"])
        words = [word.strip(".,;:()\"'`") for word in rows[0]["text"].split()]
        content = [word for word in words if word and word.lower() not in STOP]
        asked.append((number, "what about " + " ".join(content[:WORDS])))
    return asked


def _timed(
    memory: Memory, question: str, embed: Embed, config: RecallConfig, filters: Any
) -> dict[str, float]:
    seconds: dict[str, float] = {}
    start, work = time.perf_counter(), time.process_time()
    recall(memory, question, embed, config, **filters, place=_nowhere, seconds=seconds)
    return {"all": time.perf_counter() - start, "processor": time.process_time() - work, **seconds}


def _percentiles(spent: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        part: dict(
            zip(("p50", "p95"), np.percentile([one[part] for one in spent], (50, 95)).tolist(), strict=True)
        )
        for part in spent[0]
    }


Found = tuple[set[int], float]
"""Row ids, and the seconds that it took to find them."""


def _exact(memory: Memory, column: str, vectors: Any, progress: Progress) -> list[Found]:
    """The ten nearest to each vector by the exact scan."""
    found = []
    for at, vector in enumerate(vectors):
        progress(f"exact scan of {column}", at, len(vectors))
        found.append(_rows(vector_query(memory.table, column, vector).bypass_vector_index()))
    return found


def _against(exact: Sequence[Found], find: Callable[[Any], Found], vectors: Any) -> dict[str, Any]:
    """Share of the ten nearest that are found, with its standard error, and the seconds of both."""
    found = [find(vector) for vector in vectors]
    shares = [len(one & all_) / len(all_) for (one, _), (all_, _) in zip(found, exact, strict=True)]
    spent = [{"found": fast, "exact": slow} for (_, fast), (_, slow) in zip(found, exact, strict=True)]
    return {
        "recall": float(np.mean(shares)),
        "error": float(np.std(shares) / np.sqrt(len(shares))),
        "seconds": _percentiles(spent),
    }


def _indexed(memory: Memory, column: str, vector: Any) -> Found:
    return _rows(vector_query(memory.table, column, vector))


def _kept(nearest: Nearest, vector: Any) -> Found:
    start = time.perf_counter()
    rows, _ = nearest.of(vector, TOP)
    return set(rows.tolist()), time.perf_counter() - start


def _rows(query: Any) -> Found:
    start = time.perf_counter()
    found = query.select(["_distance"]).with_row_id(True).limit(TOP).to_arrow()
    return set(found["_rowid"].to_pylist()), time.perf_counter() - start


def _nowhere(_home: Path, _parsed: str, _part: int, _start: int) -> str:
    """A made document has no parsed text to find a line in."""
    return ""


def drop_pages(folder: Path) -> int:
    """Ask the system to forget what it holds of these files; how many bytes they have."""
    total = 0
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            total += path.stat().st_size
    return total
