"""The same documents read by so many workers, in turns, with the processes that `nightread read` uses.

The idea: workers begin together, and each has read a short text beside the others before, from whose pace the
simulator must predict the turn.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from transformers import AutoConfig, AutoTokenizer

from model.bench.simulate import makespan
from model.cost import read_flops
from model.geometry import SINKS
from tasks.bench.progress import Progress
from tasks.bench.speed import text_ids
from tasks.errors import NightreadError
from tasks.infer.group import threads
from tasks.infer.infer import with_sources
from tasks.infer.messages import Commit, Lease, Setup, Verdict, Worker
from tasks.infer.models import Models
from tasks.infer.node import Node
from tasks.infer.queue import LeaseQueue
from tasks.infer.segments import Segment, segments
from tasks.ingest import steps as ingest
from tasks.ingest.shard import shard_document
from tasks.runs.ledger import Ledger, Row
from tasks.runs.run import Run

WARM_TOKENS = 1024
"""Length of the text by which a worker's pace is measured."""
WARM_UPS = 2
"""It is read twice: the first time loads kernels."""


@dataclass
class Turn:
    """The documents, read once by so many workers."""

    start_s: float = 0.0
    """From starting the workers to the last one being ready."""
    seconds: float = 0.0
    rates: dict[Worker, float] = field(default_factory=dict)
    """FLOP/s of each worker, in the text it read before."""


class _WarmUp:
    """A lease queue that lets workers begin together, once each has read a short text beside the others.

    Args:
        queue: the documents that are timed.
        warm: the short text, which is read by every worker and stored by none.
        flops: operations of reading it.
    """

    def __init__(self, queue: LeaseQueue, warm: Segment, flops: float, workers: int) -> None:
        self.queue, self.warm, self.flops, self.workers = queue, warm, flops, workers
        self.turn, self.warm_ups, self.began = Turn(), 0, time.monotonic()
        self._reading: dict[int, tuple[Worker, float]] = {}
        """Warm-up leases, which have negative ids, each with when it began."""
        self._through: set[Worker] = set()
        self._leases = 0

    def open(self) -> bool:
        return self.warm_ups < WARM_UPS or self.queue.open()

    def lease(self, worker: Worker, slot: int) -> Lease | None:
        if self.warm_ups == WARM_UPS:
            return self.queue.lease(worker, slot)
        if worker in self._through:
            return None
        self._leases += 1
        self._reading[-self._leases] = worker, time.monotonic()
        return Lease(-self._leases, self.warm, worker, slot, 0)

    def commit(self, commits: Sequence[Commit]) -> list[Verdict]:
        if self.warm_ups < WARM_UPS:
            return [Verdict.STORED] * len(commits)
        verdicts = self.queue.commit(commits)
        self.turn.seconds = time.monotonic() - self.began
        return verdicts

    def complete(self, lease: int) -> None:
        if lease not in self._reading:
            self.queue.complete(lease)
            return
        worker, began = self._reading.pop(lease)
        self.turn.rates[worker] = self.flops / (time.monotonic() - began)
        self._through.add(worker)
        if len(self._through) == self.workers:
            if not self.warm_ups:
                warm_s = self.flops / min(self.turn.rates.values())
                self.turn.start_s = time.monotonic() - self.began - warm_s
            self.warm_ups, self._through, self.began = self.warm_ups + 1, set(), time.monotonic()

    def fail(self, worker: Worker, reason: str) -> None:
        raise NightreadError(f"worker {worker.number} of the benchmark died: {reason}")


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
        sharded = [shard_document(scratch, row, folder, run.shard) for row in rows]
        self.pairs = list(with_sources(rows, sharded))
        names = {row["document"]: Path(row["uri"]).name for row in rows}
        self.warm = [pair for pair in self.pairs if names[pair[0].document].startswith("warm")]
        self.pairs = [pair for pair in self.pairs if pair not in self.warm]
        self.tokens = sum(document.tokens for document, _ in self.pairs)

    def flops(self, tokens: int) -> int:
        config = AutoConfig.from_pretrained(self.models.folder).get_text_config()
        return read_flops(config, tokens, self.run.shard.stride, SINKS)

    def turn(self, workers: int) -> Turn:
        """Read all documents with so many workers, from nothing."""
        self.turns += 1
        shutil.rmtree(self.run.home / "states", ignore_errors=True)
        step, read = f"turn {self.turns}, workers: {workers}", 0

        def count(tokens: int) -> None:
            nonlocal read
            read += tokens
            self.progress(step, read, self.tokens)

        setup = Setup(
            self.run.home,
            replace(self.run.infer, workers=workers, sequence_parallel=1, batch_size=1, threads=0),
            self.run.shard,
            self.models.key,
        )
        document, source = self.warm[0]
        warm = Segment(document, source, 0, document.windows)
        with Ledger(self.run.home / f"turn-{self.turns}.sqlite") as ledger:
            leases = _WarmUp(self._queue(ledger, count), warm, self.flops(document.tokens), workers)
            Node(setup, leases).work()
        return leases.turn

    def _queue(self, ledger: Ledger, progress: Callable[[int], None]) -> LeaseQueue:
        cut = [segment for pair in self.pairs for segment in segments(*pair, self.run.infer)]
        return LeaseQueue(cut, self.models.key, ledger, progress)

    def row(self, workers: int, turns: Sequence[Turn], alone: Sequence[Turn]) -> Row:
        """Medians of the turns; each turn is set beside that of one worker before it."""
        costs = [float(self.flops(document.tokens)) for document, _ in self.pairs]
        predicted = [makespan(costs, list(turn.rates.values())) for turn in turns]
        return {
            "workers": workers,
            "threads": threads(workers),
            "tokens": self.tokens,
            "seconds": median(turn.seconds for turn in turns),
            "tokens_per_s": self.tokens / median(turn.seconds for turn in turns),
            "ratio": median(one.seconds / turn.seconds for one, turn in zip(alone, turns, strict=True)),
            "predicted_s": median(predicted),
            "error": median(said / turn.seconds - 1 for said, turn in zip(predicted, turns, strict=True)),
            "start_s": median(turn.start_s for turn in turns),
        }


def commit_seconds(ledger: Ledger, windows: int = 64, times: int = 5) -> tuple[float, float]:
    """Cost of storing windows in a ledger: seconds of a flush, and of each window in it."""
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
