"""Files of a home that hold something of forgotten documents: parsed text, shards, states, staged records.

The idea: everything here is named by the document, or can be asked for it. What many documents share is
written again without these; what holds nothing else goes.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.files import replacing, write_atomic
from tasks import schema
from tasks.ingest.parse.store import without_parts
from tasks.memory import earlier
from tasks.memory.forget.scrub import strings
from tasks.runs.run import log_folder

Marks = Callable[[str], str]
"""The salted hash of a document."""


def erase_shards(home: Path, documents: Collection[str]) -> int:
    """Windows of token ids."""
    found = [path for path in (home / "shards").glob("*/*") if path.name.partition(".")[0] in documents]
    return _removed(found)


def erase_states(home: Path, documents: Collection[str]) -> int:
    """What the reader had read of them: keys, values, tokens."""
    return _removed([path for path in (home / "states").glob("*") if _of(path, documents)])


def _of(path: Path, documents: Collection[str]) -> bool:
    return path.name.lstrip(".").partition("-")[0] in documents


def erase_log(home: Path, documents: Collection[str]) -> int:
    """What logs of runs count of them; how many lines."""
    names, count = [name.encode() for name in documents], 0
    for path in log_folder(home).glob("*"):
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not any(name in line for name in names)]
        if gone := len(lines) - len(kept):
            count += gone
            write_atomic(path, b"".join(kept))
    return count


def erase_left_overs(home: Path) -> int:
    """What processes that died were writing: under the lock, with no run going on, it is nobody's."""
    places = (home / "parsed", home / "states", home / "memory" / "staged")
    hidden = [path for folder in places for path in folder.rglob(".*")]
    return _removed([*hidden, *(home / "shards").glob("*/*.new"), *(home / "memory").rglob(".*.new")])


def erase_staged(home: Path, documents: Collection[str]) -> int:
    """Staged records of runs that died, where they tell of the documents."""
    return _removed([p for p in (home / "memory" / "staged").glob("*/*.parquet") if _tells(p, documents)])


def _tells(path: Path, documents: Collection[str]) -> bool:
    names = pa.array(sorted(documents), pa.string())
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            for column in batch.columns:
                if any(pc.any(pc.is_in(some, names)).as_py() for some in strings(column)):
                    return True
    return False


def erase_sources(home: Path, documents: Collection[str]) -> int:
    """Their rows in what every run knew of the sources; how many went."""
    count = 0
    for path in earlier.files(home):
        table = pq.read_table(path)
        kept = table.filter(pc.invert(pc.is_in(table["document"], pa.array(sorted(documents)))))
        if gone := table.num_rows - kept.num_rows:
            count += gone
            with replacing(path) as fresh:
                pq.write_table(kept, fresh)
    return count


def erase_parts(home: Path, documents: Collection[str], mark: Marks) -> int:
    """Their text in parsed files that hold others too; how many parts."""
    count = 0
    for notes, parts in _parsed(home):
        gone = [part for part in parts if part["document"] in documents]
        if gone and any(part["document"] and part not in gone for part in parts):
            without_parts(notes.with_suffix(".parquet"), [part["part"] for part in gone])
            left_out = {"document": "", "chars": 0, "outcome": "forgotten", **schema.ADDED_SOURCES}
            told = [
                {**part, **left_out, "reason": mark(part["document"])} if part in gone else part
                for part in parts
            ]
            write_atomic(notes, json.dumps(told))
            count += len(gone)
    return count


def whole_texts(home: Path, documents: Collection[str]) -> list[Path]:
    """Parsed files that hold nothing but their text, and what is noted of them."""
    found = []
    for notes, parts in _parsed(home):
        names = {part["document"] for part in parts} - {""}
        if names and names <= set(documents):
            found += [notes.with_suffix(".parquet"), notes]
    return found


def contents_of(home: Path, documents: Collection[str]) -> dict[str, set[str]]:
    """Hashes of bytes that held nothing but one of the documents, by document."""
    found: dict[str, set[str]] = {}
    for notes in whole_texts(home, documents)[1::2]:
        names = {part["document"] for part in json.loads(notes.read_text())} - {""}
        if len(names) == 1:
            found.setdefault(names.pop(), set()).add(notes.name.partition(".")[0])
    return found


def _parsed(home: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    for notes in sorted((home / "parsed").glob("*.json")):
        yield notes, json.loads(notes.read_text())


def _removed(paths: list[Path]) -> int:
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return len(paths)
