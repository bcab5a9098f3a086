"""Rates: how fast this machine reads, writes and embeds with these models.

They come from the last run that read enough to tell, or from a short trial of the same models.
"""

import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from model.files import locked, write_atomic
from model.summarizer import Request
from tasks.infer.models import Models
from tasks.infer.prompts import instruction
from tasks.infer.queue import Outcome
from tasks.ingest.sharded import ShardedDocument
from tasks.plan.cost import flops, read_cost
from tasks.reduce.reduce import Tree
from tasks.runs.run import Run

LEARN_TOKENS = 20_000
"""A run that reads less says little about a longer one."""
_TRIAL_TEXT = "The vendor shall deliver the goods within thirty days of the date of this order. "


@dataclass(frozen=True)
class Rates:
    """What this machine does with these models."""

    flops_per_s: float
    """Reading, salience probes included."""
    batch_s: float
    """One batch of summaries."""
    passages_per_s: float
    """Sentence vectors of passages, and extracts of their documents."""
    start_s: float
    """Loading models, writing and indexing: what even a small run pays."""


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


def rates_path(home: Path) -> Path:
    return home / "rates.json"


def load_rates(home: Path, models: Models) -> Rates | None:
    """Rates kept for these models and this machine; None before the first run or trial."""
    if not rates_path(home).exists():
        return None
    kept = json.loads(rates_path(home).read_text()).get(_rates_key(models))
    return Rates(**kept) if kept else None


def save_rates(home: Path, models: Models, rates: Rates) -> None:
    path = rates_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_suffix(".lock")):  # two runs may end at once
        known = json.loads(path.read_text()) if path.exists() else {}
        write_atomic(path, json.dumps({**known, _rates_key(models): asdict(rates)}, indent=1))


def _rates_key(models: Models) -> str:
    config = models.config
    shape = f"{config.summary_batch_size}x{config.prompt_tokens}+{config.summary_tokens}"
    ranks = f" {config.workers} ranks by {config.sequence_parallel}" if config.workers > 1 else ""
    streams = f" {models.batch_size} at a time" if models.batch_size > 1 else ""
    streams += " salience" if config.salience else ""
    return f"{models.name} {models.device} {os.cpu_count()} cores {models.stride} {shape}{ranks}{streams}"


def trial(home: Path, models: Models) -> Rates:
    """Measure this machine on made-up text: a window where the model reads, a batch of summaries where it
    writes, some passages."""
    started = time.monotonic()
    embedder = models.embedder
    if models.config.salience or models.may_write:
        models.reader  # noqa: B018  (loaded)
    loaded = time.monotonic()
    done = _read_window(models) if models.config.salience else 0
    read = time.monotonic()
    if models.may_write:
        asked = Request(instruction("window", ""), _TRIAL_TEXT * (models.config.prompt_tokens // 16))
        models.writer.write([asked] * models.config.summary_batch_size)
    written = time.monotonic()
    passage = _TRIAL_TEXT * max(1, models.config.passage_chars // len(_TRIAL_TEXT))
    embedder.encode([passage] * 32 + [passage * 2 + _TRIAL_TEXT] * 32)  # the second is its context
    embedded = time.monotonic()
    speed = done / (read - loaded) if done else 1.0
    rates = Rates(speed, written - read, 32 / (embedded - written), loaded - started + 8.0)
    save_rates(home, models, rates)
    return rates


def _read_window(models: Models) -> int:
    """Read a window of made-up text; the operations it took."""
    reader = models.reader
    ids = reader.tokenizer(_TRIAL_TEXT * (models.stride // 8))["input_ids"]
    chunks = [ids[: models.stride], ids[models.stride : 2 * models.stride]]
    cache = reader.start()
    for chunk in chunks:
        reader.read(cache, chunk)
    reader.salience([cache])
    return flops(models, sum(map(len, chunks)))


def update_rates(home: Path, models: Models, spent: Spent) -> None:
    """Keep the rates that a run has shown; what it did not do keeps the rate it had."""
    known = load_rates(home, models)
    batches = -(-spent.summaries // models.config.summary_batch_size)
    shown = [not models.config.salience or spent.flops, not models.may_write or batches, spent.passages]
    if known is None and not all(shown):
        return
    old = known or Rates(1.0, 1.0, 1.0, 1.0)
    save_rates(
        home,
        models,
        Rates(
            flops_per_s=spent.flops / spent.read_s if spent.flops else old.flops_per_s,
            batch_s=spent.write_s / batches if batches else old.batch_s,
            passages_per_s=spent.passages / spent.embed_s if spent.passages else old.passages_per_s,
            start_s=max(0.0, spent.total_s - spent.read_s - spent.write_s - spent.embed_s),
        ),
    )


def learn(
    run: Run, models: Models, documents: Sequence[ShardedDocument], read: Outcome, tree: Tree, added: int
) -> None:
    """Rates for the next plan, from a run that read all its windows in one go, on this machine.

    The run is published by now: that its rates cannot be kept is no failure of it.
    """
    whole = read.windows == sum(document.windows for document in documents) and not run.cluster.address
    if whole and read.tokens >= LEARN_TOKENS:
        spent = Spent(
            flops=read_cost(models, documents),
            read_s=read.seconds,
            summaries=tree.decoded,
            write_s=run.clock["write"],
            passages=max(0, added - len(tree.nodes)),
            embed_s=run.clock["extract"] + run.clock["embed"],
            total_s=time.monotonic() - run.started,
        )
        try:
            update_rates(run.home, models, spent)
        except OSError as error:
            logging.getLogger("nightread").warning(
                "plan: the rates of this run cannot be kept in %s: %s", rates_path(run.home), error
            )
