"""Millions of tokens as one context: prepare, read, ask, and say what was measured.

The idea: everything lies in one folder that the options name, so the same command goes on where it stopped.
With a time limit the pace of the first windows decides how much of the text is read, and the needles are
spread over that.
"""

import json
import shutil
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

_PACE = 6
"""Windows whose time tells the pace; the first one warms up."""
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
    folder = home / "bench" / f"million-{_key(options, models)}"
    folder.mkdir(parents=True, exist_ok=True)
    options.figure.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(lock := folder / "lock", timeout_s=0):
            result = _million(options, folder, models, progress, sizes, save_every)
    except TimeoutError as error:
        raise InvalidInput(f"{folder}: {holder(lock)} reads this already; wait for it") from error
    shutil.rmtree(folder)
    return result


def _million(
    options: Million,
    folder: Path,
    models: Models,
    progress: Progress,
    sizes: IndexSizes | None,
    save_every: int,
) -> dict[str, Any]:
    encode, reader = encoder(models.folder), models.reader
    voting = heads.load(models.folder, reader.config)
    progress("text prepared", 0, options.tokens)
    text = prepare(folder / "text", options.haystack, options.tokens, options.seed, encode)
    progress("text prepared", options.tokens, options.tokens)
    goal = _goal(options, folder, text, Context(reader, voting, Memory(index=False)))
    hidden = hide(text, goal, options.seed, encode, ids := folder / "context.bin")
    limit_s = 60 * options.minutes if options.minutes else float("inf")
    reading = Reading(
        ids, goal, hidden, folder, reader, voting, encode, reader.tokenizer.decode, limit_s, sizes, save_every
    )
    journal, fingerprint = reading.run(progress)
    result = figures(journal) | {
        "goal": goal,
        "wanted": options.tokens,
        "minutes": options.minutes,
        "state": fingerprint,
        "model": models.name,
        "machine": describe(reader.device),
        "window": 2 * reader.stride,
        "figure": str(options.figure),
    }
    million_tokens(options.figure, result)
    write_atomic(options.figure.with_suffix(".json"), json.dumps(result, indent=1))
    return result


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
        trial.read(text.ids[:stride].tolist())
        started = perf_counter()
        trial.read(text.ids[stride : _PACE * stride].tolist())
        pace = (len(trial) - stride) / (perf_counter() - started)
        allowed = round(_SHARE * pace * 60 * options.minutes) // stride * stride
        write_atomic(path, json.dumps(max(LEAST, min(options.tokens, allowed))))
    return int(json.loads(path.read_text()))
