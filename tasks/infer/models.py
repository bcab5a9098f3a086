"""The models of a run: decoder, writer and embedder, each loaded when it is first needed.

The idea: a run with nothing to read loads none, and every run of a process shares one decoder in memory.
"""

from functools import cached_property, lru_cache
from pathlib import Path

import torch

from model import weights
from model.embed.embedder import Embedder, load_embedder
from model.parallel.collectives import Ranks
from model.parallel.sequence import RanksReader
from model.reader import Reader
from model.summarizer import Writer
from model.weights.precision import Precision, pick_precision
from tasks.infer.cache_key import cache_key
from tasks.infer.reembedded import keyed_as
from tasks.settings import InferConfig, ShardConfig

GPU_BATCH_SIZE = 8
"""Segments that a GPU reads together by default: one row leaves most of it idle."""
LEAST_TO_WRITE = 10**9
"""Parameters of a model that is asked to write: of what smaller ones write, little is supported."""


class Models:
    """The models that one configuration names.

    Args:
        home: where converted models are cached.
        stride: tokens of a chunk.
        ranks: the collective that reads every chunk together with this process, if there is one.
    """

    def __init__(self, home: Path, config: InferConfig, stride: int, ranks: Ranks | None = None) -> None:
        self.home, self.ranks = home, ranks
        self.folder = weights.resolve(config.model, home / "models")
        self.embedder_folder = weights.resolve_embedder(config.embedder)
        self.config, self.stride = config, stride
        self.device = weights.pick_device(config.device)
        self.precision = pick_precision(config.precision, self.device)

    @cached_property
    def fingerprints(self) -> tuple[str, str]:
        """Content hashes of the decoder and of the embedder."""
        return weights.fingerprint(self.folder), weights.fingerprint(self.embedder_folder)

    @cached_property
    def keyed(self) -> tuple[str, str]:
        """The fingerprints that cache keys name: of an embedder the one whose place it took in this home."""
        decoder, embedder = self.fingerprints
        return decoder, keyed_as(self.home, embedder)

    @cached_property
    def key(self) -> str:
        """The cache key: what was read under another one is read again."""
        return cache_key(self, ShardConfig(2 * self.stride, self.stride))

    @property
    def reader(self) -> Reader:
        """The decoder with sliding-window attention."""
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        return _reader(
            self.fingerprints[0], self.folder, self.stride, self.device, self.precision, self.ranks
        )

    @property
    def batch_size(self) -> int:
        """Segments that this process reads together, as rows of one batch."""
        fills_a_gpu = self.device.type == "cuda" and self.config.sequence_parallel == 1
        return self.config.batch_size or (GPU_BATCH_SIZE if fills_a_gpu else 1)

    @property
    def gpus(self) -> int:
        """GPUs on which the workers of this machine read."""
        return self.config.workers if self.device.type == "cuda" else 0

    @property
    def leads(self) -> bool:
        """Whether this process commits windows and saves states for its collective: rank 0 does."""
        return self.ranks is None or self.ranks.rank == 0

    @cached_property
    def writer(self) -> Writer:
        """The decoder as it writes summaries."""
        config = self.config
        return Writer(self.reader, config.summary_batch_size, config.prompt_tokens, config.summary_tokens)

    @cached_property
    def may_write(self) -> bool:
        """Whether the model is asked to write summaries at all."""
        if self.config.write == "auto":
            return weights.parameters(self.folder) >= LEAST_TO_WRITE and weights.follows_instructions(
                self.folder
            )
        return self.config.write == "always"

    @property
    def embedder(self) -> Embedder:
        return load_embedder(self.config.embedder)

    @property
    def name(self) -> str:
        """Name of the model, as records state it."""
        return self.folder.name


@lru_cache(maxsize=1)
def _reader(
    fingerprint: str,
    folder: Path,
    stride: int,
    device: torch.device,
    precision: Precision,
    ranks: Ranks | None,
) -> Reader:
    """At most one in memory, however many runs a process makes."""
    del fingerprint  # part of the key: other weights under the same name are another model
    alone = Reader(folder, stride, device, precision)
    return alone if ranks is None else RanksReader(alone, ranks)
