"""How fast and how well a large memory answers: recall by parts, and the index beside the exact scan.

The idea: a question is words of one stored passage, embedded by the real embedder, so words and meaning both
have something to find. The exact scan of all vectors is what the index is compared with, in the same run.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tasks.bench.memory.apart import peak_memory
from tasks.bench.memory.made import document_date, document_name
from tasks.bench.progress import Progress
from tasks.memory.publish import VECTOR_KEYS
from tasks.memory.reader import Memory, open_memory
from tasks.recall.candidates import Embed, vector_query
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
        {records, cold, hybrid, by_document, by_date, index, rss}: seconds as {part: {p50, p95}}, `cold` the
        seconds of opening and of the first question with no page of the table in the system's cache.
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
    found["index"] = {
        column: _against_exact(memory, column, embed([one for _, one in asked[:EXACT]]), progress)
        for column in VECTOR_KEYS
    }
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


def _against_exact(memory: Memory, column: str, vectors: Any, progress: Progress) -> dict[str, Any]:
    """Share of the ten nearest that the index finds, with its standard error, and the seconds of both."""
    shares, spent = [], []
    for at, vector in enumerate(vectors):
        progress(f"exact scan of {column}", at, len(vectors))
        exact, slow = _ids(vector_query(memory.table, column, vector).bypass_vector_index())
        some, fast = _ids(vector_query(memory.table, column, vector))
        shares.append(len(exact & some) / len(exact))
        spent.append({"index": fast, "exact": slow})
    return {
        "recall": float(np.mean(shares)),
        "error": float(np.std(shares) / np.sqrt(len(shares))),
        "seconds": _percentiles(spent),
    }


def _ids(query: Any) -> tuple[set[str], float]:
    start = time.perf_counter()
    found = set(query.select(["id", "_distance"]).limit(TOP).to_arrow()["id"].to_pylist())
    return found, time.perf_counter() - start


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
