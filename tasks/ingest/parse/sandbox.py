"""Parsing in a process of its own, which is reused, and killed when it takes too much time or memory.

`parse_source` never raises for a bad document: whatever happens in the child becomes an outcome.
"""

import atexit
import hashlib
import json
import os
import tempfile
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from model.files import is_filled, replace_file
from tasks.errors import BadDocument
from tasks.ingest.forgotten import Forgotten
from tasks.ingest.ipc import Child
from tasks.ingest.parse.base import parser_key
from tasks.ingest.parse.detect import suffix_of
from tasks.ingest.parse.messages import WIRE, Parsed, ParseRequest, Ready, Refused
from tasks.ingest.parse.store import without_parts
from tasks.ingest.storage import SPECIAL, Found, fetch, unchanged
from tasks.ingest.uris import S3, path_of
from tasks.settings import ParseConfig, StorageConfig

POLL_S = 0.05
"""How often the parser's memory is looked at."""
START_S = 120.0
"""Loading the formats may take so long."""
_SLACK = 6 << 30
"""Address space beyond the resident cap: mapped libraries and allocator reserves are not memory."""


class _Parser:
    """A parser process, started when it is needed and replaced when it failed or grew."""

    def __init__(self) -> None:
        self.child: Child | None = None
        self.cap = 0
        self.busy = threading.Lock()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Kill the process, if there is one."""
        if self.child is not None:
            self.child.close()
        self.child = None

    def parse(self, request: ParseRequest, size: int) -> list[dict[str, Any]]:
        """Parts of a source of `size` bytes.

        Raises:
            BadDocument: with what the parser says of it, or with why the parser was killed.
        """
        config = request.config
        with self.busy:
            try:
                child = self._started(config.memory_mb << 20)
                child.send(request)
                reply = self._reply(child, config.timeout_s * (1 + size / (16 << 20)))
            except BadDocument:
                self.stop()
                raise
        if isinstance(reply, Refused):
            raise BadDocument(reply.outcome, reply.reason)
        assert isinstance(reply, Parsed)
        return reply.parts

    def _started(self, cap: int) -> Child:
        # what an earlier document left behind would be counted against the next one
        usable = self.cap == cap and self.child and not self.child.exit_cause()
        if self.child is None or not usable or self.child.resident > cap // 2:
            self.stop()
            self.cap = cap
            self.child = Child("tasks.ingest.parse.child", WIRE, [str(cap + _SLACK)])
            self._reply(self.child, START_S)  # Ready: loading the formats is no document's time
        return self.child

    def _reply(self, child: Child, limit_s: float) -> Ready | Parsed | Refused:
        """The next message of the parser, which is watched meanwhile."""
        deadline = time.monotonic() + limit_s
        while True:
            for message in child.receive(POLL_S):
                reply: Ready | Parsed | Refused = message
                return reply
            if child.exit_cause():
                raise BadDocument("corrupt", "the parser crashed on it")
            if (used := child.resident) > self.cap:
                megabytes = f"{used >> 20} MiB of memory, over the cap of {self.cap >> 20}"
                raise BadDocument("out_of_memory", f"the parser took {megabytes}, and was killed")
            if time.monotonic() > deadline:
                raise BadDocument("timeout", f"the parser took longer than {limit_s:g} s and was killed")


@cache
def _parser(_pid: int) -> _Parser:
    """This process's parser; a fork gets one of its own."""
    return _Parser()


def parse_source(
    found: Found, home: Path, config: ParseConfig, storage: StorageConfig
) -> list[dict[str, Any]]:
    """Parse one source into `home/parsed`; a row of schema.SOURCES for each document in it.

    Raises:
        Transient: if an object store does not answer. A bad document never raises: it is an outcome.
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
    folder = home / "parsed"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parsing-", dir=folder) as scratch:
        local = not found.uri.startswith(S3)
        copy = Path(path_of(found.uri)) if local else Path(scratch) / f"source{suffix_of(_name(found.uri))}"
        content = fetch(found, None if local else copy, config.max_mb << 20, storage)
        if mark := forgotten.content(content):
            return content, [_left_out({"part": 0, "label": ""}, mark)], ""
        parsed = _parsed_path(content, found.uri, config)
        notes = (home / parsed).with_suffix(".json")
        if not (is_filled(home / parsed) and is_filled(notes) and _still_out(notes, forgotten)):
            target = Path(scratch) / "text.parquet"
            parts = _without(_ask(found, copy, target, config), target, forgotten)
            if local and not unchanged(found):
                raise BadDocument("unreadable", "it was written to while it was read")
            fresh = Path(scratch) / "parts.json"
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


def _ask(found: Found, path: Path, target: Path, config: ParseConfig) -> list[dict[str, Any]]:
    request = ParseRequest(str(path), _name(found.uri), str(target), config)
    return _parser(os.getpid()).parse(request, found.size)
