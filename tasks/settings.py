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
    "budget_seconds": "budget.seconds",
    "infer.ranks": "infer.workers",
    "infer.spread": "infer.sequence_parallel",
    "infer.streams": "infer.batch_size",
    "infer.hang_s": "infer.heartbeat_timeout_s",
    "infer.rank_memory_mb": "infer.worker_memory_mb",
    "infer.shard_windows": "infer.segment_windows",
    "infer.rows": "infer.summary_batch_size",
}
"""Names that settings had before, and those they have now."""
REMOVED = {
    "infer.quotes": "a record quotes all of its summary, as long as infer.summary_words",
    "recall.fusion": "scores are always added",
    "recall.rank_constant": "scores are always added, and ranks never",
    "recall.neighbours": "a hit is one passage; those beside it are hits of their own",
    "recall.neighbour_decay": "scores always walk to neighbouring passages",
}
"""Names that settings had before, and what happens now without them."""

HomePath = Annotated[str, AfterValidator(os.path.expanduser)]
"""A path in which a leading ~ is the home folder of whoever runs the command."""


Int = Annotated[int, Strict()]
Float = Annotated[float, Strict()]
"""Numbers only: neither a truth value nor a text that looks like one."""


def renamed_schema(group: str) -> dict[str, Any]:
    """JSON schema that refuses the old names of `group` with their remedies, as Prefect's API checks it."""
    said = {name: f"now {new}" for name, new in RENAMED.items()}
    said |= {name: f"no setting any more: {remedy}" for name, remedy in REMOVED.items()}
    old = {name: what for name, what in said.items() if name.startswith(f"{group}.")}
    return {"patternProperties": {f"^{name.split('.')[1]}$": {"const": what} for name, what in old.items()}}


@dataclass(frozen=True, config=CONFIG)
class StorageConfig:
    """How to reach object stores. Credentials come from the environment, never from here."""

    endpoint_url: str = ""
    """An S3-compatible endpoint; empty takes AWS_ENDPOINT_URL or AWS itself."""
    region: str = "us-east-1"
    """Region of the bucket."""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    """Where the bucket stands in an address: in its path, or before its host; auto: the host on AWS only."""
    ca_bundle: HomePath = ""
    """File of certificates (PEM) for the endpoint; empty takes AWS_CA_BUNDLE or the system's."""
    anonymous: bool = False
    """Whether requests are sent without credentials, for public buckets."""
    role_arn: str = ""
    """A role to assume, with the credentials that are found; empty assumes none."""
    cache: HomePath = ""
    """Folder for working copies of homes in buckets; empty is the user's cache folder."""
    lease_s: Float = Field(default=60.0, ge=2)
    """Seconds without a sign of life after which another machine may write to a home in a bucket."""


@dataclass(frozen=True, config=CONFIG)
class ParseConfig:
    """How documents are parsed into text, each within limits of time and memory."""

    timeout_s: Float = Field(default=60.0, gt=0)
    """Seconds one document may take; as many again for every 16 MiB of it."""
    memory_mb: Int = Field(default=2048, ge=1)
    """Resident memory in MiB at which the parser is killed."""
    max_mb: Int = Field(default=1536, ge=1)
    """Largest document, in MiB; a larger one goes to quarantine without being opened."""
    workers: Int = Field(default=0, ge=0)
    """Parser processes on this machine; 0 is one a core. With cluster.address, each Dask thread has one."""
    jsonl_field: str = "text"
    """Field of a JSONL row that holds the text."""
    parquet_field: str = "text"
    """Column of a Parquet file that holds the text; every row is a document."""
    csv_field: str = ""
    """Column of a CSV file whose text is a document in every row; empty reads the file as one table."""
    ocr: Literal["auto", "never"] = "auto"
    """Whether words on scanned pages of a PDF are read: auto is where tesseract is installed."""
    ocr_languages: str = Field(default="eng", pattern=r"^[A-Za-z_]+(\+[A-Za-z_]+)*$")
    """Languages that tesseract knows and looks for, such as eng+deu."""
    ocr_pages: Int = Field(default=300, ge=0)
    """Scanned pages of a PDF that are read; the rest is counted."""
    plugins: tuple[str, ...] = ()
    """Names of Python modules that add parsers for other formats."""
    redact: tuple[Literal["email", "phone", "iban", "card", "secret"], ...] = ()
    """Values that are blacked out of every text before it is stored."""


