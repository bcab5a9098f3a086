"""Settings of every step: what each may be told, its default, and what is refused.

They stand together, apart from the code they steer, so that a command can check them before anything heavy is
imported. Defaults are repeated with their explanation in conf/base.yaml.
"""

from dataclasses import dataclass, field
from typing import Literal

from dask.utils import parse_bytes

from tasks.errors import InvalidInput


@dataclass(frozen=True)
class StorageConfig:
    """How to reach object stores. Credentials come from the environment, never from here."""

    endpoint_url: str = ""
    """An S3-compatible endpoint; empty takes AWS_ENDPOINT_URL or AWS itself."""
    region: str = "us-east-1"
    """Region named to the store."""


@dataclass(frozen=True)
class ParseConfig:
    """How sources are parsed, and what one of them may cost."""

    timeout_s: float = 60.0
    """Wall-clock cap of one source, and again for every 16 MiB of it."""
    memory_mb: int = 2048
    """Cap of the parser's resident memory."""
    max_mb: int = 1536
    """Largest source; a larger one is quarantined as too_large without being opened."""
    jsonl_field: str = "text"
    """Field of a JSONL row that holds its text."""
    plugins: tuple[str, ...] = ()
    """Importable modules with further formats."""

    def __post_init__(self) -> None:
        for name in ("timeout_s", "memory_mb", "max_mb"):
            if getattr(self, name) <= 0:
                raise ValueError(f"parse.{name}={getattr(self, name)} must be above 0")


@dataclass(frozen=True)
class ShardConfig:
    """Shape of windows and shards."""

    window: int = 4096
    """Tokens of a window."""
    stride: int = 2048
    """Tokens from one window to the next; half a window, so every token but the edges' is seen twice."""
    windows_per_shard: int = 20
    """Windows in one Parquet file."""

    def __post_init__(self) -> None:
        if self.window != 2 * self.stride or self.stride < 64:
            raise ValueError(
                f"shard.window={self.window} must be twice shard.stride={self.stride}, the stride at least 64"
            )
        if self.windows_per_shard < 1:
            raise ValueError(f"shard.windows_per_shard={self.windows_per_shard} must be at least 1")


@dataclass(frozen=True)
class ClusterConfig:
    """Where parsing and sharding run."""

    address: str = ""
    """Address of a Dask scheduler, such as tcp://10.0.0.5:8786; empty starts workers on this machine."""
    workers: int = 1
    """Worker processes started here; an address brings its own."""
    memory_limit: str = "2GiB"
    """Memory of each worker started here."""
    connect_timeout_s: float = 20.0
    """How long to wait for the scheduler."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"cluster.workers={self.workers} must be at least 1")
        if self.connect_timeout_s <= 0:
            raise ValueError(f"cluster.connect_timeout_s={self.connect_timeout_s} must be above 0")
        try:
            parse_bytes(self.memory_limit)
        except ValueError as error:
            raise ValueError(
                f"cluster.memory_limit={self.memory_limit} is not a size; write it like 2GiB"
            ) from error


@dataclass(frozen=True)
class GroundConfig:
    """How much support a generated sentence needs."""

    overlap: float = 0.9
    """Least share of a sentence's content words found, in order, in one source sentence."""
    gain: float = 0.5
    """Least mean log-likelihood gain per token from seeing the source, in nats."""


