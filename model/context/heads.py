"""Calibrated heads: the few query heads whose attention finds what a question asks for.

In every decoder that was tried, hardly one head in twenty ranks the block that answers a question above
thousands of others; the rest rank it nowhere. Which ones do so is a property of the weights, so they are
found once, without gradients, by hiding facts in a text and looking (see `model.context.calibrate`), and kept
as a small JSON file. Other heads are right where the question stands behind a single passage: those that
re-rank are found by themselves (see `model.rerank.choose`) and kept beside them.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.files import write_atomic
from model.weights import HEADS

SHIPPED = Path(__file__).parent / "calibrated"
RERANK = "rerank"
"""Key of the file under which the heads that re-rank stand."""


@dataclass(frozen=True)
class Heads:
    """Query heads that vote, as (layer, query head), the best one first."""

    heads: tuple[tuple[int, int], ...]
    group: int
    """Query heads that share one key/value head."""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The (layer, key/value head) pairs whose keys are kept, in order of layer."""
        return sorted({(layer, head // self.group) for layer, head in self.heads})

    @property
    def depth(self) -> int:
        """Layers that must be run for these heads to vote."""
        return 1 + max(layer for layer, _ in self.heads)

    def of(self, pair: tuple[int, int]) -> list[int]:
        """Query heads of its layer that vote with a pair's keys."""
        layer, group = pair
        return [head for where, head in self.heads if where == layer and head // self.group == group]


def shape(config: Any) -> dict[str, int]:
    """What a model's heads depend on, as far as its configuration tells."""
    names = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size")
    return {name: int(getattr(config, name)) for name in names}


@dataclass(frozen=True)
class Calibrated:
    """Heads that were found for one purpose, and for people by what text and with what result."""

    heads: Heads
    found: dict[str, Any]


def save(
    heads: Heads, config: Any, path: Path, found: dict[str, Any], reranking: Calibrated | None = None
) -> None:
    """Write the heads that find blocks of a long context, and those that re-rank passages if they were found.

    Args:
        found: by what text they were found and with what result, for people.
    """
    parts = _plain(Calibrated(heads, found)) | ({RERANK: _plain(reranking)} if reranking else {})
    write_atomic(path, json.dumps({"shape": shape(config), **parts}, indent=1) + "\n")


def _plain(part: Calibrated) -> dict[str, Any]:
    return {**asdict(part.heads), "found": part.found}


def load(folder: Path, config: Any) -> Heads:
    """Heads by which the model in `folder` finds blocks: from its own file, else those shipped for its shape.

    Raises:
        ValueError: if the model was never calibrated; the message names the command that does it.
    """
    if (found := kept(folder, config)) is None:
        raise _never(folder)
    return found


def load_reranking(folder: Path, config: Any) -> Heads:
    """Heads by which the model in `folder` re-ranks passages, as `load` finds the others.

    Raises:
        ValueError: if none were found for it yet; the message names the command that does it.
    """
    if (parts := _parts(folder, config, RERANK)) is None:
        raise _never(folder)
    return _heads(parts[RERANK])


def kept(folder: Path, config: Any) -> Heads | None:
    """`load`, or None if the model was never calibrated."""
    parts = _parts(folder, config, "heads")
    return _heads(parts) if parts else None


def _parts(folder: Path, config: Any, part: str) -> dict[str, Any] | None:
    for path in [folder / HEADS, *sorted(SHIPPED.glob("*.json"))]:
        if path.exists():
            parts: dict[str, Any] = json.loads(path.read_text())
            if parts["shape"] == shape(config) and part in parts:
                return parts
    return None


def _never(folder: Path) -> ValueError:
    return ValueError(
        f"no calibrated heads for the model in {folder}: run `nightread calibrate infer.model={folder}` once"
    )


def _heads(part: dict[str, Any]) -> Heads:
    return Heads(tuple((layer, head) for layer, head in part["heads"]), part["group"])