@dataclass(frozen=True, config=CONFIG)
class ShardConfig:
    """Shape of windows and shards."""

    window: Int = Field(default=4096, ge=128)
    """Tokens of a window, the unit of summaries, progress and resume; twice the stride."""
    stride: Int = Field(default=2048, ge=64)
    """Tokens from the start of one window to the start of the next."""
    windows_per_shard: Int = Field(default=20, ge=1)
    """Windows in one Parquet file."""

    def __post_init__(self) -> None:
        if self.window != 2 * self.stride:
            raise ValueError(f"shard.window={self.window} must be twice shard.stride={self.stride}")


@dataclass(frozen=True, config=CONFIG)
class BudgetConfig:
    """What one run may spend; 0 is no limit. Documents that do not fit are left for the next run.

    One that alone takes more waits until the limit is raised, which the run says; where the model reads
    (infer.salience), it is read over several runs."""

    tokens: Int = Field(default=0, ge=0)
    """Tokens of the documents that are read."""
    seconds: Float = Field(default=0, ge=0)
    """Seconds from the start of the run until its last window is read."""
    gpu_hours: Float = Field(default=0, ge=0)
    """Hours of all GPUs that read, together."""
    megabytes: Int = Field(default=0, ge=0)
    """MiB that shards, reading state and memory may add to the disk."""


@dataclass(frozen=True, config=CONFIG)
class LogConfig:
    """What a run tells of itself, for programs; never texts, titles or places of documents."""

    json: bool = False
    """Whether a run writes a line of JSON for every event, to standard error."""
    file: bool = False
    """Whether these lines go to home/logs/nightread.jsonl in place of standard error."""
    max_mb: Int = Field(default=16, ge=1)
    """MiB at which that file is rotated."""
    keep: Int = Field(default=5, ge=1)
    """Rotated files that are kept."""


@dataclass(frozen=True, config=CONFIG)
class MetricsConfig:
    """Metrics of runs for Prometheus."""

    textfile: HomePath = ""
    """File for node_exporter's textfile collector (*.prom), written after every stage; empty writes none."""


@dataclass(frozen=True, config=CONFIG)
class ClusterConfig:
    """Where parsing and sharding run."""

    address: str = ""
    """Address of a Dask scheduler, such as tcp://10.0.0.5:8786; empty starts Dask on this machine."""
    workers: Int = Field(default=1, ge=1)
    """Dask workers to start on this machine; unused with an address."""
    memory_limit: str = Field(default="2GiB", pattern=r"^\d+(\.\d+)? ?([kKMGT]i?)?B$")
    """Memory limit of each Dask worker started on this machine, such as 2GiB."""
    connect_timeout_s: Float = Field(default=20.0, gt=0)
    """Seconds to wait for the scheduler to answer."""


@dataclass(frozen=True, config=CONFIG)
class GroundConfig:
    """When a sentence that the model wrote is stored."""

    gain: Float = 0.5
    """Least gain in mean log-likelihood per token when the model sees the supporting sentences, in nats."""
    share: Float = Field(default=0.5, ge=0, le=1)
    """Least share of supported sentences among the first texts; a model below it writes nothing."""


