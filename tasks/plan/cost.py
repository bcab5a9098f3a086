"""What a document costs, in operations and records: the same arithmetic that the run itself performs."""

from collections.abc import Sequence

from transformers import AutoConfig

from model.cost import kv_bytes_per_token, read_flops
from model.geometry import LEAD_IN, SINKS
from tasks.infer.models import Models
from tasks.infer.segments import segment_cuts
from tasks.ingest.sharded import ShardedDocument


def flops(models: Models, tokens: int) -> int:
    """Operations of reading so many tokens in one go."""
    return read_flops(AutoConfig.from_pretrained(models.folder), tokens, models.stride, SINKS)


def read_cost(models: Models, documents: Sequence[ShardedDocument]) -> int:
    """Operations of reading these documents, lead-ins of their segments included; 0 where no model reads."""
    if not models.config.salience:
        return 0
    segments = (len(segment_cuts(document.windows, models.config)) for document in documents)
    leads = sum(count - 1 for count in segments) * flops(models, SINKS + LEAD_IN * models.stride)
    return leads + sum(flops(models, document.tokens) for document in documents)


def state_bytes(models: Models) -> int:
    """Keys and values that a worker holds while it reads, however long the document; 0 where none reads."""
    if not models.config.salience:
        return 0
    width = 2 if models.precision.dtype.itemsize == 2 else 4
    return (SINKS + 2 * models.stride) * kv_bytes_per_token(AutoConfig.from_pretrained(models.folder), width)


def tree_size(windows: int, fan_in: int) -> int:
    """Records merged above the windows of one document: sections at every level, and the document."""
    merged = 0
    while windows > fan_in:
        windows = -(-windows // fan_in)
        merged += windows
    return merged + 1
