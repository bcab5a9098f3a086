"""A large memory from beginning to end: made, published in several runs, tidied, asked, and deleted.

The idea: options are checked here, before anything heavy is imported; each part runs in a process of its own.
"""

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.hardware import processor
from tasks.bench.progress import Progress
from tasks.errors import InvalidInput
from tasks.settings import RecallConfig, UpkeepConfig

LEAST = 1000


@dataclass(frozen=True)
class Size:
    """How large a memory is made, and how it is asked.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    records: int
    runs: int
    questions: int
    real: int
    """Real passages that are embedded; the others are mixed from them."""

    def __post_init__(self) -> None:
        if self.records < LEAST:
            raise InvalidInput(f"--records {self.records}: give {LEAST:,} or more")
        for name in ("runs", "questions", "real"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"--{name} {getattr(self, name)}: give 1 or more")


def bench(size: Size, home: Path, embedder: str, config: RecallConfig, progress: Progress) -> dict[str, Any]:
    """Measure a memory of this size: {processor, cores, load, real, ingest, disk, upkeep, answers}.

    Args:
        home: the memory is made below its folder `bench`, and deleted.
        embedder: folder of the embedder, "" the default one.
    """
    from tasks.bench.memory.apart import apart
    from tasks.bench.memory.ingest import ingest
    from tasks.bench.memory.made import Pool, pool, real_passages

    folder = home / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    passages = real_passages(size.real)
    real: Pool = pool(passages, folder / f"{_digest(passages, embedder)}.npy", _embed(embedder), progress)
    with tempfile.TemporaryDirectory(prefix="memory-", dir=folder) as name:
        made = Path(name)
        filled = apart(ingest, made, real, size.records, size.runs, progress=progress)
        disk = _stored(made)
        tidied = apart(_tidy, made, progress=progress)
        answers = apart(
            _measure, made, filled["documents"], size.questions, embedder, config, progress=progress
        )
        return {
            "processor": processor(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[1],
            "real": len(passages),
            "ingest": filled,
            "disk": {"published": disk, "tidied": _stored(made)},
            "upkeep": tidied,
            "answers": answers,
        }


def _digest(passages: list[str], embedder: str) -> str:
    from model import weights

    texts = "\0".join([weights.fingerprint(weights.resolve_embedder(embedder)), *passages])
    return hashlib.sha256(texts.encode(errors="replace")).hexdigest()[:16]


def _embed(embedder: str) -> Any:
    from model.embed.embedder import load_embedder

    return lambda texts: load_embedder(embedder).encode(texts)


def _tidy(home: Path, progress: Progress) -> float:
    """Seconds of an upkeep that keeps the published version alone."""
    from tasks.memory.upkeep.upkeep import tidy

    progress("upkeep", 0, 1)
    began = time.monotonic()
    tidy(home, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
    return time.monotonic() - began


def _measure(
    home: Path, documents: int, questions: int, embedder: str, config: RecallConfig, progress: Progress
) -> dict[str, Any]:
    from model.embed.question import load_question_embedder
    from tasks.bench.memory.measure import measure

    return measure(home, documents, questions, load_question_embedder(embedder), config, progress)


def _stored(home: Path) -> int:
    from tasks.ingest.home.remote import stored

    return stored(home)
