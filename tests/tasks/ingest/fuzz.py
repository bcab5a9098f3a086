"""Fuzzing of a parser, guided by coverage: python -m tests.tasks.ingest.fuzz KIND SECONDS SEED FOLDER

The idea: a change to a source that reaches a line of our parsers which none reached before is kept, and
changed further. A source on which a parser crashes, hangs or eats memory ends the process, and stays.
"""

import faulthandler
import os
import random
import resource
import signal
import sys
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from tasks import schema
from tasks.errors import BadDocument
from tasks.ingest.parse.base import as_bad
from tasks.ingest.parse.child import parse_file
from tasks.settings import ParseConfig
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.hostile import archives, office, texts

HANGS_S, ENDLESS_S = 30, 600
"""Seconds of CPU, and of a clock, after which a parser hangs: it is ended, and says where it was."""
MEMORY = 8 << 30
MOST = 1 << 16
"""Bytes of a changed source, or of a changed part of one."""
OURS = f"{os.sep}tasks{os.sep}ingest{os.sep}parse{os.sep}"
TOKENS = (
    b"\0", b"\xff\xff\xff\xff", b"-1", b"0", b"99999999999", b"<", b">", b"&#xD800;", b"]]>", b"<!--", b'"',
    b"{", b"}", b"[", b"\\", b"\\u-1 ", b"\n\n", b"\r", b"--b", b"=?utf-8?q?", b" obj", b"stream", b"PK",
    "\u202e".encode(), b"\xed\xa0\x80", b"/", b"../",
)  # fmt: skip
"""What means something to one format or another."""


def _of(some: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(some)


SEEDS: dict[str, Callable[[Path], object]] = {
    "csv": _of(b'Side,Rent,"Since"\nNorth,"1,450",2024\nSouth,980.5,"2\n3"\n' * 3),
    "docx": office.contract,
    "eml": _of(texts.parts(4)),
    "epub": files.book,
    "gz": archives.ARCHIVES["torn.txt.gz"].make,
    "html": _of(
        b"<html><meta charset=utf-8><style>.a > b, #c p.d{display:none}</style><h1>One</h1><pre>a\n b</pre>"
        b"<table><tr><td>a<td>b</table><p hidden>c<div id=c><p class=d>e<ol start=2>"
        b"<li>f<ol type=i><li value=9>g</ol></ol></div>"
        b"<ruby>h<rt>i</ruby><math><mfrac><mn>1</mn><mn>2</mn></mfrac></math>"
    ),
    "ipynb": files.notebook,
    "jsonl": _of(b'{"text": "one"}\n{"text": 3}\n{"text": "three"}\n'),
    "mbox": _of(
        b"From a@b Mon Jan  1 00:00:00 2026\n"
        + texts.parts(2)
        + b"\nFrom c@d Mon Jan  1 00:00:00 2026\n"
        + texts.parts(1)
    ),
    "ods": files.sheets,
    "odt": files.letter,
    "parquet": office.columns,
    "pdf": _of(office.drawn((office.SHOWN + b"/X Do ", b"/X 6 0 R"), (office.SHOWN, b""))),
    "pptx": files.deck,
    "rtf": files.rich,
    "tar": archives.ARCHIVES["climbs.tar"].make,
    "txt": _of((texts.PROSE + "Größe, 六分仪, naïve. ").encode() * 5),
    "xlsx": files.workbook,
    "zip": archives.ARCHIVES["names.zip"].make,
}
"""A good source of each kind, by what its name ends in."""


class Coverage:
    """Lines of our parsers that were reached."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.fresh = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if OURS not in frame.f_code.co_filename:
            return None
        return self._line

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        at = (frame.f_code.co_filename, frame.f_lineno)
        if at not in self.seen:
            self.seen.add(at)
            self.fresh += 1
        return self._line


def changed(some: bytes, chance: random.Random) -> bytes:
    """A few changes: bytes, pieces that go, come twice, or come from elsewhere, an end that is missing."""
    found = bytearray(some)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(found) + 1)
        end = min(len(found), at + chance.choice((1, 2, 4, 64, 1024)))
        how = chance.randrange(7)
        if how == 0 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        elif how == 1 and at < len(found):
            found[at] = chance.randrange(256)
        elif how == 2:
            del found[at:end]
        elif how == 3:
            found[at:at] = found[at:end] * chance.choice((1, 2, 100))
        elif how == 4:
            found[at:at] = chance.choice(TOKENS)
        elif how == 5:
            other = chance.randrange(len(found) + 1)
            found[at:end] = found[other : other + end - at]
        elif chance.random() < 0.2:
            del found[at:]
    return bytes(found[:MOST])


def changed_inside(path: Path, chance: random.Random) -> None:
    """Change one part of a document that is a whole zip file of parts."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, RuntimeError, EOFError):
        return  # it was changed as a whole before
    text = [name for name in parts if name.endswith((".xml", ".xhtml", ".opf", ".rels", ".txt"))]
    if text:
        name = chance.choice(text)
        old = parts[name]
        parts[name] = changed(old.encode() if isinstance(old, str) else old, chance)
    files.zipped(path, parts)


def fuzz(kind: str, seconds: float, seed: int, folder: Path) -> str:
    """Parse changed sources for so long; how many, and how many lines were reached."""
    chance, coverage, until = random.Random(seed), Coverage(), time.monotonic() + seconds
    path, target = folder / f"source.{kind}", folder / "text.parquet"
    SEEDS[kind](path)
    kept, count, good, unexplained = [path.read_bytes()], 0, 0, Counter[str]()
    while time.monotonic() < until:
        if count:
            path.write_bytes(chance.choice(kept[-64:]))
            if zipfile.is_zipfile(path) and chance.random() < 0.7:
                changed_inside(path, chance)
            else:
                path.write_bytes(changed(path.read_bytes(), chance))
        coverage.fresh = 0
        signal.setitimer(signal.ITIMER_PROF, HANGS_S)
        signal.alarm(ENDLESS_S)
        sys.settrace(coverage.trace)
        try:
            refused = None
            rows = parse_file(path, path.name, target, ParseConfig(ocr="never"))
            assert all(row["outcome"] in schema.OUTCOMES for row in rows), rows
            assert all(row["reason"] or row["outcome"] == "ok" for row in rows), rows
            good += 1
        except Exception as error:
            refused = as_bad(error)
            if not isinstance(error, BadDocument):
                unexplained[type(error).__name__] += 1
        finally:
            sys.settrace(None)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        assert refused is None or (refused.reason and refused.outcome in schema.OUTCOMES), refused
        if coverage.fresh:
            kept.append(path.read_bytes())
        count += 1
    return (
        f"{kind}: {count} sources, {good} of them good, {len(coverage.seen)} lines, {len(kept)} kept, "
        f"reasons of a library: {dict(unexplained)}"
    )


def main() -> None:
    kind, seconds, seed, folder = sys.argv[1:]
    for number in (signal.SIGPROF, signal.SIGALRM):
        faulthandler.register(number, chain=True)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    print(fuzz(kind, float(seconds), int(seed), Path(folder)))


if __name__ == "__main__":
    main()
