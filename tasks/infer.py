"""Infer: every window of every document through the reader; its quotes go to the ledger as it is read.

A window is journaled the moment it is done, then the reader's state is saved: whatever kills the
process, the next one continues from that state and re-reads at most one window. A long document is read in
shards, each behind the document's first tokens and a window of lead-in (see `model.shards`), so that several
readers can share it. Who reads which is decided in `tasks.desk`.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

import torch
from safetensors import safe_open

from model import weights
from model.attention import SINKS, StreamingCache
from model.embed import Embedder, load_embedder
from model.layout import cuts
from model.parallel import Ranks
from model.sequence import RanksReader
from model.shards import MOST
from model.stream import Reader, load_state, save_state
from model.writer import INSTRUCTION, Writer
from tasks.ledger import Ledger
from tasks.parse import read_text
from tasks.quotes import Quote, window_quotes
from tasks.settings import InferConfig, ShardConfig
from tasks.shard import ShardedDocument, Window, read_windows

CODE_VERSION = "3"
"""Raised whenever a change to reading, quoting, writing or grounding changes what is stored."""

Keep = Callable[[int, bytes, int], None]
"""Called with a window's number, what is to be journaled of it, and how many of its tokens were new."""


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

    @property
    def reader(self) -> Reader:
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        return _reader(self.fingerprints[0], self.folder, self.stride, self.device, self.dtype, self.ranks)

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all that share a chunk: it alone writes."""
        return self.ranks is None or self.ranks.rank == 0

    @cached_property
    def writer(self) -> Writer:
        config = self.config
        return Writer(self.reader, config.rows, config.prompt_tokens, config.summary_tokens)

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


def skip_key(models: Models, shard: ShardConfig) -> str:
    """Hash of everything that changes an answer, short enough to read.

    Device, threads and ranks are left out on purpose: they change how sums are rounded, not what was read. In
    bf16 that may turn one quote for another of nearly the same weight.
    """
    config = asdict(models.config)
    for name in ("model", "embedder", "device", "threads", "ranks", "spread", "hang_s", "rank_memory_mb"):
        del config[name]
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
    return cuts(document.windows, max(1, min(MOST, document.windows // config.shard_windows)))


def first_missing(document: str, shard: range, key: str, ledger: Ledger) -> int | None:
    """The first window of a shard that the ledger does not hold; None where it holds all."""
    names = {window: window_key(key, document, window) for window in shard}
    done = ledger.has_many(list(names.values()))
    return next((window for window, name in names.items() if name not in done), None)


def read_shard(
    home: Path,
    document: ShardedDocument,
    shard: range,
    source: Source,
    models: Models,
    key: str,
    first: int,
    keep: Keep,
    heard: Callable[[], None] = lambda: None,
) -> None:
    """Read a shard of a document from its saved state on, or from its beginning.

    Args:
        shard: its windows, as `shards_of` gives them.
        first: the first window that is missing; a state beyond it is of no use.
        keep: told of every window read. The state behind a window is saved only after `keep` returned, so it
            must have the window on the disk by then.
        heard: called after every chunk, as a sign of life.
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
        _lead_in(cache, document, begin, models, heard)
    for window in islice(read_windows(document.directory, first=begin), shard.stop - begin):
        quotes, tokens = _read_window(home, window, document, source, models, cache, heard)
        keep(window.index, json.dumps([quote.as_dict() for quote in quotes]).encode(), tokens)
        if window.index + 1 < shard.stop:
            state.parent.mkdir(exist_ok=True)
            cache.slide(models.stride)  # the next chunk would forget the rest anyway
            save_state(cache, state, {"window": str(window.index)}, models.leads)
    if models.leads:
        state.unlink(missing_ok=True)


def _lead_in(
    cache: StreamingCache, document: ShardedDocument, begin: int, models: Models, heard: Callable[[], None]
) -> None:
    """Read what stands before a shard: the document's first tokens, and the window before `begin`."""
    if begin == 0:
        return
    reader, stride = models.reader, models.stride
    sinks = next(read_windows(document.directory)).ids[:SINKS].tolist()
    before = next(read_windows(document.directory, first=begin - 1))
    reader.read(cache, sinks)
    cache.read = before.token_start  # where in the text it goes on, for models that ask
    for chunk in (before.ids[:stride], before.ids[stride:]):
        reader.read(cache, chunk.tolist())
        heard()


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
    heard: Callable[[], None],
) -> tuple[list[Quote], int]:
    """Read what is new of a window, and quote from it while its keys are at hand; how many tokens are new."""
    reader, stride = models.reader, models.stride
    ids = window.ids.tolist()
    chunks = [chunk for chunk in ([ids[:stride]] if window.index == 0 else []) + [ids[stride:]] if chunk]
    for chunk in chunks:
        reader.read(cache, chunk)
        heard()
    salience = reader.salience(cache)
    ratio = (salience.asked / salience.neutral).log()[-len(ids) :].cpu().numpy()
    text = read_text(home, source.parsed, source.part, window.char_start, window.char_end)
    inner = (window.index > 0, window.index + 1 < document.windows)
    most = models.config.quotes
    quotes = window_quotes(document.document, text, window.char_start, window.starts, ratio, most, inner)
    return quotes, sum(map(len, chunks))


def forget_states(home: Path) -> None:
    """Drop reading states of documents that are done with (a run has published)."""
    shutil.rmtree(home / "states", ignore_errors=True)
