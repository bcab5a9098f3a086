"""Plan: what a run would do and what it would cost, shown before anything is spent.

Seconds come from rates this machine has shown: those of the last run that read enough to tell, or a short
trial of the same model. The prediction is the same arithmetic the run itself performs, so the two can be
compared.
"""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from model.attention.sliding_window import SINKS
from model.cost import kv_bytes_per_token, read_flops
from model.segments import LEAD
from tasks.infer.windows import Models, shards_of
from tasks.ingest.shard import ShardedDocument
from tasks.settings import InferConfig

Row = dict[str, Any]
_TRIAL_TEXT = "The vendor shall deliver the goods within thirty days of the date of this order. "


@dataclass(frozen=True)
class Rates:
    """What this machine does with this model."""

    flops_per_s: float
    """Reading, salience probes included."""
    batch_s: float
    """One batch of summaries."""
    passages_per_s: float
    """Sentence vectors of passages."""
    start_s: float
    """Loading models, writing and indexing: what even a small run pays."""


def rates_path(home: Path) -> Path:
    return home / "rates.json"


def load_rates(home: Path, models: Models) -> Rates | None:
    """Rates kept for this model and machine; None before the first run or trial."""
    if not rates_path(home).exists():
        return None
    kept = json.loads(rates_path(home).read_text()).get(_rates_key(models))
    return Rates(**kept) if kept else None


def save_rates(home: Path, models: Models, rates: Rates) -> None:
    path = rates_path(home)
    known = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({**known, _rates_key(models): asdict(rates)}, indent=1))
    fresh.replace(path)


def _rates_key(models: Models) -> str:
    config = models.config
    shape = f"{config.summary_batch_size}x{config.prompt_tokens}+{config.summary_tokens}"
    ranks = f" {config.workers} ranks by {config.sequence_parallel}" if config.workers > 1 else ""
    streams = f" {models.batch_size} at a time" if models.batch_size > 1 else ""
    return f"{models.name} {models.device} {os.cpu_count()} cores {models.stride} {shape}{ranks}{streams}"


def trial(home: Path, models: Models) -> Rates:
    """Measure this machine on made-up text: a window, a batch of summaries, some passages."""
    started = time.monotonic()
    reader, embedder = models.reader, models.embedder
    ids = reader.tokenizer(_TRIAL_TEXT * (models.stride // 8))["input_ids"]
    chunks = [ids[: models.stride], ids[models.stride : 2 * models.stride]]
    loaded = time.monotonic()
    cache = reader.start()
    for chunk in chunks:
        reader.read(cache, chunk)
    reader.salience([cache])
    read = time.monotonic()
    models.writer.write([_TRIAL_TEXT * 12] * models.config.summary_batch_size)
    written = time.monotonic()
    embedder.encode([_TRIAL_TEXT * (models.config.passage_chars // len(_TRIAL_TEXT))] * 32)
    embedded = time.monotonic()
    flops = _flops(models, sum(map(len, chunks)))
    rates = Rates(flops / (read - loaded), written - read, 32 / (embedded - written), loaded - started + 8.0)
    save_rates(home, models, rates)
    return rates


LEARN_TOKENS = 20_000
"""A run that reads less says little about a longer one."""


@dataclass(frozen=True)
class Spent:
    """What a run did, and the seconds each kind of work took."""

    flops: int
    read_s: float
    summaries: int
    write_s: float
    passages: int
    embed_s: float
    total_s: float


def learn(home: Path, models: Models, spent: Spent) -> None:
    """Keep the rates that a run has shown; what it did not do keeps the rate it had."""
    known = load_rates(home, models)
    batches = -(-spent.summaries // models.config.summary_batch_size)
    if known is None and not (batches and spent.passages):
        return
    old = known or Rates(1.0, 1.0, 1.0, 1.0)
    save_rates(
        home,
        models,
        Rates(
            flops_per_s=spent.flops / spent.read_s,
            batch_s=spent.write_s / batches if batches else old.batch_s,
            passages_per_s=spent.passages / spent.embed_s if spent.passages else old.passages_per_s,
            start_s=max(0.0, spent.total_s - spent.read_s - spent.write_s - spent.embed_s),
        ),
    )


def read_cost(models: Models, documents: Sequence[ShardedDocument]) -> int:
    """Operations of reading these documents, lead-ins of their shards included."""
    shards = [len(shards_of(document, models.config)) for document in documents]
    leads = sum(count - 1 for count in shards) * _flops(models, SINKS + LEAD * models.stride)
    return leads + sum(_flops(models, document.tokens) for document in documents)


def _flops(models: Models, tokens: int) -> int:
    return read_flops(AutoConfig.from_pretrained(models.folder), tokens, models.stride, SINKS)


def tree_size(windows: int, fan_in: int) -> int:
    """Records merged above the windows of one document: sections at every level, and the document."""
    merged = 0
    while windows > fan_in:
        windows = -(-windows // fan_in)
        merged += windows
    return merged + 1


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take."""

    tokens: int
    windows: int
    flops: int
    seconds: float
    bytes: int
    """Peak of reading state, and what shards and memory add on disk."""


def estimate(models: Models, documents: Sequence[ShardedDocument], chars: int, rates: Rates) -> Estimate:
    """Cost of reading `documents`, whose parsed texts have `chars` characters in all."""
    config: InferConfig = models.config
    tokens, windows = sum(d.tokens for d in documents), sum(d.windows for d in documents)
    flops = read_cost(models, documents)
    # A document of one window says the same as its window: its summary is not written twice.
    summaries = windows + sum(tree_size(d.windows, config.fan_in) for d in documents if d.windows > 1) + 1
    passages = chars / (config.passage_chars * 0.75)
    seconds = (
        rates.start_s
        + flops / rates.flops_per_s
        + -(-summaries // config.summary_batch_size) * rates.batch_s
        + passages / rates.passages_per_s
        if documents
        else 0.0
    )
    width = 2 if models.dtype.itemsize == 2 else 4
    state = (SINKS + 2 * models.stride) * kv_bytes_per_token(AutoConfig.from_pretrained(models.folder), width)
    return Estimate(tokens, windows, flops, seconds, state + 6 * tokens + 2 * chars)
