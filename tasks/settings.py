"""Settings of every stage: type, default, bounds and meaning of each, checked when they are made.

The idea: pydantic dataclasses, whose field docstrings and bounds are also the descriptions and limits of
Prefect's form. They stand apart from the code they steer, so that a command can check them before anything
heavy is imported. Defaults are repeated with a longer explanation in conf/base.yaml.
"""

import os
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, Strict, model_validator
from pydantic.dataclasses import dataclass

CONFIG = ConfigDict(
    use_attribute_docstrings=True,
    extra="forbid",
    coerce_numbers_to_str=True,
    allow_inf_nan=False,
    field_title_generator=lambda name, _: name,
)
"""Of every dataclass of settings: unknown names are refused, the form shows the names that the files use."""

RENAMED = {
    "infer.ranks": "infer.workers",
    "infer.spread": "infer.sequence_parallel",
    "infer.streams": "infer.batch_size",
    "infer.hang_s": "infer.heartbeat_timeout_s",
    "infer.rank_memory_mb": "infer.worker_memory_mb",
    "infer.shard_windows": "infer.segment_windows",
    "infer.rows": "infer.summary_batch_size",
}
"""Names that settings had before, and those they have now."""

HomePath = Annotated[str, AfterValidator(os.path.expanduser)]
"""A path in which a leading ~ is the home folder of whoever runs the command."""


Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
"""Numbers only: neither a truth value nor a text that looks like one."""


def renamed_schema(group: str) -> dict[str, Any]:
    """JSON schema that refuses the old names of `group` with their new ones, as Prefect's API checks it."""
    old = {name: new for name, new in RENAMED.items() if name.startswith(f"{group}.")}
    return {
        "patternProperties": {f"^{name.split('.')[1]}$": {"const": f"now {new}"} for name, new in old.items()}
    }


@dataclass(frozen=True, config=CONFIG)
class StorageConfig:
    """How to reach object stores. Credentials come from the environment, never from here."""

    endpoint_url: str = ""
    """An S3-compatible endpoint; empty takes AWS_ENDPOINT_URL or AWS itself."""
    region: str = "us-east-1"
    """Region named to the store."""


@dataclass(frozen=True, config=CONFIG)
class ParseConfig:
    """How sources are parsed, and what one of them may cost."""

    timeout_s: Float = Field(default=60.0, gt=0)
    """Seconds that parsing one source may take, and again for every 16 MiB of it."""
    memory_mb: Int = Field(default=2048, ge=1)
    """Resident memory of the parser above which it is killed, in MiB."""
    max_mb: Int = Field(default=1536, ge=1)
    """Largest source, in MiB; a larger one is quarantined as too_large without being opened."""
    jsonl_field: str = "text"
    """Field of a JSONL row that holds its text."""
    plugins: tuple[str, ...] = ()
    """Importable modules with further formats."""


@dataclass(frozen=True, config=CONFIG)
class ShardConfig:
    """Shape of windows and shards."""

    window: Int = Field(default=4096, ge=128)
    """Tokens of a window: twice the stride."""
    stride: Int = Field(default=2048, ge=64)
    """Tokens from one window to the next; half a window, so every token but the edges' is seen twice."""
    windows_per_shard: Int = Field(default=20, ge=1)
    """Windows in one Parquet file."""

    def __post_init__(self) -> None:
        if self.window != 2 * self.stride:
            raise ValueError(f"shard.window={self.window} must be twice shard.stride={self.stride}")


@dataclass(frozen=True, config=CONFIG)
class ClusterConfig:
    """Where parsing and sharding run."""

    address: str = ""
    """Address of a Dask scheduler, such as tcp://10.0.0.5:8786; empty starts workers on this machine."""
    workers: Int = Field(default=1, ge=1)
    """Dask worker processes started here; a scheduler at an address brings its own."""
    memory_limit: str = Field(default="2GiB", pattern=r"^\d+(\.\d+)? ?([kKMGT]i?)?B$")
    """Memory of each Dask worker started here, such as 2GiB."""
    connect_timeout_s: Float = Field(default=20.0, gt=0)
    """Seconds to wait for the scheduler."""


@dataclass(frozen=True, config=CONFIG)
class GroundConfig:
    """How much support a generated sentence needs."""

    overlap: Float = Field(default=0.9, ge=0, le=1)
    """Least share of a sentence's content words found, in order, in one source sentence."""
    gain: Float = 0.5
    """Least mean log-likelihood gain per token from seeing the source, in nats."""


