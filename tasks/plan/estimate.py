"""What a run is expected to take: its work, at the rates this machine has shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.infer.models import Models
from tasks.ingest.sharded import ShardedDocument
from tasks.plan.cost import read_cost, state_bytes, tree_size
from tasks.plan.rates import Rates


@dataclass(frozen=True)
class Estimate:
    """What a run is expected to take. Seconds are 0 where the machine has shown no rates yet."""

    tokens: int = 0
    windows: int = 0
    flops: int = 0
    seconds: float = 0.0
    bytes: int = 0
    """Peak of reading state, and what shards and memory add on disk."""
    read_s: float = 0.0
    """Of the seconds, those of reading,"""
    write_s: float = 0.0
    """of writing summaries,"""
    embed_s: float = 0.0
    """and of extracts and vectors."""


NOTHING = Estimate()


def estimate(
    models: Models, documents: Sequence[ShardedDocument], chars: int, rates: Rates | None
) -> Estimate:
    """Cost of reading `documents`, whose parsed texts have `chars` characters in all."""
    if not documents:
        return NOTHING
    config = models.config
    tokens, windows = sum(d.tokens for d in documents), sum(d.windows for d in documents)
    flops = read_cost(models, documents)
    size = state_bytes(models) + 6 * tokens + 2 * chars
    if rates is None:
        return Estimate(tokens, windows, flops, 0.0, size)
    summaries = windows + sum(tree_size(d.windows, config.fan_in) for d in documents)
    passages = chars / (config.passage_chars * 0.75)
    read_s = flops / rates.flops_per_s
    write_s = -(-summaries // config.summary_batch_size) * rates.batch_s if models.may_write else 0.0
    embed_s = passages / rates.passages_per_s
    seconds = rates.start_s + read_s + write_s + embed_s
    return Estimate(tokens, windows, flops, seconds, size, read_s, write_s, embed_s)
