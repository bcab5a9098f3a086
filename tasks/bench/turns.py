"""The same documents read by so many ranks, in turns, with the processes that `nightread read` uses.

The idea: ranks begin together, and each has read a short text beside the others before, from whose pace the
simulator must predict the turn.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from model.bench.simulate import makespan
from model.cost import read_flops
from model.geometry import SINKS
from tasks.bench.speed import text_ids
from tasks.errors import NightreadError
from tasks.infer.group import Setup, threads
from tasks.infer.infer import with_sources
from tasks.infer.node import Node
from tasks.infer.queue import Desk, Handed, Job
from tasks.infer.windows import Models
from tasks.ingest import steps as ingest
from tasks.ledger import Ledger
from tasks.run import Run

WARM_TOKENS = 1024
"""Of the text by which a rank's pace is taken."""
WARM = 2
"""It is read twice: the first time loads kernels."""

Progress = Callable[[str, int, int], None]
Row = dict[str, Any]


@dataclass
class Turn:
    """The documents, read once by so many ranks."""

    start_s: float = 0.0
    """From starting the ranks to the last one being ready."""
    seconds: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)
    """FLOP/s of each rank, in the text it read before."""


class _Gate:
    """A desk that lets ranks begin together, once each has read a text, not counted, beside the others."""

    def __init__(self, desk: Desk, warm: Job, flops: float, ranks: int) -> None:
        self.desk, self.warm, self.flops, self.ranks = desk, warm, flops, ranks
        self.turn, self.phase, self.began = Turn(), 0, time.monotonic()
        self.reading: dict[str, float] = {}
        self.through: set[str] = set()

    def open(self) -> bool:
        return self.phase < WARM or self.desk.open()

    def take(self, rank: str) -> Job | None:
        if self.phase == WARM:
            return self.desk.take(rank)
        if rank in self.through:
            return None
        self.reading[rank] = time.monotonic()
        return self.warm

    def keep(self, handed: Sequence[Handed]) -> list[bool]:
        if self.phase < WARM:
            return [True] * len(handed)
        kept = self.desk.keep(handed)
        self.turn.seconds = time.monotonic() - self.began
        return kept

    def done(self, rank: str) -> None:
        if rank not in self.reading:
            self.desk.done(rank)
            return
        self.turn.rates[rank] = self.flops / (time.monotonic() - self.reading.pop(rank))
        self.through.add(rank)
        if len(self.through) == self.ranks:
            if not self.phase:
                self.turn.start_s = time.monotonic() - self.began - self.flops / min(self.turn.rates.values())
            self.phase, self.through, self.began = self.phase + 1, set(), time.monotonic()

    def died(self, rank: str, reason: str) -> None:
        raise NightreadError(f"a rank of the benchmark died: {reason}")


class Bench:
    """Documents of natural text in a home of their own, ready to be read again and again.

    Args:
        documents: how many, all of `tokens` tokens together.
        scratch: an empty folder.
    """

    def __init__(self, documents: int, tokens: int, run: Run, scratch: Path, progress: Progress) -> None:
        corpus = scratch / "corpus"
        corpus.mkdir()
        folder = Models(run.home, run.infer, run.shard.stride).folder.resolve()
        _write_texts(corpus, documents, tokens, folder)
        # documents are what is counted here: none is cut
        infer = replace(run.infer, model=str(folder), segment_windows=1 << 30)
        self.run = replace(run, uris=(str(corpus),), home=scratch, infer=infer)
        self.models = Models(scratch, infer, run.shard.stride)
        self.progress, self.turns = progress, 0
        rows = ingest.parse(self.run, ingest.discover(self.run), lambda _: None)
        todo = {row["document"]: row for row in rows}
        self.pairs = with_sources(rows, ingest.shard(self.run, todo, folder, lambda _: None))
        names = {row["document"]: Path(row["uri"]).name for row in rows}
        self.warm = [pair for pair in self.pairs if names[pair[0].document].startswith("warm")]
        self.pairs = [pair for pair in self.pairs if pair not in self.warm]
        self.tokens = sum(document.tokens for document, _ in self.pairs)

    def flops(self, tokens: int) -> int:
        config = AutoConfig.from_pretrained(self.models.folder).get_text_config()
        return read_flops(config, tokens, self.run.shard.stride, SINKS)

    def turn(self, ranks: int) -> Turn:
        """Read all documents with so many ranks, from nothing."""
        self.turns += 1
        shutil.rmtree(self.run.home / "states", ignore_errors=True)
        step, read = f"turn {self.turns}, ranks: {ranks}", 0

        def count(tokens: int) -> None:
            nonlocal read
            read += tokens
            self.progress(step, read, self.tokens)

        setup = Setup(
            self.run.home,
            replace(self.run.infer, workers=ranks, sequence_parallel=1, batch_size=1, threads=0),
            self.run.shard,
            self.models.key,
        )
        with Ledger(self.run.home / f"turn-{self.turns}.sqlite") as ledger:
            desk = Desk(self.pairs, self.run.infer, self.models.key, ledger, count)
            short, source = self.warm[0]
            warm = Job(short, source, range(short.windows), 0)
            gate = _Gate(desk, warm, self.flops(warm.document.tokens), ranks)
            Node(setup, gate).work()
        return gate.turn

    def row(self, ranks: int, turns: Sequence[Turn], alone: Sequence[Turn]) -> Row:
        """Medians of the turns; each turn is set beside that of one rank before it."""
        costs = [float(self.flops(document.tokens)) for document, _ in self.pairs]
        predicted = [makespan(costs, list(turn.rates.values())) for turn in turns]
        return {
            "ranks": ranks,
            "threads": threads(ranks),
            "tokens": self.tokens,
            "seconds": median(turn.seconds for turn in turns),
            "tokens_per_s": self.tokens / median(turn.seconds for turn in turns),
            "ratio": median(one.seconds / turn.seconds for one, turn in zip(alone, turns, strict=True)),
            "predicted_s": median(predicted),
            "error": median(said / turn.seconds - 1 for said, turn in zip(predicted, turns, strict=True)),
            "start_s": median(turn.start_s for turn in turns),
        }


def keeping(ledger: Ledger, windows: int = 64, times: int = 5) -> tuple[float, float]:
    """What windows cost where they are written down: seconds of a flush, and of each window in it."""
    took = []
    for count in (1, windows):
        rows = [(f"window-{number}", "trial", bytes(2000)) for number in range(count)]
        began = time.monotonic()
        for _ in range(times):
            ledger.put_many(rows)
        took.append((time.monotonic() - began) / times)
    each = max(0.0, (took[1] - took[0]) / (windows - 1))
    return max(0.0, took[0] - each), each


def _write_texts(folder: Path, documents: int, tokens: int, model: Path) -> None:
    """Documents of natural text that never repeats, equally long in tokens, and a shorter one to warm up."""
    each = tokens // documents
    ids = text_ids(model, each * documents + WARM_TOKENS)
    tokenizer = AutoTokenizer.from_pretrained(model)
    for number in range(documents):
        text = tokenizer.decode(ids[number * each : (number + 1) * each])
        (folder / f"text-{number:02d}.txt").write_text(text)
    (folder / "warm.txt").write_text(tokenizer.decode(ids[-min(WARM_TOKENS, each) :]))
