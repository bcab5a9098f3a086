"""Read one context of millions of tokens window by window, ask while it grows, and go on after any end.

The idea: every few windows the context is saved, which costs what is new, and the journal tells the rest. The
same command finds the saved context and reads on from there, whatever ended it: what it reads again gives the
same state. Memory holds the model, a window and the posting lists; keys, codes and ids lie on disk.
"""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from model.context import checkpoint
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.index import IndexSizes
from model.hardware import resident_bytes, return_freed
from model.reader import Reader
from tasks.bench.haystack import Encode
from tasks.bench.million.ask import Decode, ask
from tasks.bench.million.hidden import DEPTHS, EACH, Hidden, tokens
from tasks.bench.million.journal import Journal, Window
from tasks.bench.progress import Progress

SAVE_EVERY = 16
"""Windows after which the context is saved: what a killed read reads again at most."""
HOST_BYTES = 1 << 27
"""Of keys in memory, which half a million tokens fill."""


@dataclass(frozen=True)
class Reading:
    """What is read, and where."""

    ids: Path
    """File of token ids."""
    length: int
    """Of the text, in tokens."""
    hidden: list[Hidden]
    folder: Path
    reader: Reader
    heads: Heads
    encode: Encode
    decode: Decode
    limit_s: float = float("inf")
    """Seconds after which reading ends."""
    sizes: IndexSizes | None = None
    save_every: int = SAVE_EVERY
    asking_s: float = float("inf")
    """Seconds for questions, half of them on the way; at the end one of every depth is asked in any case."""
    device_bytes: int = 0
    """Of keys on the device, on CUDA, beside those in host memory."""

    def run(self, progress: Progress) -> tuple[Journal, str]:
        """Read on to the end, ask all needles, and return the journal and a fingerprint of the context."""
        journal = Journal(self.folder / "journal.jsonl")
        with closing(self._context()) as context:
            journal.keep(len(context))
            try:
                self._read(context, journal, progress)
            except KeyboardInterrupt:
                self._save(context)
                raise
            self._save(context)
            # so that all depths are asked for first, where time is short
            self._ask(context, journal, sorted(self.hidden, key=lambda one: one.number % EACH), progress)
            return journal, checkpoint.fingerprint(context)

    def _context(self) -> Context:
        place = self.folder / "context"
        memory = Memory(
            host_bytes=HOST_BYTES,
            device_bytes=self.device_bytes,
            folder=place,
            index_sizes=self.sizes,
            recompute_cache_bytes=0,
        )
        if checkpoint.exists(place):
            return checkpoint.open_context(self.reader, place, memory)
        return Context(self.reader, self.heads, memory)

    def _read(self, context: Context, journal: Journal, progress: Progress) -> None:
        total, stride, spent = self.length, self.reader.stride, journal.seconds
        self._ask_on_the_way(context, journal)  # a killed process may not have come to it
        while len(context) < total and spent < self.limit_s:
            started, at = perf_counter(), len(context)
            context.read(tokens(self.ids, at, stride))
            if len(context) // stride % self.save_every == 0:
                self._save(context)
            spent += perf_counter() - started
            journal.note(Window(len(context), spent, resident_bytes(), _bytes(self.folder / "context")))
            progress("tokens read", len(context), total)
            self._ask_on_the_way(context, journal)

    def _ask_on_the_way(self, context: Context, journal: Journal) -> None:
        """With each tenth of the text that has been read, ask for the first needles and the latest."""
        length, total = len(context), self.length
        mark = length * DEPTHS // total
        if length < total and mark > max(length - self.reader.stride, 0) * DEPTHS // total:
            tenths = (0, mark - 1)
            self._ask(context, journal, [one for one in self.hidden if int(one.depth * DEPTHS) in tenths])

    def _ask(
        self, context: Context, journal: Journal, needles: list[Hidden], progress: Progress | None = None
    ) -> None:
        """Ask for those of some needles that have been read, once at every length; `progress` at the end."""
        final = progress is not None
        known = {(one.tokens, one.number, one.final) for one in journal.asked}
        allowed, least = (self.asking_s, DEPTHS) if final else (self.asking_s / 2, 0)
        for done, needle in enumerate(needles, 1):
            if done > least and sum(one.seconds for one in journal.asked) >= allowed:
                break
            was_read = needle.placed.sentence.stop <= len(context)
            if was_read and (len(context), needle.number, final) not in known:
                journal.note(ask(context, needle, self.encode, self.decode, final))
            if progress:
                progress("questions asked", done, len(needles))
        return_freed()

    def _save(self, context: Context) -> None:
        checkpoint.save(context, self.folder / "context")


def _bytes(folder: Path) -> int:
    """What the files of a folder take on disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
