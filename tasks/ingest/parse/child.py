"""The parser process: it may hang, outgrow its memory or crash, and is then killed and replaced.

Started by `tasks.ingest.parse.parser`, which sends one request after the other.
"""

import errno
import hashlib
import importlib
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import schema
from tasks.errors import BadDocument
from tasks.ingest.ipc import Parent
from tasks.ingest.parse import members, ocr
from tasks.ingest.parse.base import MACHINE, Decoded, Format, Item, Omitted, Plugin, TextSpan, as_bad
from tasks.ingest.parse.confined import confine
from tasks.ingest.parse.detect import detect, suffix_of
from tasks.ingest.parse.formats import format_of
from tasks.ingest.parse.messages import WIRE, Parsed, ParseRequest, Ready, Refused, Unable, Working
from tasks.ingest.parse.redact import masked, redacted
from tasks.settings import ParseConfig

ROW_GROUP = 8
"""Spans of a row group: what a reader must load to see one of them."""
MOST_ROWS = 1024
"""Rows of a row group, for containers of many small documents."""
UNSAID = ("utf-8", "utf-8-sig")
MOST_PLACES = 8
"""Places that are named of what is left out of a text of one kind."""


def choose(path: Path, name: str, config: ParseConfig) -> Format:
    """The format of a source: a plugin's, by its name, or what its bytes say.

    Raises:
        BadDocument: unsupported, or encrypted.
    """
    for plugin in config.plugins:
        module: Plugin = importlib.import_module(plugin)
        if suffix_of(name) in module.EXTENSIONS:
            return module
    return format_of(detect(path, name))


class _Part:
    """What is known of one document of a source while it is parsed."""

    def __init__(self) -> None:
        self.label = self.outcome = self.reason = self.encoding = ""
        self.chars, self.blank, self.digest = 0, True, hashlib.sha256()
        self.counts: dict[str, int] = {}
        self.places: dict[str, list[str]] = {}

    def add(self, item: Item) -> None:
        if isinstance(item, Decoded):
            plain = item.encoding in UNSAID and not item.guessed
            self.encoding = "" if plain else f"{item.encoding}{', guessed' if item.guessed else ''}"
        elif isinstance(item, Omitted):
            self.counts[item.kind] = self.counts.get(item.kind, 0) + item.count
            self.places.setdefault(item.kind, []).extend([item.where] if item.where else [])
            del self.places[item.kind][MOST_PLACES + 1 :]
        else:
            self._span(item)

    def _span(self, span: TextSpan) -> None:
        if not self.outcome:
            self.outcome, _, self.reason = span.reason.partition(": ")
            self.outcome, self.label = self.outcome or "ok", span.label
        self.digest.update(span.text.encode())
        self.chars += len(span.text)
        self.blank = self.blank and not span.text.strip()

    def row(self, number: int) -> dict[str, Any]:
        """What became of it, as `Parsed.parts` has it."""
        blank = self.blank and self.outcome in ("", "ok")
        outcome, reason = ("empty_text", "there is no text in it") if blank else (self.outcome, self.reason)
        return {
            "part": number,
            "label": self.label,
            "outcome": outcome,
            "reason": reason,
            "document": self.digest.hexdigest() if outcome == "ok" else "",
            "chars": self.chars,
            "omitted": [
                {"kind": kind, "count": count, "where": _joined(self.places[kind])}
                for kind, count in sorted(self.counts.items())
            ],
            "encoding": self.encoding,
        }


def _joined(places: list[str]) -> str:
    return ", ".join([*places[:MOST_PLACES], *(["..."] if len(places) > MOST_PLACES else [])])


def parse_file(path: Path, name: str, target: Path, config: ParseConfig) -> list[dict[str, Any]]:
    """Parse one source into a TEXT file; returns what became of each of its parts."""
    members.begin(path, config)
    parts: dict[int, _Part] = {}
    items = redacted(choose(path, name, config).parse(path, config), config.redact)
    with pq.ParquetWriter(target, schema.TEXT, compression="zstd") as writer:
        for rows in _groups(_rows(items, parts)):
            table = pa.Table.from_pylist(rows, schema=schema.TEXT)
            writer.write_table(schema.check(table, schema.TEXT))
    if not parts:
        raise BadDocument("empty_text", "there is no text in it")
    return [part.row(number) for number, part in parts.items()]


def _rows(items: Iterator[Item], parts: dict[int, _Part]) -> Iterator[dict[str, Any]]:
    """Rows of the TEXT file; `parts` is filled on the way."""
    for item in items:
        part = parts.setdefault(item.part, _Part())
        start = part.chars
        part.add(item)
        if isinstance(item, TextSpan) and item.text:
            yield {
                "part": item.part,
                "char_start": start,
                "text": item.text,
                "place": item.place,
                "number": item.number,
            }


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += len(row["text"])
        if size >= ROW_GROUP << 16 or len(group) >= MOST_ROWS:
            yield group
            group, size = [], 0
    if group:
        yield group


def answer(request: ParseRequest) -> Parsed | Refused | Unable:
    """The reply to one request: its parts, or the outcome of the whole source."""
    try:
        parts = parse_file(Path(request.path), request.name, Path(request.target), request.config)
        return Parsed(parts)
    except Exception as error:  # a parser's own fault must not end the run: it is this document's outcome
        if getattr(error, "errno", None) in MACHINE:
            return Unable(os.strerror(getattr(error, "errno", 0)))
        if getattr(error, "errno", None) == errno.EFBIG:
            return Refused("too_large", "its text is larger than any file that a parser may write")
        bad = as_bad(error)
        return Refused(bad.outcome, masked(bad.reason, request.config.redact))


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    cap, folder, most_bytes = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    enforced = confine(folder, most_bytes)  # before there is any other thread
    parent = Parent(WIRE)
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    pa.set_cpu_count(1)  # the other cores have parsers of their own
    pa.set_io_thread_count(1)
    ocr.announce = lambda seconds: parent.send(Working(seconds))
    parent.send(Ready(enforced))
    while True:
        parent.send(answer(parent.receive(ParseRequest)))


if __name__ == "__main__":
    main()
