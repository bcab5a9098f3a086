"""Calibrated heads: the few query heads whose attention finds what a question asks for.

In every decoder that was tried, hardly one head in twenty ranks the block that answers a question above
thousands of others; the rest rank it nowhere. Which ones do so is a property of the weights, so they are
found once, without gradients, by hiding facts in a text and looking (see `model.context.calibrate`), and kept
as a small JSON file.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.weights import HEADS

SHIPPED = Path(__file__).parent / "calibrated"


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


def save(heads: Heads, config: Any, path: Path, found: dict[str, Any]) -> None:
    """Write calibrated heads; `found` says by what text and with what result, for people."""
    path.write_text(json.dumps({"shape": shape(config), **asdict(heads), "found": found}, indent=1) + "\n")


def load(folder: Path, config: Any) -> Heads:
    """Heads of the model in `folder`: its own file, else those shipped for a model of this shape.

    Raises:
        ValueError: if the model was never calibrated; the message names the command that does it.
    """
    for path in [folder / HEADS, *sorted(SHIPPED.glob("*.json"))]:
        if path.exists():
            kept = json.loads(path.read_text())
            if kept["shape"] == shape(config):
                return Heads(tuple((layer, head) for layer, head in kept["heads"]), kept["group"])
    raise ValueError(
        f"no calibrated heads for the model in {folder}: run `nightread calibrate infer.model={folder}` once"
    )
