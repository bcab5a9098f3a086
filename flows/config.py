"""Configuration: YAML and dotted overrides in, frozen dataclasses out.

The idea: every key is a field of a dataclass of tasks/settings.py, so a value is checked once, here,
and nothing downstream ever sees a dictionary. Later layers win:
conf/base.yaml, then a preset, then `key=value` from the command line.
"""

import difflib
from collections.abc import Iterator
from dataclasses import field, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from yaml import YAMLError

from tasks.errors import InvalidInput
from tasks.settings import (
    CONFIG,
    REMOVED,
    RENAMED,
    BudgetConfig,
    ClusterConfig,
    HomePath,
    InferConfig,
    LogConfig,
    MetricsConfig,
    ParseConfig,
    RecallConfig,
    ServeConfig,
    ShardConfig,
    StorageConfig,
    UpkeepConfig,
    WatchConfig,
)


def _folder_or_bucket(home: str) -> str:
    scheme, separator, _ = home.partition("://")
    if separator and scheme.lower() != "s3":
        raise ValueError(f"home={scheme}://...: give a folder or s3://bucket/prefix")
    return home


MemoryPlace = Annotated[HomePath, AfterValidator(_folder_or_bucket)]
"""A folder, or s3://bucket/prefix: what has another scheme would be a folder of that name."""
NO_CREDENTIALS: dict[str, Any] = {"not": {"pattern": "^[sS]3://[^/]*[@:]"}}
"""Prefect's API refuses s3://key:secret@bucket before it keeps it."""
DEFAULT = "laptop"
"""Preset used where none is named."""


@dataclass(frozen=True, config=CONFIG)
class ReadConfig:
    """How to read: each part belongs to the stage that it configures."""

    home: MemoryPlace = Field(default=".nightread", min_length=1, json_schema_extra=NO_CREDENTIALS)
    """Folder, or s3://bucket/prefix, that holds parsed text, shards, the ledger and the memory."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    """What one run may spend; documents that do not fit are left for the next run."""
    storage: StorageConfig = field(default_factory=StorageConfig)
    """How to reach object stores. Credentials come from the environment."""
    parse: ParseConfig = field(default_factory=ParseConfig)
    """How documents are parsed into text, each within limits of time and memory."""
    shard: ShardConfig = field(default_factory=ShardConfig)
    """Shape of windows and shards."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """Where parsing and sharding run."""
    infer: InferConfig = field(default_factory=InferConfig)
    """Which model reads, and how."""
    log: LogConfig = field(default_factory=LogConfig)
    """What a run tells of itself, for programs; never texts, titles or places of documents."""
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    """Metrics of runs for Prometheus."""


@dataclass(frozen=True, config=CONFIG)
class TendConfig:
    """What an upkeep needs to know."""

    home: MemoryPlace = Field(default=".nightread", min_length=1, json_schema_extra=NO_CREDENTIALS)
    """Folder, or s3://bucket/prefix, that holds the memory."""
    storage: StorageConfig = field(default_factory=StorageConfig)
    """How to reach object stores. Credentials come from the environment."""
    infer: InferConfig = field(default_factory=InferConfig)
    """Which embedder makes the vectors (`embedder`); nothing else of it is used."""
    upkeep: UpkeepConfig = field(default_factory=UpkeepConfig)
    """Which earlier versions are kept."""


@dataclass(frozen=True, config=CONFIG)
class RunConfig(ReadConfig):
    """What every command needs to know: how to read, to recall, to look after the memory, and to watch."""

    recall: RecallConfig = field(default_factory=RecallConfig)
    """How records are found and shown."""
    upkeep: UpkeepConfig = field(default_factory=UpkeepConfig)
    """Which earlier versions an upkeep keeps."""
    watch: WatchConfig = field(default_factory=WatchConfig)
    """When what is dropped into a watched place is read."""
    serve: ServeConfig = field(default_factory=ServeConfig)
    """The doors of the memory: a gateway, and the readers behind it."""

    @property
    def reading(self) -> ReadConfig:
        """What a read needs of it."""
        return ReadConfig(**{each.name: getattr(self, each.name) for each in fields(ReadConfig)})

    @property
    def tending(self) -> TendConfig:
        """What an upkeep needs of it."""
        return TendConfig(self.home, self.storage, self.infer, self.upkeep)


def presets() -> list[str]:
    """Names that `--conf` accepts, besides a path."""
    return sorted(entry.name[:-5] for entry in files("conf").iterdir() if entry.name.endswith(".yaml"))


def load(conf: str = DEFAULT, overrides: list[str] | None = None) -> RunConfig:
    """Configuration of preset (or YAML file) `conf` with `overrides` such as `infer.summary_words=300`.

    Raises:
        InvalidInput: on an unknown preset, an unknown key (with the nearest known one), an old name of a key
            (with its new one), a value of the wrong type or out of bounds.
    """
    layers = [("conf/base.yaml: ", _yaml("base")), (f"--conf {conf}: ", _yaml(conf))]
    layers += [("", _dotted(override)) for override in overrides or []]
    for origin, layer in layers:
        _refuse_unknown(layer, origin)
    try:
        merged = OmegaConf.to_container(OmegaConf.merge(*(layer for _, layer in layers)), resolve=True)
        return TypeAdapter(RunConfig).validate_python(merged)
    except ValidationError as error:
        raise InvalidInput(_explained(error, layers)) from error
    except OmegaConfBaseException as error:
        raise InvalidInput(f"configuration refused: {_first_line(error)}") from error


