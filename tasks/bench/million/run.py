"""Millions of tokens as one context: prepare, read, ask, and say what was measured.

The idea: everything lies in one folder that the options name, so the same command goes on where it stopped.
With a time limit the pace of the first windows decides how much of the text is read, and the needles are
spread over that.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import Any

from model.bench.limits import describe
from model.context import heads
from model.context.context import Context, Memory
from model.context.index import IndexSizes
from model.files import holder, locked, write_atomic
from tasks.bench.haystack import encoder
from tasks.bench.million.hidden import hide
from tasks.bench.million.options import LEAST, Million
from tasks.bench.million.read import SAVE_EVERY, Reading
from tasks.bench.million.result import figures
from tasks.bench.million.text import Text, prepare
from tasks.bench.plots import million_tokens
from tasks.bench.progress import Progress
from tasks.errors import InvalidInput
from tasks.infer.models import Models

_WARM, _PACE = 3, 6
"""Windows that are tried; the first ones only warm up, those behind them tell the pace."""
IDS = "context.bin"
"""File of token ids in the folder of a read."""
_SHARE = 0.92
"""Of the tokens that the pace promises: the index, saving and other work take the rest."""


def million(
    options: Million,
    home: Path,
    models: Models,
    progress: Progress,
    sizes: IndexSizes | None = None,
    save_every: int = SAVE_EVERY,
) -> dict[str, Any]:
    """Read and ask; the figures are also written beside the plot.

    Args:
        sizes: of the context's index; those of any context by default.

    Raises:
        InvalidInput: if there is not enough text, or another process reads the same.
        ValueError: if the model has no calibrated heads.
    """
    with kept(options, home, models) as folder:
        result = read_and_ask(options, folder, models, progress, sizes=sizes, save_every=save_every)
        million_tokens(options.figure, result)
        write_atomic(options.figure.with_suffix(".json"), json.dumps(result, indent=1))
        return result


@contextmanager
def kept(options: Million, home: Path, models: Models) -> Iterator[Path]:
    """The folder in which these options read, held by this process; it goes once all is done.

    Raises:
        InvalidInput: if another process reads the same.
    """
    folder = home / "bench" / f"million-{_key(options, models)}"
    folder.mkdir(parents=True, exist_ok=True)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock := folder / "lock", timeout_s=0):
            yield folder
    except TimeoutError as error:
        raise InvalidInput(f"{folder}: {holder(lock)} reads this already; wait for it") from error
    shutil.rmtree(folder)


def read_and_ask(
    options: Million,
    folder: Path,
    models: Models,
    progress: Progress,
    *,
    sizes: IndexSizes | None = None,
    save_every: int = SAVE_EVERY,
    asking_s: float = float("inf"),
    device_bytes: int = 0,
) -> dict[str, Any]:
    """Read and ask in a folder that `kept` gave.

    Args:
        asking_s: seconds for questions, see `tasks.bench.million.read.Reading`.
        device_bytes: of keys on the device, on CUDA.
    """
    encode, reader = encoder(models.folder), models.reader
    voting = heads.load(models.folder, reader.config)
    progress("text prepared", 0, options.tokens)
    text = prepare(folder / "text", options.haystack, options.tokens, options.seed, encode)
    progress("text prepared", options.tokens, options.tokens)
    goal = _goal(options, folder, text, Context(reader, voting, Memory(index=False)))
    hidden = hide(text, goal, options.seed, encode, ids := folder / IDS)
    reading = Reading(
        ids,
        goal,
        hidden,
        folder,
        reader,
        voting,
        encode,
        reader.tokenizer.decode,
        limit_s=60 * options.minutes if options.minutes else float("inf"),
        sizes=sizes,
        save_every=save_every,
        asking_s=asking_s,
        device_bytes=device_bytes,
    )
    journal, fingerprint = reading.run(progress)
    return figures(journal) | {
        "goal": goal,
        "wanted": options.tokens,
        "minutes": options.minutes,
        "needles": len(hidden),
        "state": fingerprint,
        "model": models.name,
        "machine": describe(reader.device),
        "window": 2 * reader.stride,
        "figure": str(options.figure),
    }


def _key(options: Million, models: Models) -> str:
    """Of everything that decides what is read."""
    told = (
        options.tokens,
        options.minutes,
        sorted(str(path.resolve()) for path in options.haystack),
        options.seed,
        models.fingerprints[0],
        models.stride,
        str(models.precision.dtype),
        *(["float8"] if models.precision.float8 else []),
    )
    return blake2b(repr(told).encode(), digest_size=6).hexdigest()


def _goal(options: Million, folder: Path, text: Text, trial: Context) -> int:
    """Tokens to read: all, or what the time allows at the pace of the first windows; decided once."""
    if options.minutes is None:
        return options.tokens
    path = folder / "goal.json"
    if not path.exists():
        stride = trial.reader.stride
        trial.read(text.ids[: _WARM * stride].tolist())
        started = perf_counter()
        trial.read(text.ids[_WARM * stride : _PACE * stride].tolist())
        pace = (_PACE - _WARM) * stride / (perf_counter() - started)
        allowed = round(_SHARE * pace * 60 * options.minutes) // stride * stride
        write_atomic(path, json.dumps(max(LEAST, min(options.tokens, allowed))))
    return int(json.loads(path.read_text()))