@dataclass(frozen=True, config=ConfigDict(**CONFIG, json_schema_extra=renamed_schema("infer")))
class InferConfig:
    """Which model reads, and how."""

    model: HomePath = ""
    """Model folder or hub name; empty is SmolLM2-135M-Instruct from the package index."""
    embedder: HomePath = ""
    """Folder of a sentence embedder; empty is all-MiniLM-L6-v2 from the package index."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto is CUDA where there is a GPU."""
    threads: Int = Field(default=0, ge=0)
    """CPU threads of the reader; 0 leaves torch's own choice, and shares the cores out among workers."""
    workers: Int = Field(default=1, ge=1)
    """Processes that read on a node; 1 reads in this process."""
    sequence_parallel: Int = Field(default=1, ge=1)
    """Workers that read every chunk together, as one DeepSpeed job; divides `workers`."""
    batch_size: Int = Field(default=0, ge=0)
    """Segments that a worker reads at a time, as rows of one batch; 0 is 1 on a CPU and 8 on a GPU."""
    segment_windows: Int = Field(default=128, ge=2)
    """A document of twice so many windows or more is read in segments of at least so many."""
    heartbeat_timeout_s: Float = Field(default=300.0, gt=0)
    """Seconds without a heartbeat after which a worker is killed; its lease goes to another."""
    worker_memory_mb: Int = Field(default=0, ge=0)
    """Resident memory at which a worker is killed, in MiB; 0 is no cap."""
    summary_batch_size: Int = Field(default=16, ge=1)
    """Summaries decoded together."""
    prompt_tokens: Int = Field(default=320, ge=128)
    """Longest prompt of a summary, in tokens."""
    summary_tokens: Int = Field(default=48, ge=1)
    """Longest generated summary, in tokens."""
    quotes: Int = Field(default=4, ge=1)
    """Verbatim quotes kept with every record."""
    fan_in: Int = Field(default=8, ge=2)
    """Children of a merged record."""
    passage_chars: Int = Field(default=900, ge=1)
    """Longest verbatim passage that is embedded and searched, in characters."""
    ground: GroundConfig = field(default_factory=GroundConfig)
    """Support a generated sentence needs to be stored."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        given = values if isinstance(values, dict) else getattr(values, "kwargs", None) or {}
        for name in given:
            if new := RENAMED.get(f"infer.{name}"):
                raise ValueError(f"infer.{name} is now called {new}")
        return values

    def __post_init__(self) -> None:
        if self.workers % self.sequence_parallel:
            raise ValueError(
                f"infer.sequence_parallel={self.sequence_parallel} must divide infer.workers={self.workers}"
            )
        if self.batch_size > 1 and self.sequence_parallel > 1:
            raise ValueError(
                f"infer.batch_size={self.batch_size} with infer.sequence_parallel={self.sequence_parallel}: "
                f"give 0 or 1 where workers read every chunk together"
            )


@dataclass(frozen=True, config=CONFIG)
class RecallConfig:
    """How candidates are nominated, fused and shown."""

    k: Int = Field(default=10, ge=1)
    """Records returned."""
    candidates: Int = Field(default=100, ge=1)
    """Records that each of the two searches nominates before they are fused."""
    fusion: Literal["rrf", "score"] = "score"
    """How the two lists are fused: by rank (rrf) or by score."""
    rank_constant: Float = Field(default=60.0, ge=0)
    """rrf: how little the first ranks differ."""
    text_weight: Float = Field(default=1.0, ge=0)
    """Weight of the search by words."""
    vector_weight: Float = Field(default=0.5, ge=0)
    """Weight of the search by meaning."""
    neighbours: Int = Field(default=1, ge=0)
    """Passages beside a hit that are cited with it, those that answer better first."""
    neighbour_decay: Float = Field(default=0.0, ge=0)
    """Share of a passage's score that its neighbours gain; 0 leaves the ranking alone."""

    def __post_init__(self) -> None:
        if self.candidates < self.k:
            raise ValueError(f"recall.candidates={self.candidates} must be at least recall.k={self.k}")
        if not (self.text_weight or self.vector_weight):
            raise ValueError("recall.text_weight=0 and recall.vector_weight=0: one of them must be above 0")
