"""Infer: every window of every document through the reader; its quotes go to the ledger as it is read.

A window is journaled the moment it is done, then the reader's state is saved: whatever kills the
process, the next one continues from that state and re-reads at most one window. A long document is read in
shards, each behind the document's first tokens and a window of lead-in (see `model.segments`), so that
several readers can share it. What reads a shard says what it needs next; `tasks.infer.batch` meets the needs
of several at once. Who reads which is decided in `tasks.infer.queue`.
"""

import hashlib
import json
import shutil
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from model import weights
from model.attention.sliding_window import StreamingCache
from model.embedder import Embedder, load_embedder
from model.geometry import MAX_SEGMENTS, SINKS
from model.parallel.collectives import Ranks
from model.parallel.layout import cuts
from model.parallel.sequence import RanksReader
from model.reader import Chunk, Reader, Salience, load_state, save_state
from model.segments import leading
from model.summarizer import INSTRUCTION, Writer
from tasks.infer.quotes import window_quotes
from tasks.ingest.parse import read_text
from tasks.ingest.shard import ShardedDocument, Window, read_windows
from tasks.ledger import Ledger
from tasks.settings import InferConfig, ShardConfig

CODE_VERSION = "3"
"""Raised whenever a change to reading, quoting, writing or grounding changes what is stored."""
GPU_BATCH_SIZE = 8
"""Shards that a GPU reads at a time if nothing else is said: one row leaves most of it idle."""
_HOW = (
    "device",
    "threads",
    "workers",
    "sequence_parallel",
    "batch_size",
    "heartbeat_timeout_s",
    "worker_memory_mb",
)
"""Settings of who reads, not of what."""
_STORED_NAMES = {"summary_batch_size": "rows", "segment_windows": "shard_windows"}
"""What the key calls a setting: a new name for one is no reason to read everything again."""


@dataclass(frozen=True)
class Ask:
    """The network is to be asked what matters in what a cache holds."""

    cache: StreamingCache


@dataclass(frozen=True)
class Done:
    """A window was read and is to be kept."""

    window: int
    payload: str
    """What is to be journaled of it."""
    tokens: int
    """How many of its tokens were new."""


Need = Chunk | Ask | Done
Reading = Generator[Need, Any, None]
"""Reads a shard. It is sent what met its need: nothing, a Salience, or whether the window was kept."""


class Models:
    """The models of a run, loaded when first needed: a run with nothing to read loads none.

    Args:
        ranks: those that share every chunk with this process, if there are any.
    """

    def __init__(self, home: Path, config: InferConfig, stride: int, ranks: Ranks | None = None) -> None:
        self.ranks = ranks
        self.folder = weights.resolve(config.model, home / "models")
        self.embedder_folder = weights.resolve_embedder(config.embedder)
        self.config, self.stride = config, stride
        self.device = weights.pick_device(config.device)
        self.dtype = weights.pick_dtype(self.device)

    @cached_property
    def fingerprints(self) -> tuple[str, str]:
        """Of the decoder and of the embedder."""
        return weights.fingerprint(self.folder), weights.fingerprint(self.embedder_folder)

    @cached_property
    def key(self) -> str:
        """The cache key: what was read under another one is read again."""
        return cache_key(self, ShardConfig(2 * self.stride, self.stride))

    @property
    def reader(self) -> Reader:
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        return _reader(self.fingerprints[0], self.folder, self.stride, self.device, self.dtype, self.ranks)

    @property
    def batch_size(self) -> int:
        """Shards that this process reads at a time."""
        return self.config.batch_size or (
            GPU_BATCH_SIZE if self.device.type == "cuda" and self.config.sequence_parallel == 1 else 1
        )

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all that share a chunk: it alone writes."""
        return self.ranks is None or self.ranks.rank == 0

    @cached_property
    def writer(self) -> Writer:
        config = self.config
        return Writer(self.reader, config.summary_batch_size, config.prompt_tokens, config.summary_tokens)

    @property
    def embedder(self) -> Embedder:
        return load_embedder(self.config.embedder)

    @property
    def name(self) -> str:
        """What a record says wrote it."""
        return self.folder.name


@lru_cache(maxsize=1)
def _reader(
    fingerprint: str,
    folder: Path,
    stride: int,
    device: torch.device,
    dtype: torch.dtype,
    ranks: Ranks | None,
) -> Reader:
    """One in memory, however many runs a process makes."""
    del fingerprint  # part of the key: other weights under the same name are another model
    alone = Reader(folder, stride, device, dtype)
    return alone if ranks is None else RanksReader(alone, ranks)


def cache_key(models: Models, shard: ShardConfig) -> str:
    """Hash of everything that changes an answer, short enough to read.

    What only changes how sums are rounded, not what is read, is left out on purpose. In bf16 that may turn
    one quote for another of nearly the same weight.
    """
    config = asdict(models.config)
    for name in ("model", "embedder", *_HOW):
        del config[name]
    for name, stored in _STORED_NAMES.items():
        config[stored] = config.pop(name)
    parts = [
        CODE_VERSION,
        *models.fingerprints,
        INSTRUCTION + Reader.ASKED + Reader.NEUTRAL,
        json.dumps([config, shard.window, shard.stride], sort_keys=True),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def identity(*parts: object) -> str:
    """Id of a piece of work or a record, from what it is made of."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def window_key(key: str, document: str, window: int) -> str:
    return identity("window", key, document, window)


