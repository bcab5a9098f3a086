"""One source: fetched, parsed in a process of its own, kept under the hash of its bytes.

`parse_source` never raises for a bad document: whatever happens in the child becomes an outcome.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from model.files import is_filled, replace_file
from tasks.errors import BadDocument
from tasks.ingest.forgotten import Forgotten
from tasks.ingest.parse.base import parser_key
from tasks.ingest.parse.detect import suffix_of
from tasks.ingest.parse.messages import ParseRequest
from tasks.ingest.parse.ocr import could_read_more
from tasks.ingest.parse.parser import Parser, borrowed
from tasks.ingest.parse.store import without_parts
from tasks.ingest.storage import SPECIAL, Found, fetch, unchanged
from tasks.ingest.uris import S3, path_of
from tasks.settings import ParseConfig, StorageConfig


def parse_source(
    found: Found, home: Path, config: ParseConfig, storage: StorageConfig
) -> list[dict[str, Any]]:
    """Parse one source into `home/parsed`; a row of schema.SOURCES for each document in it.

    Raises:
        Transient: if an object store does not answer, or no parser starts. A bad document never raises: it
            is an outcome.
    """
    row = {"uri": found.uri, "version": found.version, "content": "", "part": 0, "label": ""}
    bad = {**row, "document": "", "chars": 0, "parsed": "", "omitted": [], "encoding": ""}
    if found.version.startswith(SPECIAL):
        reason = found.version.partition(": ")[2] or "not a regular file (a pipe, a socket or a device)"
        return [{**bad, "outcome": "unsupported", "reason": reason}]
    try:
        content, parts, parsed = _parse(found, home, config, storage)
    except BadDocument as error:
        return [{**bad, "outcome": error.outcome, "reason": error.reason}]
    rows = []
    for part in parts:
        good = part["outcome"] == "ok"
        rows.append({**row, **part, "content": content, "parsed": parsed if good else ""})
    return rows


def _parse(
    found: Found, home: Path, config: ParseConfig, storage: StorageConfig
) -> tuple[str, list[dict[str, Any]], str]:
    """Content hash, parts and TEXT file of a source; bytes seen before are not parsed again.

    Of what was forgotten nothing is stored: the outcome of such a part is forgotten, its reason the mark.
    """
    forgotten = Forgotten(home)
    with borrowed(home.resolve() / "parsed", config) as parser:
        local = not found.uri.startswith(S3)
        copy = Path(path_of(found.uri)) if local else parser.folder / f"source{suffix_of(_name(found.uri))}"
        content = fetch(found, None if local else copy, config.max_mb << 20, storage)
        if mark := forgotten.content(content):
            return content, [_left_out({"part": 0, "label": ""}, mark)], ""
        parsed = _parsed_path(content, found.uri, config)
        notes = (home / parsed).with_suffix(".json")
        if is_filled(notes) and could_read_more(json.loads(notes.read_text()), config):
            parsed = f"{parsed.removesuffix('.parquet')}-ocr.parquet"  # the text without it may be cited
            notes = (home / parsed).with_suffix(".json")
        if not (is_filled(home / parsed) and is_filled(notes) and _still_out(notes, forgotten)):
            target = parser.folder / "text.parquet"
            parts = _without(_ask(parser, found, copy, target, config), target, forgotten)
            if local and not unchanged(found):
                raise BadDocument("unreadable", "it was written to while it was read")
            fresh = parser.folder / "parts.json"
            fresh.write_text(json.dumps(parts))
            replace_file(target, home / parsed, durable=False)
            replace_file(fresh, notes, durable=False)
    return content, json.loads(notes.read_text()), parsed


def _left_out(part: dict[str, Any], mark: str) -> dict[str, Any]:
    blank = {"document": "", "chars": 0, "omitted": [], "encoding": ""}
    return {**part, **blank, "outcome": "forgotten", "reason": mark}


def _still_out(notes: Path, forgotten: Forgotten) -> bool:
    """Whether every part that was left out of a TEXT file as forgotten still is."""
    parts = json.loads(notes.read_text())
    return all(forgotten.is_kept_out(part["reason"]) for part in parts if part["outcome"] == "forgotten")


def _without(parts: list[dict[str, Any]], target: Path, forgotten: Forgotten) -> list[dict[str, Any]]:
    """The parts, those that were forgotten without their text, which goes from the TEXT file too."""
    marks = {part["part"]: mark for part in parts if (mark := forgotten.document(part["document"]))}
    if marks:
        without_parts(target, marks)
    return [_left_out(part, marks[part["part"]]) if part["part"] in marks else part for part in parts]


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _parsed_path(content: str, uri: str, config: ParseConfig) -> str:
    """parsed/<content>.<name>-<parser key>.parquet: the same bytes are another text as .html than as .txt."""
    kind = hashlib.sha256(suffix_of(_name(uri)).encode()).hexdigest()[:6]
    return f"parsed/{content}.{kind}-{parser_key(config)}.parquet"


def _ask(parser: Parser, found: Found, path: Path, target: Path, config: ParseConfig) -> list[dict[str, Any]]:
    request = ParseRequest(str(path), _name(found.uri), str(target), config)
    return parser.parse(request, found.size)