@dataclass(frozen=True, config=ConfigDict(**CONFIG, json_schema_extra=renamed_schema("infer")))
class InferConfig:
    """Which model reads, and how."""

    model: HomePath = ""
    """Folder or hub name of the language model; empty is SmolLM2-135M-Instruct from the package index."""
    embedder: HomePath = ""
    """Folder or hub name of a sentence embedder, in any layout of sentence-transformers; empty is
    all-MiniLM-L6-v2 from the package index, which reads English."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the models run: auto (a GPU if there is one), cpu or cuda."""
    precision: Literal["auto", "float32", "bfloat16", "float8"] = "auto"
    """What the model computes in: auto (the quickest), float32, bfloat16, or float8 for linear weights."""
    threads: Int = Field(default=0, ge=0)
    """CPU threads of each worker; 0 divides the cores among the workers."""
    workers: Int = Field(default=1, ge=1)
    """Worker processes on each machine; 1 reads in the run's own process."""
    sequence_parallel: Int = Field(default=1, ge=1)
    """Workers that share every chunk of a document, as one DeepSpeed job; must divide `workers`."""
    batch_size: Int = Field(default=0, ge=0)
    """Documents, or segments of one, in a batch that a worker reads; 0 is 1 on a CPU and 8 on a GPU."""
    segment_windows: Int = Field(default=128, ge=2)
    """Least windows of a segment; a document of twice as many is cut into segments, read in parallel."""
    heartbeat_timeout_s: Float = Field(default=300.0, gt=0)
    """Seconds without a heartbeat after which a worker is killed and its lease requeued."""
    worker_memory_mb: Int = Field(default=0, ge=0)
    """Resident memory in MiB, weights included, at which a worker is killed; 0 is no limit."""
    write: Literal["auto", "never", "always"] = "auto"
    """Whether the model writes summaries: auto is if it has 1 billion parameters and proves able to."""
    summary_batch_size: Int = Field(default=8, ge=1)
    """Summaries written in one batch."""
    prompt_tokens: Int = Field(default=4608, ge=512)
    """Longest prompt for a summary, in tokens."""
    summary_tokens: Int = Field(default=256, ge=1)
    """Longest written summary, in tokens."""
    salience: bool = False
    """Whether the model reads every window and is asked what is salient in it: slow, and nothing gained."""
    summary_words: Int = Field(default=250, ge=20)
    """Words of a document's summary; of a short document a third of its own."""
    fan_in: Int = Field(default=8, ge=2)
    """Records that are summarised into one of the next level."""
    passage_chars: Int = Field(default=350, ge=1)
    """Longest passage, in characters, but for sentences up to 450 and turns of a dialogue up to 900."""
    ground: GroundConfig = field(default_factory=GroundConfig)
    """When a sentence that the model wrote is stored."""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        given = values if isinstance(values, dict) else getattr(values, "kwargs", None) or {}
        for name in given:
            if new := RENAMED.get(f"infer.{name}"):
                raise ValueError(f"infer.{name} is now called {new}")
            if remedy := REMOVED.get(f"infer.{name}"):
                raise ValueError(f"infer.{name} is no setting any more: {remedy}; leave it out")
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
    """How candidates are nominated, ranked and shown."""

    k: Int = Field(default=10, ge=1)
    """Records returned."""
    candidates: Int = Field(default=100, ge=1)
    """Candidates of each search (by words, by meaning; of plain, of rich keys) before they are added."""
    rerank: bool = False
    """Whether the reader re-ranks the best passages: better, and it takes the model and some seconds."""
    rerank_candidates: Int = Field(default=30, ge=2)
    """Passages that the reader re-ranks."""
    text_weight: Float = Field(default=1.0, ge=0)
    """Weight of the searches by words."""
    vector_weight: Float = Field(default=0.5, ge=0)
    """Weight of the searches by meaning."""

    def __post_init__(self) -> None:
        if self.candidates < self.k:
            raise ValueError(f"recall.candidates={self.candidates} must be at least recall.k={self.k}")
        if not (self.text_weight or self.vector_weight):
            raise ValueError("recall.text_weight=0 and recall.vector_weight=0: one of them must be above 0")


