"""Infer: every window of every document through the reader; its quotes go to the ledger as it is read.

A window is journaled the moment it is done, then the reader's state is saved: whatever kills the
process, the next one continues from that state and re-reads at most one window. Who reads which document
is decided in `tasks.desk`.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import torch
from safetensors import safe_open

from model import weights
from model.attention import StreamingCache
from model.embed import Embedder, load_embedder
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
    """The models of a run, loaded when first needed: a run with nothing to read loads none."""

    def __init__(self, home: Path, config: InferConfig, stride: int) -> None:
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
        return _reader(self.fingerprints[0], self.folder, self.stride, self.device, self.dtype)

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
def _reader(fingerprint: str, folder: Path, stride: int, device: torch.device, dtype: torch.dtype) -> Reader:
    """One in memory, whatever many runs a process makes."""
    del fingerprint  # part of the key: other weights under the same name are another model
    return Reader(folder, stride, device, dtype)


def skip_key(models: Models, shard: ShardConfig) -> str:
    """Hash of everything that changes an answer, short enough to read.

    Device, threads and ranks are left out on purpose: they change how sums are rounded, not what was read.
    """
    config = asdict(models.config)
    for name in ("model", "embedder", "device", "threads", "ranks", "hang_s", "rank_memory_mb"):
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


def first_missing(document: ShardedDocument, key: str, ledger: Ledger) -> int | None:
    """The first window that the ledger does not hold; None where it holds all."""
    keys = [window_key(key, document.document, window) for window in range(document.windows)]
    done = ledger.has_many(keys)
    return next((index for index, name in enumerate(keys) if name not in done), None)


def read_document(
    home: Path,
    document: ShardedDocument,
    source: Source,
    models: Models,
    key: str,
    first: int,
    keep: Keep,
    heard: Callable[[], None] = lambda: None,
) -> None:
    """Read a document from its saved state on, or from its beginning.

    Args:
        first: the first window that is missing; a state beyond it is of no use.
        keep: told of every window read. The state behind a window is saved only after `keep` returned, so it
            must have the window on the disk by then.
        heard: called after every chunk, as a sign of life.
    """
    state = home / "states" / f"{document.document}-{key}.safetensors"
    cache = models.reader.start()
    saved = _saved_window(state)
    resumed = saved is not None and saved < first
    if resumed:
        load_state(cache, state, models.device)
    begin = saved + 1 if resumed and saved is not None else 0
    for window in read_windows(document.directory, first=begin):
        quotes, tokens = _read_window(home, window, document, source, models, cache, heard)
        keep(window.index, json.dumps([quote.as_dict() for quote in quotes]).encode(), tokens)
        if window.index + 1 < document.windows:
            state.parent.mkdir(exist_ok=True)
            cache.slide(models.stride)  # the next chunk would forget the rest anyway
            save_state(cache, state, {"window": str(window.index)})
    state.unlink(missing_ok=True)


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
