"""Speed and memory of reading, beside baselines and the machine's limit: rows, and a figure of them.

The idea: options are checked here, before anything heavy is imported; `model.bench.measure` measures.
"""

import importlib.util
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.attention import AUTO, KERNEL_NAMES
from model.bench import PEERS
from tasks.bench.progress import Progress
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from tasks.infer.models import Models

_CHARACTERS = 6
"""Characters of text requested per token: more than any usual tokenizer takes."""


def installed_peers(model: str) -> tuple[str, ...]:
    """Peers that can surely read the model of this name: the calibrated heads of a context come with the
    default one, which is "", and llama.cpp reads no other."""
    if model:
        return ("sdpa",)
    return tuple(name for name in PEERS if name != "llama.cpp" or importlib.util.find_spec("llama_cpp"))


def default_figure(home: Path) -> Path:
    """A new file name for each benchmark."""
    return home / "bench" / f"{datetime.now():%Y%m%d-%H%M%S}.png"


@dataclass(frozen=True)
class Comparison:
    """Lengths to read, the peers to compare with, and where to draw the figure.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    lengths: tuple[int, ...]
    """Tokens of each text."""
    peers: tuple[str, ...]
    figure: Path
    """PNG file."""
    kernel: str = AUTO
    """Attention kernel of the stream; one of `model.attention.KERNEL_NAMES`."""

    def __post_init__(self) -> None:
        if min(self.lengths) < 1:
            raise InvalidInput(f"--lengths {min(self.lengths)}: give 1 token or more")
        if unknown := [name for name in self.peers if name not in PEERS]:
            raise InvalidInput(f"--peers {unknown[0]}: give some of {', '.join(PEERS)}, or nothing")
        if self.kernel not in KERNEL_NAMES:
            raise InvalidInput(f"--kernel {self.kernel}: give one of {', '.join(KERNEL_NAMES)}")
        if self.figure.suffix != ".png":
            raise InvalidInput(f"--figure {self.figure}: name a .png file")


def bench(comparison: Comparison, models: "Models", progress: Progress) -> dict[str, Any]:
    """Measure and draw.

    Returns:
        The figures of `model.bench.measure.measure`, "memory", those of `model.bench.memory.memory`, and
        "figure", the file drawn.

    Raises:
        ValueError: if a peer is not installed, or cannot read this model.
        InvalidInput: if there is not enough text.
    """
    from model.bench.measure import measure
    from model.bench.memory import memory
    from model.reader import Reader
    from tasks.bench.plots import speed_and_memory

    ids = text_ids(models.folder, max(comparison.lengths))
    reader = Reader.around(models.reader.model, models.stride, comparison.kernel)  # models' one is shared
    result = measure(reader, models.folder, ids, comparison.lengths, comparison.peers, progress)
    comparison.figure.parent.mkdir(parents=True, exist_ok=True)
    names = {PEERS[name]: name for name in comparison.peers}
    speed_and_memory(comparison.figure, result["rows"], names, f"{models.name}, {_place(result)}")
    held = memory(reader, max(comparison.lengths))
    return result | {"memory": held, "figure": str(comparison.figure)}


def windows(length: int, leasts: tuple[int, ...], models: "Models", progress: Progress) -> dict[str, Any]:
    """Windows that follow the text beside windows of one width, as `model.bench.measure.windows` measures
    them.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """
    from model.bench.limits import describe
    from model.bench.measure import windows as measure
    from model.geometry import SINKS

    stride = models.stride
    if length <= 2 * stride:
        raise InvalidInput(f"--lengths {length}: give more than the window, {2 * stride} tokens")
    if wrong := [least for least in leasts if least % SINKS or not SINKS <= least <= stride]:
        raise InvalidInput(f"--least {wrong[0]}: give multiples of {SINKS} up to {stride}, half the window")
    rows = measure(models.reader, text_ids(models.folder, length), leasts, progress)
    return {"rows": rows, "length": length, "machine": describe(models.reader.device), "model": models.name}


def _place(result: dict[str, Any]) -> str:
    machine, model = result["machine"], result["model"]
    where = machine["processor"] if machine["device"] == "cpu" else machine["device"]
    return f"{model['dtype']} on {where}, {machine['threads']} threads, {machine['date']}"


def text_ids(folder: Path, tokens: int) -> list[int]:
    """The first `tokens` tokens of natural text that never repeats."""
    from tasks.bench.natural_text import natural_text
    from tasks.ingest.tokens import piece_count, tokenize

    text = natural_text(None, tokens * _CHARACTERS, seed=0)
    pieces = tokenize(lambda start, end: text[start:end], range(piece_count(len(text))), folder)
    return list(islice((token for ids, _, _ in pieces for token in ids.tolist()), tokens))