@dataclass(frozen=True, config=CONFIG)
class UpkeepConfig:
    """Which earlier versions of the memory an upkeep keeps."""

    keep_days: Float = Field(default=30.0, ge=0)
    """Versions of runs that published within so many days are kept."""
    keep_runs: Int = Field(default=10, ge=1)
    """Versions of the last so many published runs are kept, however old; 1 is the published one alone."""
    readers_s: Float = Field(default=3600.0, ge=0)
    """Seconds for which a version is kept after another was published: nobody may read in one for longer."""


@dataclass(frozen=True, config=CONFIG)
class WatchConfig:
    """When what is dropped into a watched place is read."""

    queue: str = ""
    """URL of an SQS queue that tells of the bucket's events; empty looks at the place every `poll_s`."""
    poll_s: Float = Field(default=10.0, gt=0)
    """Seconds between two looks at a place that no queue tells of; looking takes a twentieth of the time."""
    sweep_s: Float = Field(default=600.0, gt=0)
    """Seconds between two looks at a place that a queue tells of: they find what no event told."""
    quiet_s: Float = Field(default=5.0, ge=0)
    """Seconds in which nothing more may arrive before what has arrived is read, in one run."""
    gather_s: Float = Field(default=300.0, ge=0)
    """Seconds after which it is read though more arrives, or a manifest names what has not come."""
    dead_letter: HomePath = ""
    """Folder or s3://bucket/prefix that gets a copy of what cannot be read, and why; empty copies nothing."""


@dataclass(frozen=True, config=CONFIG)
class ServeConfig:
    """The doors of the memory: a gateway for people and programs, and the readers behind it."""

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address that the gateway listens on; beyond this machine it needs tokens (`nightread token`)."""
    port: Int = Field(default=8320, ge=0, le=65535)
    """Its port; 0 is any free one."""
    readers: tuple[str, ...] = ()
    """Addresses of readers, HOST:PORT each; none is a reader inside the gateway's process."""
    listen: str = "127.0.0.1:8322"
    """Address that `nightread serve reader` listens on; port 0 is any free one."""
    address: str = ""
    """Address by which others reach that reader, HOST:PORT; empty is the one that it listens on."""
    redis_url: str = ""
    """URL of a Redis that knows which reader holds which context; empty is the gateway's own process."""
    certificate: HomePath = ""
    """File of the certificate (PEM) that gateway and readers show; empty is none, and no encryption."""
    key: HomePath = ""
    """File of its private key (PEM)."""
    ca_bundle: HomePath = ""
    """File of certificates (PEM) by which the gateway knows its readers; empty is no encryption to them."""
    queue: Int = Field(default=64, ge=1)
    """Questions that may wait at a reader; one more is told to come again."""
    contexts: Int = Field(default=16, ge=1)
    """Contexts that a reader holds hot."""
    contexts_mb: Int = Field(default=2048, ge=1)
    """MiB that they may take; those that are neither new nor like what is asked go to the disk first."""
    batch: Int = Field(default=4, ge=1)
    """Answers that a reader writes at a time, as rows of one batch."""
    lease_s: Float = Field(default=30.0, gt=0)
    """Seconds without a sign of life of a reader after which another one may open what it held."""
    tenant_contexts: Int = Field(default=0, ge=0)
    """Contexts that one tenant holds hot on all readers together; 0 is no limit."""
    tenant_mb: Int = Field(default=0, ge=0)
    """MiB that they may take; 0 is no limit."""
    requests_per_minute: Int = Field(default=240, ge=1)
    """Requests that one user may make."""
    body_mb: Int = Field(default=8, ge=1)
    """MiB that a request may have."""
    origins: tuple[str, ...] = ()
    """Addresses of other sites whose pages may ask (CORS), such as https://intranet.example; none."""

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("serve.certificate and serve.key: give both, or neither")
