"""How an encoder's states become one vector, as its folder says: prompts, pooling, dense layers, length.

The idea: folders of sentence encoders are laid out alike (`modules.json`, one folder a module), so any of
them can be named. One without such files is read as the default embedder is: mean over 256 tokens, no prompt.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from model.embed.projection import TOKENS

Pooling = Literal["mean", "cls", "max", "last"]

_POOLINGS: dict[str, Pooling] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_tokens": "mean",
}
_E5 = re.compile(r"(?:^|[-_/])e5[-_](?!.*instruct)", re.IGNORECASE)
"""Encoders that were trained with these two words before a text, which their folders do not name."""


@dataclass(frozen=True)
class Recipe:
    """What is done to a text before an encoder, and to its states after it."""

    pooling: Pooling = "mean"
    query: str = ""
    """Stands before a question."""
    passage: str = ""
    """Stands before a text that is remembered."""
    tokens: int = TOKENS
    """Of a text that are seen, with those of the prompt."""
    dense: tuple[Path, ...] = ()
    """Folders of the layers behind the pooling, in order."""


def recipe(folder: Path) -> Recipe:
    """The recipe in a folder.

    Raises:
        ValueError: if a vector is pooled in a way that is not known here.
    """
    pooling: Pooling = "mean"
    dense: list[Path] = []
    for module in _json(folder / "modules.json", []):
        kind, inside = str(module["type"]).rpartition(".")[2], folder / module["path"]
        if kind == "Pooling":
            pooling = _pooling(inside)
        elif kind == "Dense":
            dense.append(inside)
    prompts = _json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    if not any(prompts.values()) and _E5.search(folder.resolve().as_posix().replace("--", "/")):
        prompts = {"query": "query: ", "passage": "passage: "}
    longest = _json(folder / "sentence_bert_config.json", {}).get("max_seq_length") or TOKENS
    passage = prompts.get("passage") or prompts.get("document") or ""
    return Recipe(pooling, prompts.get("query") or "", passage, min(longest, 2 * TOKENS), tuple(dense))


def _pooling(folder: Path) -> Pooling:
    config = _json(folder / "config.json", {})
    chosen = [name for name, on in config.items() if name.startswith("pooling_mode_") and on is True]
    if len(chosen) > 1 or any(name not in _POOLINGS for name in chosen):
        raise ValueError(
            f"infer.embedder={folder.parent}: pools by {', '.join(chosen)}; name one that pools by one "
            f"of {', '.join(_POOLINGS)}"
        )
    return _POOLINGS[chosen[0]] if chosen else "mean"


def _json(path: Path, otherwise: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else otherwise