@dataclass(frozen=True)
class Source:
    """Where a document's parsed text lies: the TEXT file and the part of it."""

    parsed: str
    part: int


def shards_of(document: ShardedDocument, config: InferConfig) -> list[range]:
    """Ranges of windows that are read one after the other; the cuts depend on the document alone."""
    return cuts(document.windows, max(1, min(MAX_SEGMENTS, document.windows // config.segment_windows)))


def first_missing(document: str, shard: range, key: str, ledger: Ledger) -> int | None:
    """The first window of a shard that the ledger does not hold; None where it holds all."""
    names = {window: window_key(key, document, window) for window in shard}
    done = ledger.has_many(list(names.values()))
    return next((window for window, name in names.items() if name not in done), None)


def read_shard(
    home: Path, document: ShardedDocument, shard: range, source: Source, models: Models, key: str, first: int
) -> Reading:
    """Read a shard of a document from its saved state on, or from its beginning, until a window is not kept.

    Args:
        shard: its windows, as `shards_of` gives them.
        first: the first window that is missing; a state beyond it is of no use. The state behind a window is
            saved only once that is kept, so it must be on the disk by then.
    """
    state = home / "states" / f"{document.document}-{key}-{shard.start}.safetensors"
    cache = models.reader.start()
    saved = _saved_window(state)
    if models.ranks is not None and not models.ranks.agree(-1 if saved is None else saved):
        saved = None  # a reader that was given up replaced it between two ranks' looks
    if saved is not None and saved < first:
        load_state(cache, state, models.device)
        begin = saved + 1
    else:
        begin = shard.start
        yield from _lead_in(cache, document, begin, models.stride)
    for window in islice(read_windows(document.directory, first=begin), shard.stop - begin):
        done = yield from _read_window(home, window, document, source, models, cache)
        kept: bool = yield done
        if not kept:
            return
        if window.index + 1 < shard.stop:
            state.parent.mkdir(exist_ok=True)
            cache.slide(models.stride)  # the next chunk would forget the rest anyway
            save_state(cache, state, {"window": str(window.index)}, models.leads)
    if models.leads:
        state.unlink(missing_ok=True)


def _lead_in(cache: StreamingCache, document: ShardedDocument, begin: int, stride: int) -> Iterator[Chunk]:
    """What is read before window `begin`: the document's first tokens, and the window before."""
    if begin > 0:
        sinks = next(read_windows(document.directory)).ids[:SINKS].tolist()
        before = next(read_windows(document.directory, first=begin - 1))
        lead = [before.ids[:stride].tolist(), before.ids[stride:].tolist()]
        yield from leading(cache, sinks, lead, before.token_start)


def _saved_window(state: Path) -> int | None:
    """Window after which a state was saved; None where there is no state."""
    if not state.exists():
        return None
    with safe_open(state, "pt") as file:
        return int(file.metadata()["window"])


def _read_window(
    home: Path,
    window: Window,
    document: ShardedDocument,
    source: Source,
    models: Models,
    cache: StreamingCache,
) -> Generator[Need, Any, Done]:
    """Read what is new of a window, and quote from it while its keys are at hand."""
    stride = models.stride
    ids = window.ids.tolist()
    chunks = [chunk for chunk in ([ids[:stride]] if window.index == 0 else []) + [ids[stride:]] if chunk]
    for chunk in chunks:
        yield Chunk(cache, chunk)
    salience: Salience = yield Ask(cache)
    ratio = (salience.asked / salience.neutral).log()[-len(ids) :].cpu().numpy()
    text = read_text(home, source.parsed, source.part, window.char_start, window.char_end)
    inner = (window.index > 0, window.index + 1 < document.windows)
    most = models.config.quotes
    quotes = window_quotes(document.document, text, window.char_start, window.starts, ratio, most, inner)
    payload = json.dumps([quote.as_dict() for quote in quotes])
    return Done(window.index, payload, sum(map(len, chunks)))


def forget_states(home: Path) -> None:
    """Drop reading states of documents that are done with (a run has published)."""
    shutil.rmtree(home / "states", ignore_errors=True)
