"""How fast sources become text and shards, and in how much memory: many small files, and one long text.

The idea: files are made in a folder of their own, and go through the very steps of a read that need no model;
processor time beside the clock says what a machine without other work would take. Of several numbers of files
the most memory of each step is compared, since it is not to grow with them.
"""

import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.infer.models import Models
from tasks.ingest import steps
from tasks.ingest.parse.many import parsers
from tasks.ingest.parse.parser import end_idle
from tasks.ingest.source_rows import SourceRows
from tasks.memory.sources import merge_sources
from tasks.plan.plan import describe, plan
from tasks.plan.work import choose
from tasks.runs.ledger import Row
from tasks.runs.run import Run

FILE_BYTES = 2048
_FOLDER = 1000
"""Files of a folder."""
_VOCABULARY = 50_000
"""Words there are."""
_SYLLABLES = "ba de fi go lu ma ne po ra si to va wen kor lis tan".split()


@dataclass(frozen=True)
class Parsing:
    """What is made and measured.

    Raises:
        InvalidInput: on a number that cannot be; the message names the option.
    """

    files: tuple[int, ...] = (5000,)
    """Of each folder of small files."""
    megabytes: int = 64
    """Of the one long text."""

    def __post_init__(self) -> None:
        for name, value in (*(("files", count) for count in self.files), ("megabytes", self.megabytes)):
            if value < 1:
                raise InvalidInput(f"--{name} {value}: give 1 or more")


def parsing(what: Parsing, run: Run, models: Models, progress: Progress = silent) -> dict[str, Any]:
    """A row for every step of both corpora: seconds, those of all processors, files, bytes, peak memory."""
    with tempfile.TemporaryDirectory(prefix="nightread-bench-") as folder:
        rows: list[Row] = []
        for number, count in enumerate([*what.files, 0]):
            corpus = Path(folder) / f"corpus-{number}"
            if count:
                _write_files(corpus, count)
            else:
                _write_text(corpus, what.megabytes << 20)
            fresh = replace(run, uris=(str(corpus),), home=Path(folder) / f"home-{number}")
            rows += _measured(f"{count:,} files" if count else "text", fresh, models, progress)
    return {
        "files": list(what.files),
        "file_bytes": FILE_BYTES,
        "megabytes": what.megabytes,
        "parsers": parsers(run.parse),
        "rows": rows,
    }


def _measured(name: str, run: Run, models: Models, progress: Progress) -> Iterator[Row]:
    size = sum(path.stat().st_size for path in Path(run.uris[0]).rglob("*.txt"))
    found, row = _timed("discover", lambda: steps.discover(run))
    same = {"corpus": name, "bytes": size, "count": len(found)}
    yield {**same, **row}
    done = 0

    def counted(_: int) -> None:
        nonlocal done
        done += 1
        progress("parse", done, len(found))

    def parse() -> SourceRows:
        rows = steps.parse(run, found, counted)
        end_idle(0)  # what a process took is known when it has ended
        return rows

    rows, row = _timed("parse", parse)
    yield {**same, **row}
    work, row = _timed("choose", lambda: choose(run, models, None, rows))
    yield {**same, **row}
    documents, row = _timed("shard", lambda: steps.shard(run, work.todo, models.folder, lambda _: None))
    yield {**same, **row}
    _, row = _timed("plan", lambda: describe(plan(run, models, work, documents)))
    yield {**same, **row}
    _, row = _timed("merge", lambda: merge_sources(None, work.seen, None))
    yield {**same, **row}


def _timed(step: str, work: Callable[[], Any]) -> tuple[Any, Row]:
    clock, before = time.monotonic(), _processors()
    result = work()
    seconds, busy = time.monotonic() - clock, _processors() - before
    own, child = (
        1024 * resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    row = {"step": step, "seconds": seconds, "processor_s": busy, "rss": own, "rss_child": child}
    return result, row


def _processors() -> float:
    """Seconds of processors that this process and its ended children have taken."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def _words(seed: int) -> Iterator[str]:
    """Words that nobody wrote, the n-th of them once where the first is met n times, as in a language."""
    chance = random.Random(seed)
    while True:
        number = int(_VOCABULARY ** chance.random())
        syllables = []
        while number:
            number, at = divmod(number, len(_SYLLABLES))
            syllables.append(_SYLLABLES[at])
        yield "".join(syllables)


def _write_files(folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / f"{number // _FOLDER:04d}" / f"{number:07d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_text(_words(number), FILE_BYTES))


def _write_text(folder: Path, size: int) -> None:
    folder.mkdir(parents=True)
    words = _words(-1)
    with (folder / "long.txt").open("w") as file:
        for _ in range(-(-size // (1 << 16))):
            file.write(_text(words, 1 << 16))


def _text(words: Iterator[str], size: int) -> str:
    """So many bytes of words, in lines."""
    lines: list[str] = []
    length = 0
    while length < size:
        lines.append(f"{' '.join(next(words) for _ in range(12)).capitalize()}.\n")
        length += len(lines[-1])
    return "".join(lines)[: size - 1] + "\n"