def _explained(refused: ValidationError, layers: list[tuple[str, DictConfig]]) -> str:
    """The first thing that is wrong, with the file that says so, the key, the value and the remedy."""
    error = refused.errors()[0]
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "value_error":  # of several keys together: the message names them
        return str(error["ctx"]["error"])
    origin = next((name for name, layer in reversed(layers) if key in keys(layer)), "")
    value = "null" if error["input"] is None else error["input"]
    return f"{origin}{key}={value} must {_demand(error)}"


def _demand(error: Any) -> str:
    """What a value must do to pass, from pydantic's kind of error and its bounds."""
    bounds = error.get("ctx", {})
    match error["type"]:
        case "greater_than_equal":
            return f"be at least {bounds['ge']}"
        case "greater_than":
            return f"be above {bounds['gt']}"
        case "less_than_equal":
            return f"be at most {bounds['le']}"
        case "literal_error":
            return f"be {bounds['expected']}"
        case "string_too_short":
            return "name a folder"
        case "string_pattern_mismatch":
            return "be a size such as 2GiB"
        case "dataclass_type":
            return "be a group of settings; conf/base.yaml lists them"
    kind = error["type"].partition("_")[0]
    names = {"int": "a whole number", "float": "a number", "finite": "a number", "string": "text"}
    return f"be {names.get(kind, 'a list such as [a,b]')}"


def _yaml(conf: str) -> DictConfig:
    path = Path(conf).expanduser()
    is_path = path.suffix in {".yaml", ".yml"}
    if not is_path and conf not in presets():
        near = difflib.get_close_matches(conf, presets(), 1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise InvalidInput(
            f"--conf {conf}: no such preset; {meant}give one of {', '.join(presets())}, or a .yaml file"
        )
    try:
        source = path.read_text() if is_path else files("conf").joinpath(f"{conf}.yaml").read_text()
        return _mapping(OmegaConf.create(source), f"--conf {conf}")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--conf {conf}: cannot be read ({error}); give a readable YAML file") from error
    except (YAMLError, OmegaConfBaseException) as error:
        raise InvalidInput(f"--conf {conf}: not valid YAML: {' '.join(str(error).split())}") from error


def _dotted(override: str) -> DictConfig:
    # YAML would take nothing for null; on a command line it is the empty text
    text = f'{override}""' if override.endswith("=") else override
    try:
        return _mapping(OmegaConf.from_dotlist([text]), override)
    except (YAMLError, OmegaConfBaseException, ValueError) as error:
        raise InvalidInput(f"{override}: not a key=value override: {_first_line(error)}") from error


def _mapping(config: Any, origin: str) -> DictConfig:
    if not isinstance(config, DictConfig):
        raise InvalidInput(f"{origin}: must hold `key: value` pairs, as conf/base.yaml does")
    return config


def keys(config: DictConfig) -> list[str]:
    """Every dotted key of `config`, groups and leaves, in order."""
    found: list[str] = []
    for key in config:
        found.append(str(key))
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            found += [f"{key!s}.{inner}" for inner in keys(node)]
    return found


def known_keys(config: Any = RunConfig) -> list[str]:
    """Every key that may be set, groups and leaves."""
    return list(_known(config))


def _known(config: Any) -> Iterator[str]:
    for each in fields(config):
        yield each.name
        if is_dataclass(each.type):
            yield from (f"{each.name}.{inner}" for inner in _known(each.type))


def _refuse_unknown(layer: DictConfig, origin: str) -> None:
    names = known_keys()
    unknown = [key for key in keys(layer) if key not in names]
    for key in unknown:
        if any(other.startswith(f"{key}.") for other in unknown):
            continue  # the whole name says more than its group
        if key in REMOVED:
            raise InvalidInput(f"{origin}{key} is no setting any more: {REMOVED[key]}; leave it out")
        if key in RENAMED:
            raise InvalidInput(f"{origin}{key} is now called {RENAMED[key]}")
        meant = _nearest(key, names)
        remedy = f"did you mean {meant}?" if meant else "conf/base.yaml lists every key"
        raise InvalidInput(f"{origin}unknown key {key!r}; {remedy}")


def _nearest(key: str, names: list[str]) -> str:
    """The known name closest to `key`: a forgotten group first, then a misspelling."""
    same = [name for name in names if name.rpartition(".")[2] == key]
    near = same or difflib.get_close_matches(key, names, 1, cutoff=0.5)
    if not near:
        last = {name.rpartition(".")[2]: name for name in names}
        near = [last[match] for match in difflib.get_close_matches(key.rpartition(".")[2], last, 1)]
    return near[0] if near else ""


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
