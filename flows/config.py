"""Configuration: YAML and dotted overrides in, frozen dataclasses out.

The idea: every key is a field of a dataclass of tasks/settings.py, so a value is checked once, here,
and nothing downstream ever sees a dictionary. Later layers win:
conf/base.yaml, then a preset, then `key=value` from the command line.
"""

import difflib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from tasks.errors import InvalidInput
from tasks.settings import ClusterConfig, InferConfig, ParseConfig, RecallConfig, ShardConfig, StorageConfig

DEFAULT = "laptop"
"""Preset used where none is named."""


@dataclass(frozen=True)
class RunConfig:
    """Everything a run needs to know. Each part is owned by the step it configures."""

    home: str = ".nightread"
    """Folder that holds models, parsed text, shards, the ledger and the memory."""
    storage: StorageConfig = field(default_factory=StorageConfig)
    parse: ParseConfig = field(default_factory=ParseConfig)
    shard: ShardConfig = field(default_factory=ShardConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    infer: InferConfig = field(default_factory=InferConfig)
    recall: RecallConfig = field(default_factory=RecallConfig)
    budget_seconds: float = 0
    """Refuse to read what the plan says takes longer; 0 is no limit."""

    def __post_init__(self) -> None:
        if not self.home:
            raise ValueError("home='' must name a folder")
        if not 0 <= self.budget_seconds < float("inf"):
            raise ValueError(f"budget_seconds={self.budget_seconds} must be 0 (no limit) or more")


def presets() -> list[str]:
    """Names that `--conf` accepts, besides a path."""
    return sorted(entry.name[:-5] for entry in files("conf").iterdir() if entry.name.endswith(".yaml"))


def load(conf: str = DEFAULT, overrides: list[str] | None = None) -> RunConfig:
    """Configuration of preset (or YAML file) `conf` with `overrides` such as `infer.quotes=6`.

    Raises:
        InvalidInput: on an unknown preset, an unknown key (with the nearest known one), a value of the
            wrong type or one that its owner refuses.
    """
    known = _structured()
    layers = [("conf/base.yaml", _yaml("base")), (f"--conf {conf}", _yaml(conf))]
    layers += [(override, _dotted(override)) for override in overrides or []]
    for origin, layer in layers:
        _refuse_unknown(layer, known, origin)
        known = _merged(known, layer, origin)
    try:
        return cast(RunConfig, OmegaConf.to_object(known))
    except (InvalidInput, ValueError, OmegaConfBaseException) as error:
        raise InvalidInput(f"configuration refused: {_first_line(error)}") from error


def _structured() -> DictConfig:
    config = OmegaConf.structured(RunConfig)
    _thaw(config)
    return cast(DictConfig, config)


def _thaw(config: DictConfig) -> None:
    # OmegaConf takes a frozen dataclass for a read-only node; only the outcome has to be frozen.
    OmegaConf.set_readonly(config, False)
    for key in config:
        if OmegaConf.is_dict(node := config._get_node(key)):
            _thaw(cast(DictConfig, node))


def _yaml(conf: str) -> DictConfig:
    path = Path(conf)
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


def _merged(known: DictConfig, layer: DictConfig, origin: str) -> DictConfig:
    try:
        return cast(DictConfig, OmegaConf.merge(known, layer))
    except OmegaConfBaseException as error:
        place = f" for {error.full_key}" if error.full_key else ""
        raise InvalidInput(
            f"{origin}: wrong type{place}: {_first_line(error)}; conf/base.yaml shows one that fits"
        ) from error


def keys(config: DictConfig) -> list[str]:
    """Every dotted key of `config`, groups and leaves, in order."""
    found: list[str] = []
    for key in config:
        found.append(str(key))
        node = config._get_node(key)
        if isinstance(node, DictConfig) and not node._is_none():
            found += [f"{key!s}.{inner}" for inner in keys(node)]
    return found


def known_keys() -> list[str]:
    """Every key that may be set."""
    return keys(_structured())


def _refuse_unknown(layer: DictConfig, known: DictConfig, origin: str) -> None:
    names = keys(known)
    unknown = [key for key in keys(layer) if key not in names]
    for key in unknown:
        if any(other.startswith(f"{key}.") for other in unknown):
            continue  # the whole name says more than its group
        meant = _nearest(key, names)
        remedy = f"did you mean {meant}?" if meant else "conf/base.yaml lists every key"
        raise InvalidInput(f"{origin}: unknown key {key!r}; {remedy}")


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
