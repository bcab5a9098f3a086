"""Cache keys: what a stored model output depends on, and nothing else.

The idea: an output is looked up by the hash of its inputs, so it is found again by any run on any number of
workers, and is never mistaken for one made with another model, prompt or parameter.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tasks.infer.prompts import all_prompts
from tasks.settings import ShardConfig

if TYPE_CHECKING:
    from tasks.infer.models import Models

CODE_VERSION = "5"
"""Raised whenever a change to reading, quoting, writing or grounding changes what is stored."""
EXECUTION = (
    "device",
    "threads",
    "workers",
    "sequence_parallel",
    "batch_size",
    "heartbeat_timeout_s",
    "worker_memory_mb",
)
"""Settings that say where and how fast a document is read: no part of the key."""
WRITING = ("write", "summary_batch_size", "prompt_tokens", "summary_tokens", "ground")
"""Settings that are no part of the key of a model that does not write."""
READING = ("segment_windows",)
"""Settings that are no part of the key where no model reads: where a context begins changes nothing then."""
ROUNDED = "precision"
"""The setting that is part of the key only where a model reads or writes with rounded weights."""
_STORED_NAMES = {"summary_batch_size": "rows", "segment_windows": "shard_windows"}
"""Names of settings inside the key, where they differ: renaming one must not invalidate what is stored."""


@dataclass(frozen=True)
class KeyInputs:
    """Everything that changes an answer."""

    code_version: str
    fingerprints: tuple[str, str]
    """Content hashes of the decoder (weights, tokenizer, configuration) and of the embedder; of one that took
    another's place in a home, of that one."""
    prompts: str
    settings: dict[str, Any]
    """`infer.*` without what only changes where and how fast it is read."""
    window: int
    stride: int

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        shape = json.dumps([self.settings, self.window, self.stride], sort_keys=True)
        parts = [self.code_version, *self.fingerprints, self.prompts, shape]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def key_inputs(models: "Models", shard: ShardConfig) -> KeyInputs:
    """What answers of these models depend on."""
    reads, writes = models.config.salience, models.may_write
    settings = asdict(models.config)
    for name in ("model", "embedder", *EXECUTION, *(() if writes else WRITING), *(() if reads else READING)):
        del settings[name]
    if not (models.precision.float8 and (reads or writes)):
        del settings[ROUNDED]
    for name in settings.keys() & _STORED_NAMES.keys():
        settings[_STORED_NAMES[name]] = settings.pop(name)
    prompts = (_salience_prompts() if reads else "") + (all_prompts() if writes else "")
    return KeyInputs(CODE_VERSION, models.keyed, prompts, settings, shard.window, shard.stride)


def _salience_prompts() -> str:
    from model.reader import Reader  # here, since a process that only supervises others loads no torch

    return Reader.ASKED + Reader.NEUTRAL


def cache_key(models: "Models", shard: ShardConfig) -> str:
    """Hash of everything that changes an answer.

    What only changes how sums are rounded (`EXECUTION`) is left out on purpose. In bf16 it may exchange one
    quote for another of nearly the same salience, and nothing else.
    """
    return key_inputs(models, shard).digest


def identity(*parts: object) -> str:
    """Id of a piece of work or a record, from what it is made of: 32 hexadecimal digits."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]


def window_key(key: str, document: str, window: int) -> str:
    """Journal key of a window's quotes."""
    return identity("window", key, document, window)
