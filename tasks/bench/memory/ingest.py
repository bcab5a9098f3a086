"""Made records through the real path into memory: staged, verified, published, run by run."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.bench.memory.apart import peak_memory
from tasks.bench.memory.made import PASSAGES_EACH, Pool, Record, document, document_name
from tasks.bench.progress import Progress
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.runs.ledger import Row

DOCUMENT_CHARS = 1 << 20


def ingest(home: Path, real: Pool, records: int, runs: int, progress: Progress) -> dict[str, Any]:
    """Fill the memory in `home` with made records in so many runs.

    Returns:
        {records, documents, seconds, runs: [{records, stage, publish}], rss}: seconds of each, and the peak
        resident memory in bytes.
    """
    documents = max(runs, records // PASSAGES_EACH)
    began, rows, since = time.monotonic(), [], ""
    for number in range(runs):
        first, last = (documents * at // runs for at in (number, number + 1))
        run = f"made-{number}"
        start = time.monotonic()
        staged = [stage(home, run, _counted(_records(first, last, real, run), first, documents, progress))]
        middle = time.monotonic()
        progress("publish", number, runs)
        seen = Seen((f"/made/{number}",), tuple(_source(number, one) for one in range(first, last)), since)
        result = publish(home, run, staged, seen, Replaced())
        end = time.monotonic()
        rows.append({"records": result.added, "stage": middle - start, "publish": end - middle})
        since = run
    return {
        "records": documents * PASSAGES_EACH,
        "documents": documents,
        "seconds": time.monotonic() - began,
        "runs": rows,
        "rss": peak_memory(),
    }


def _records(first: int, last: int, real: Pool, run: str) -> Iterator[Record]:
    for number in range(first, last):
        yield from document(number, real, run)


def _counted(rows: Iterator[Record], first: int, of: int, progress: Progress) -> Iterator[Record]:
    for at, row in enumerate(rows):
        if at % (5 * PASSAGES_EACH) == 0:
            progress("stage", first * PASSAGES_EACH + at, of * PASSAGES_EACH)
        yield row


def _source(run: int, number: int) -> Row:
    name = document_name(number)
    return {
        "uri": f"/made/{run}/{number}.txt", "version": "1", "content": name, "part": 0, "label": "",
        "document": name, "chars": DOCUMENT_CHARS, "outcome": "ok", "reason": "",
        "parsed": f"parsed/{name}.parquet",
    }  # fmt: skip