@dataclass(frozen=True)
class InferConfig:
    """Which model reads, and how."""

    model: str = ""
    """Model folder or hub name; empty is SmolLM2-135M-Instruct from the package index."""
    embedder: str = ""
    """Folder of a sentence embedder; empty is all-MiniLM-L6-v2 from the package index."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 0
    """CPU threads of the reader; 0 leaves torch's own choice, and shares the cores out among ranks."""
    workers: int = 1
    """Reader processes on a node; 1 reads in this process."""
    sequence_parallel: int = 1
    """Ranks that read every chunk together, as one DeepSpeed job; divides `workers`."""
    batch_size: int = 0
    """Shards that a rank reads at a time, as rows of one batch; 0 is 1 on a CPU, which one fills, else 8."""
    segment_windows: int = 128
    """A document of twice so many windows or more is read in shards of at least so many."""
    heartbeat_timeout_s: float = 300.0
    """Seconds without a sign after which a rank is killed; its shard goes to another."""
    worker_memory_mb: int = 0
    """Resident memory at which a rank is killed, in MiB; 0 is no cap."""
    summary_batch_size: int = 16
    """Summaries decoded together."""
    prompt_tokens: int = 320
    """Longest prompt of a summary."""
    summary_tokens: int = 48
    """Longest generated summary."""
    quotes: int = 4
    """Verbatim quotes kept with every record."""
    fan_in: int = 8
    """Children of a merged record."""
    passage_chars: int = 900
    """Longest verbatim passage that is embedded and searched."""
    ground: GroundConfig = field(default_factory=GroundConfig)
    """Support a generated sentence needs to be stored."""

    def __post_init__(self) -> None:
        for name in ("summary_batch_size", "summary_tokens", "quotes", "passage_chars", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"infer.{name}={getattr(self, name)} must be at least 1")
        if self.sequence_parallel < 1 or self.workers % self.sequence_parallel:
            raise ValueError(
                f"infer.sequence_parallel={self.sequence_parallel} must be at least 1 and divide "
                f"infer.workers={self.workers}"
            )
        if self.batch_size < 0 or (self.batch_size > 1 and self.sequence_parallel > 1):
            raise ValueError(
                f"infer.batch_size={self.batch_size} with "
                f"infer.sequence_parallel={self.sequence_parallel}: give 0 (as fits the device) "
                f"or more, and 0 or 1 where ranks read every chunk together"
            )
        if self.segment_windows < 2:
            raise ValueError(
                f"infer.segment_windows={self.segment_windows} must be at least 2: "
                f"one more is read before each"
            )
        if self.heartbeat_timeout_s <= 0 or self.worker_memory_mb < 0:
            wrong = (
                f"infer.heartbeat_timeout_s={self.heartbeat_timeout_s:g} or "
                f"infer.worker_memory_mb={self.worker_memory_mb}"
            )
            raise ValueError(f"{wrong}: give seconds above 0, and MiB of 0 (no cap) or more")
        if self.fan_in < 2:
            raise ValueError(f"infer.fan_in={self.fan_in} must be at least 2")
        if self.prompt_tokens < 128:
            raise ValueError(f"infer.prompt_tokens={self.prompt_tokens} must be at least 128")


@dataclass(frozen=True, slots=True)
class RecallConfig:
    """How candidates are nominated, fused and shown."""

    k: int = 10
    candidates: int = 100  # per list, before fusion
    fusion: Literal["rrf", "score"] = "score"
    rank_constant: float = 60.0  # rrf: how little the first ranks differ
    text_weight: float = 1.0
    vector_weight: float = 0.5
    neighbours: int = 1  # passages beside a hit that are cited with it, those that answer better first
    neighbour_decay: float = 0.0  # share of a passage's score its neighbours gain; 0 leaves the ranking alone

    def __post_init__(self) -> None:
        if self.k < 1 or self.candidates < self.k:
            raise InvalidInput(f"candidates={self.candidates} must be at least k={self.k}, and k at least 1")
        if self.fusion not in ("rrf", "score"):
            raise InvalidInput(f"fusion={self.fusion!r} is neither 'rrf' nor 'score'")
        weights = (self.text_weight, self.vector_weight, self.neighbour_decay)
        if min(weights) < 0 or not (self.text_weight or self.vector_weight):
            raise InvalidInput(f"weights {weights} must not be negative, nor those of both lists 0")
        if self.neighbours < 0 or self.rank_constant < 0:
            negative = f"neighbours={self.neighbours} or rank_constant={self.rank_constant}"
            raise InvalidInput(f"{negative} is negative")
