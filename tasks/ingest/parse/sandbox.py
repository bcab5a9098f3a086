"""Parsing behind a wall: one child process, used again and again, killed when it takes too much.

`parse_source` never raises for a bad document: whatever happens in the child becomes an outcome.
"""

import atexit
import hashlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from tasks.errors import BadDocument
from tasks.ingest.parse.base import parser_key
from tasks.ingest.storage import SPECIAL, Found, fetch, unchanged
from tasks.settings import ParseConfig, StorageConfig

POLL_S = 0.05
START_S = 120.0
_SLACK = 6 << 30
"""Address space beyond the resident cap: mapped libraries and allocator reserves are not memory."""


class _Child:
    """A parser process; None while there is none."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.cap = 0
        self.busy = threading.Lock()
        atexit.register(self.kill)

    def start(self, cap: int) -> "subprocess.Popen[bytes]":
        if self.process is None or self.process.poll() is not None or self.cap != cap or self._grown():
            self.kill()
            command = [sys.executable, "-m", "tasks.ingest.parse.child", str(cap + _SLACK)]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            self.cap = cap
            self._wait(self.process, cap, START_S)  # its first line: loading parsers is no document's time
        return self.process

    def _grown(self) -> bool:
        """Whether an earlier document left so much behind that the next would pay for it."""
        return self.process is not None and _resident(psutil.Process(self.process.pid)) > self.cap // 2

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
        self.process = None

    def ask(self, request: dict[str, Any], config: ParseConfig, size: int) -> dict[str, Any]:
        """The child's reply, or the outcome of killing it."""
        with self.busy:
            return self._ask(request, config, size)

    def _ask(self, request: dict[str, Any], config: ParseConfig, size: int) -> dict[str, Any]:
        cap = config.memory_mb << 20
        try:
            process = self.start(cap)
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            return self._wait(process, cap, config.timeout_s * (1 + size / (16 << 20)))
        except BadDocument as error:
            self.kill()
            return {"outcome": error.outcome, "reason": error.reason}
        except (BrokenPipeError, ConnectionError):
            self.kill()
            return {"outcome": "corrupt", "reason": "the parser crashed on it"}

    def _wait(self, process: "subprocess.Popen[bytes]", cap: int, limit: float) -> dict[str, Any]:
        assert process.stdout is not None
        watched, deadline, line = psutil.Process(process.pid), time.monotonic() + limit, b""
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if selector.select(POLL_S):
                    piece = os.read(process.stdout.fileno(), 1 << 16)
                    if not piece:
                        raise BadDocument("corrupt", "the parser crashed on it")
                    line += piece
                    continue
                if time.monotonic() > deadline:
                    raise BadDocument("timeout", f"the parser took longer than {limit:g} s and was killed")
                if (used := _resident(watched)) > cap:
                    megabytes = f"{used >> 20} MiB of memory, over the cap of {cap >> 20}"
                    raise BadDocument("out_of_memory", f"the parser took {megabytes}, and was killed")
        reply: dict[str, Any] = json.loads(line)
        return reply


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


@cache
def _child(_pid: int) -> _Child:
    """This process's parser; a fork gets one of its own."""
    return _Child()


def parse_source(
    found: Found, home: Path, config: ParseConfig, storage: StorageConfig
) -> list[dict[str, Any]]:
    """Parse one source into `home/parsed`; a row of schema.SOURCES for each document in it.

    Raises:
        Transient: if an object store does not answer. A bad document never raises: it is an outcome.
    """
    row = {"uri": found.uri, "version": found.version, "content": "", "part": 0, "label": ""}
    bad = {**row, "document": "", "chars": 0, "parsed": ""}
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
    """Content hash, parts and TEXT file of a source; bytes seen before are not parsed again."""
    folder = home / "parsed"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parsing-", dir=folder) as scratch:
        local = not found.uri.startswith("s3://")
        copy = Path(found.uri) if local else Path(scratch) / "source"
        content = fetch(found, None if local else copy, config.max_mb << 20, storage)
        parsed = _parsed_path(content, found.uri, config)
        notes = (home / parsed).with_suffix(".json")
        if not notes.exists():
            target = Path(scratch) / "text.parquet"
            parts = _ask(found, copy, target, config)
            if local and not unchanged(found):
                raise BadDocument("unreadable", "it was written to while it was read")
            os.replace(target, home / parsed)
            fresh = Path(scratch) / "parts.json"
            fresh.write_text(json.dumps(parts))
            os.replace(fresh, notes)
    return content, json.loads(notes.read_text()), parsed


def _extension(uri: str) -> str:
    return os.path.splitext(uri)[1].lower()


def _parsed_path(content: str, uri: str, config: ParseConfig) -> str:
    """parsed/<content>.<kind>-<parser key>.parquet: the same bytes are another text as .html than as .txt."""
    kind = hashlib.sha256(_extension(uri).encode()).hexdigest()[:6]
    return f"parsed/{content}.{kind}-{parser_key(config)}.parquet"


def _ask(found: Found, path: Path, target: Path, config: ParseConfig) -> list[dict[str, Any]]:
    extension = _extension(found.uri)
    request = {"path": str(path), "extension": extension, "target": str(target), "config": asdict(config)}
    reply = _child(os.getpid()).ask(request, config, found.size)
    if "outcome" in reply:
        raise BadDocument(reply["outcome"], reply["reason"])
    parts: list[dict[str, Any]] = reply["parts"]
    return parts
