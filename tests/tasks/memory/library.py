"""A home made by hand that holds all that a read leaves behind, for tests that take something out of it.

Documents of a few themes, in three runs: parsed text, shards, states, rows of the ledger, records at every
level, a tree over them, reports, and a copy of a report in a database.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks import schema
from tasks.infer.cache_key import identity, window_key
from tasks.infer.quotes import Quote
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.reduce.done import Done, mark_done
from tasks.reduce.themes import corpus_tree
from tasks.reduce.tree import SummaryNode, document_key
from tasks.runs.ledger import Ledger
from tests.tasks.memory.rows import record

KEY, CORPUS, FAN_IN = "key", "/docs", 4
THEMES = ("bread", "boats", "bells", "roads")


def embed(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of words: texts that share words are near each other."""
    vectors = np.zeros((len(texts), schema.VECTOR_DIMS), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            row[int.from_bytes(hashlib.sha256(word.encode()).digest()[:2]) % schema.VECTOR_DIMS] += 1
        row /= max(1.0, float(np.linalg.norm(row)))
    return vectors


def sentences(number: int, edition: int = 1) -> list[str]:
    theme = THEMES[number % len(THEMES)]
    return [
        f"Witness {number:03d} of edition {edition} tells how {theme} were made by hand in winter.",
        f"Ledger entry {number * 37 + edition:05d} counts every {theme} that was sold beside the old mill.",
        f"Clerk number {number:03d} signed edition {edition} before the council heard about {theme}.",
    ]


def text(number: int, edition: int = 1) -> str:
    return "\n".join(sentences(number, edition)) + "\n"


def name_of(number: int, edition: int = 1) -> str:
    return hashlib.sha256(text(number, edition).encode()).hexdigest()


def title(number: int, edition: int = 1) -> str:
    return f"On {THEMES[number % len(THEMES)]}, paper {number:03d}" + (
        f" again {edition}" if edition > 1 else ""
    )


def uri(number: int) -> str:
    return f"/docs/paper-{number:03d}.txt"


def words_of(number: int, edition: int = 1) -> list[str]:
    """What must not be found of a document that is forgotten."""
    return [*sentences(number, edition), title(number, edition), name_of(number, edition)]


class Library:
    """A home, and what its corpus holds now: the edition of each document by its number."""

    def __init__(self, home: Path) -> None:
        self.home, self.ledger = home, Ledger(home / "ledger.sqlite")

    def read(self, run: str, held: dict[int, int]) -> None:
        """A run that finds these editions, reads those that memory does not hold, and reports."""
        at = published(self.home)
        before = set(open_memory(self.home).sources["document"].to_pylist()) if at else set()
        rows = [self.source(number, edition) for number, edition in held.items()]
        new = [pair for pair in held.items() if name_of(*pair) not in before]
        self.ledger.start_run(run, [CORPUS], json.dumps({"fan_in": FAN_IN}))
        for pair in new:
            self.write(*pair)
        nodes = corpus_tree(
            KEY, CORPUS, [self.node(*pair) for pair in held.items()], self.vectors(held), FAN_IN
        )
        records = [row for pair in new for row in self.records(*pair, run)]
        staged = [stage(self.home, run, [*records, *(self.merged(node, run) for node in nodes)])]
        seen = Seen((CORPUS,), tuple(rows), at["run"] if at else "")
        publish(self.home, run, staged, seen, Replaced(KEY, {name_of(*pair) for pair in new}, (CORPUS,)))
        for pair in new:
            vector = embed([self.node(*pair).text])[0].tolist()
            mark_done(self.ledger, KEY, name_of(*pair), Done(1, 40, self.node(*pair), tuple(vector)))
        self.ledger.remember_source(rows, "p")
        self.report(run, held, new)

    def source(self, number: int, edition: int) -> dict[str, Any]:
        document = name_of(number, edition)
        return {
            "uri": uri(number), "version": str(edition), "content": document, "part": 0, "label": "",
            "document": document, "chars": len(text(number, edition)), "outcome": "ok", "reason": "",
            "parsed": f"parsed/{document}.c6fe6f-p.parquet",
        }  # fmt: skip

    def write(self, number: int, edition: int) -> None:
        """What ingest and infer leave of a document."""
        row, said = self.source(number, edition), text(number, edition)
        (self.home / "parsed").mkdir(exist_ok=True)
        span = {"part": 0, "char_start": 0, "text": said, "place": "line", "number": 1}
        pq.write_table(pa.Table.from_pylist([span], schema=schema.TEXT), self.home / row["parsed"])
        part = {name: row[name] for name in ("part", "label", "chars", "outcome", "reason", "document")}
        (self.home / row["parsed"]).with_suffix(".json").write_text(json.dumps([part]))
        shard = self.home / "shards" / "tokens-4096" / row["document"]
        shard.mkdir(parents=True)
        (shard / "_DONE").write_text("{}")
        (self.home / "states").mkdir(exist_ok=True)
        (self.home / "states" / f"{row['document']}-{KEY}-0.safetensors").write_bytes(said.encode())
        self.ledger.put(window_key(KEY, row["document"], 0), "window", b'{"chars": [0, 9], "salient": []}')
        summary = json.dumps({"text": said, "quotes": [{"document": row["document"]}]})
        self.ledger.put(identity("summary", row["document"]), "summary", summary.encode())

    def quotes(self, number: int, edition: int) -> list[Quote]:
        document, at, found = name_of(number, edition), 0, []
        for one in sentences(number, edition):
            found.append(Quote(one, document, at, at + len(one), 0.0))
            at += len(one) + 1
        return found

    def placed(self, number: int, edition: int) -> dict[str, Any]:
        """Its first sentence where it stands."""
        quote = self.quotes(number, edition)[0]
        named = {"uri": uri(number), "place": "line 1", "title": title(number, edition), "date": ""}
        return {"text": quote.text, "document": quote.document, "start": 0, "end": quote.end, **named}

    def node(self, number: int, edition: int) -> SummaryNode:
        document, quotes = name_of(number, edition), self.quotes(number, edition)
        told = f"{title(number, edition)}\n{sentences(number, edition)[0]}"
        return SummaryNode(
            document_key(KEY, document), "document", document, "", (0, 0), (0, len(text(number, edition))),
            tuple(quotes[:1]), (), told, title(number, edition), "report",
        )  # fmt: skip

    def vectors(self, held: dict[int, int]) -> dict[str, tuple[float, ...]]:
        """Near each other for documents of one theme, far for those of others."""
        found = {}
        for number, edition in held.items():
            vector = np.random.default_rng(number).normal(0, 0.05, 8)
            vector[number % len(THEMES)] += 1
            found[name_of(number, edition)] = tuple((vector / np.linalg.norm(vector)).tolist())
        return found

    def records(self, number: int, edition: int, run: str) -> Iterable[dict[str, Any]]:
        document, node = name_of(number, edition), self.node(number, edition)
        common = {"run": run, "skip_key": KEY, "title": title(number, edition)}
        for position, quote in enumerate(self.quotes(number, edition)):
            place = {"char_start": quote.start, "char_end": quote.end, "position": position}
            said = {"text": quote.text, "context": quote.text, "quotes": [quote.as_dict()]}
            ident = identity("passage", document, position)
            if number == 1:  # what it was compared with when it was read
                other = self.placed(0, 1)
                said["relations"] = [{"kind": "confirms", "quote": self.placed(1, edition), "other": other}]
                said["related"] = [other["document"]]
            yield {
                **record(document, position, **common),
                "id": ident,
                **place,
                **said,
                **_vectors(quote.text),
            }
        for level in ("window", "document"):
            ident = node.id if level == "document" else window_key(KEY, document, 0)
            yield {**self.merged(node, run), **common, "id": ident, "level": level}

    def merged(self, node: SummaryNode, run: str) -> dict[str, Any]:
        return {
            **record(node.document, 0, run=run, skip_key=KEY, title="", position=-1),
            "id": node.id, "level": node.level, "corpus": node.corpus, "text": node.text,
            "summary": node.text, "context": node.text, "quotes": [one.as_dict() for one in node.quotes],
            "children": list(node.children), **_vectors(node.text),
        }  # fmt: skip

    def report(self, run: str, held: dict[int, int], new: list[tuple[int, int]]) -> None:
        """The run's report, its row in the ledger, and a copy in Prefect's database."""
        lines = [f"- **{title(*pair)}** {sentences(*pair)[0]} ({uri(pair[0])})" for pair in new]
        lines += [f"| {title(*pair)} | {uri(pair[0])} |" for pair in held.items()]
        page = "\n".join(lines)
        (self.home / "memory" / "runs" / run / "report.md").write_text(page)
        told = [{"status": "new", "title": title(*pair), "source": uri(pair[0])} for pair in new]
        counts = {"documents": len(held), "read": len(new), "added": 1, "retired": 0, "announced": told}
        self.ledger.finish_run(run, "published", json.dumps(counts))
        folder = self.home / "prefect"
        folder.mkdir(exist_ok=True)
        with sqlite3.connect(folder / "prefect.db") as db:
            db.execute("CREATE TABLE IF NOT EXISTS artifact (id INTEGER PRIMARY KEY, key TEXT, data JSON)")
            db.execute("INSERT INTO artifact (key, data) VALUES ('report', ?)", (json.dumps(page),))
        db.close()


def _vectors(said: str) -> dict[str, Any]:
    (vector,) = embed([said])
    return {"vector": vector, "context_vector": vector}


def build(home: Path, size: int) -> Library:
    """Three runs: half of the documents, all of them, and all with a new edition of the first."""
    home.mkdir(parents=True, exist_ok=True)
    library = Library(home)
    library.read("r1", dict.fromkeys(range(size // 2), 1))
    library.read("r2", dict.fromkeys(range(size), 1))
    library.read("r3", {**dict.fromkeys(range(size), 1), 0: 2})
    return library
