"""The parser process: it may hang, outgrow its memory or crash, and is then killed and replaced.

Started by `tasks.ingest.parse.sandbox`, which sends one request after the other.
"""

import hashlib
import importlib
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
from tasks.ingest.parse import docx, html, jsonl, pdf, text
from tasks.ingest.parse.base import Format, TextSpan
from tasks.ingest.parse.messages import WIRE, Parsed, ParseRequest, Ready, Refused
from tasks.settings import ParseConfig

FORMATS: tuple[Format, ...] = (text, html, pdf, docx, jsonl)
ROW_GROUP = 8
"""Spans of a row group: what a reader must load to see one of them."""
MOST_ROWS = 1024
"""Rows of a row group, for containers of many small documents."""


def choose(path: Path, extension: str, config: ParseConfig) -> Format:
    """The format of a source: its extension, or what its first bytes say.

    Raises:
        BadDocument: unsupported.
    """
    plugins = tuple(importlib.import_module(name) for name in config.plugins)
    for module in (*plugins, *FORMATS):
        if extension in module.EXTENSIONS:
            return module
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"%PDF-"):
        return pdf
    if head.lstrip()[:14].lower().startswith((b"<!doctype html", b"<html")):
        return html
    if b"\0" in head or extension != "":
        kind = "binary data" if b"\0" in head else "no parser for this kind of file"
        raise BadDocument("unsupported", f"{extension or 'no extension'}: {kind}")
    return text


def parse_file(path: Path, extension: str, target: Path, config: ParseConfig) -> list[dict[str, Any]]:
    """Parse one source into a TEXT file; returns what became of each of its parts."""
    parts: dict[int, dict[str, Any]] = {}
    digests: dict[int, Any] = {}
    spans = choose(path, extension, config).parse(path, config)
    with pq.ParquetWriter(target, schema.TEXT, compression="zstd") as writer:
        for rows in _groups(_described(spans, parts, digests)):
            table = pa.Table.from_pylist(rows, schema=schema.TEXT)
            writer.write_table(schema.check(table, schema.TEXT))
    if not parts:
        raise BadDocument("empty_text", "there is no text in it")
    for number, part in parts.items():
        part["document"] = digests[number].hexdigest() if part["outcome"] == "ok" else ""
        if part["outcome"] == "ok" and part.pop("blank"):
            part |= {"outcome": "empty_text", "reason": "there is no text in it", "document": ""}
        part.pop("blank", None)
    return list(parts.values())


def _described(
    spans: Iterator[TextSpan], parts: dict[int, dict[str, Any]], digests: dict[int, Any]
) -> Iterator[dict[str, Any]]:
    """Rows of the TEXT file; `parts` and `digests` are filled on the way."""
    for span in spans:
        outcome, _, reason = span.reason.partition(": ")
        fresh = {"part": span.part, "label": span.label, "chars": 0, "blank": True}
        part = parts.setdefault(span.part, {**fresh, "outcome": outcome or "ok", "reason": reason})
        digest = digests.setdefault(span.part, hashlib.sha256())
        if span.text:
            yield {
                "part": span.part,
                "char_start": part["chars"],
                "text": span.text,
                "place": span.place,
                "number": span.number,
            }
            digest.update(span.text.encode())
            part["chars"] += len(span.text)
            part["blank"] = part["blank"] and not span.text.strip()


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


def answer(request: ParseRequest) -> Parsed | Refused:
    """The reply to one request: its parts, or the outcome of the whole source."""
    try:
        parts = parse_file(Path(request.path), request.extension, Path(request.target), request.config)
        return Parsed(parts)
    except BadDocument as error:
        return Refused(error.outcome, error.reason)
    except FileNotFoundError:
        return Refused("vanished", "it was there when it was listed, and is gone")
    except OSError as error:
        return Refused("unreadable", error.strerror or str(error))
    except MemoryError:
        return Refused("out_of_memory", "the parser ran out of memory")
    except Exception as error:  # a parser's own fault must not end the run: it is this document's outcome
        return Refused("corrupt", f"{type(error).__name__}: {error}"[:500])


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    parent = Parent(WIRE)
    cap = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    parent.send(Ready())
    while True:
        parent.send(answer(parent.receive(ParseRequest)))


if __name__ == "__main__":
    main()
