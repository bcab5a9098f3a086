"""All that the headline says, in one run that is over in time: speed, the long context, decay, memory.

The idea: each part has a share of the time and shortens itself to it, and what was shortened is said. The
parts are those of `nightread bench` and `nightread bench million`; nothing is measured here in another way.
The long context is one stream, also on a GPU, where rows of a batch would be read faster: segments have no
index, and do not quite see what one stream sees. How much faster is measured beside it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from model.bench.baselines import LOADERS, Stream
from model.bench.limits import Peak
from model.bench.measure import Effort, measure, rows_at_a_time
from model.context.index import IndexSizes
from model.files import write_atomic
from model.geometry import LEAD_IN
from model.hardware import free_bytes
from model.reader import Reader
from tasks.bench.haystack import encoder
from tasks.bench.headline.predicted import Predicted, predicted
from tasks.bench.million.options import Million
from tasks.bench.million.read import SAVE_EVERY
from tasks.bench.million.run import IDS, kept, read_and_ask
from tasks.bench.million.text import prepare
from tasks.bench.plots import headline_figure
from tasks.bench.progress import Progress
from tasks.bench.speed import text_ids
from tasks.infer.models import Models

LENGTHS = (4096, 32768)
"""Tokens of the texts whose reading is timed beside dense attention."""
SHARES = {"speed": 0.15, "read": 0.40, "asked": 0.20, "predicted": 0.15}
"""Of the time; the rest is for loading the model and preparing text."""
HELD_OUT = 512
"""Tokens of the passage that is predicted: the end of the text, which needles keep out of the context."""
ROWS = 16
"""Segments that a GPU reads as rows of one batch."""
_DEVICE_SHARE = 0.25
"""Of a GPU's free memory, for keys."""
_RARELY = 32
"""Times as seldom is a context saved on a GPU, where as many windows take a second."""

Row = dict[str, Any]


def headline(
    options: Million,
    home: Path,
    models: Models,
    progress: Progress,
    sizes: IndexSizes | None = None,
) -> Row:
    """Measure everything within `options.minutes`; the figures are also written beside the plot.

    Args:
        sizes: of the context's index; those of any context by default.

    Returns:
        {"machine", "model", "minutes", "seconds", "speed", "rows", "million", "predicted", "decay",
        "utilisation", "memory", "shortened", "figure"}

    Raises:
        InvalidInput: if there is not enough text, or another process reads the same.
        ValueError: if the model has no calibrated heads.
    """
    assert options.minutes is not None, "the headline has a time to be over in"
    started, total_s, reader = perf_counter(), 60 * options.minutes, models.reader
    share = {name: part * total_s for name, part in SHARES.items()}
    speed = speeds(models, options.tokens, share["speed"], progress)
    together = rows(reader, models.folder, ROWS) if reader.device.type == "cuda" else None
    reading = replace(options, minutes=options.minutes * SHARES["read"])
    with kept(reading, home, models) as folder, Peak(reader.device, every=0.1) as peak:
        long = read_and_ask(
            reading,
            folder,
            models,
            progress,
            sizes=sizes,
            asking_s=share["asked"],
            **_of_device(reader),
        )
        left_s = max(share["predicted"], 0.97 * total_s - (perf_counter() - started))
        passage = _passage(options, folder, models)
        behind = predicted(reader, folder / IDS, long["tokens"], passage, left_s, progress)
    result = {
        "machine": long["machine"],
        "model": models.name,
        "minutes": options.minutes,
        "seconds": perf_counter() - started,
        "speed": speed,
        "rows": together,
        "million": long,
        "predicted": [asdict(row) for row in behind],
        "decay": decay(long, behind),
        "utilisation": utilisation(models, speed, long, behind),
        "memory": {"rss": long["rss"], "peak_rss": long["peak_rss"], "device_peak": _on_device(reader, peak)},
        "shortened": shortened(speed, long, behind, share),
        "figure": str(options.figure),
    }
    headline_figure(options.figure, result)
    write_atomic(options.figure.with_suffix(".json"), json.dumps(result, indent=1))
    return result


def speeds(models: Models, tokens: int, limit_s: float, progress: Progress) -> Row:
    """Reading beside the context and dense attention, at lengths of up to so many tokens."""
    lengths = [length for length in LENGTHS if length <= tokens]
    effort = Effort(
        short_seconds=limit_s / 24, max_seconds=limit_s / 4, limit_seconds=min(0.5, limit_s / 100)
    )
    ids = text_ids(models.folder, lengths[-1])
    return measure(models.reader, models.folder, ids, lengths, ("context", "sdpa"), progress, effort)


def rows(reader: Reader, folder: Path, count: int) -> Row:
    """Segments of a document as rows of one batch, beside one at a time."""
    ids = text_ids(folder, (LEAD_IN + 2 * count) * reader.stride)
    return rows_at_a_time(reader, ids, count, repeats=1)


def decay(long: Row, behind: Sequence[Predicted]) -> list[Row]:
    """A row for every length at which something was asked or predicted, the shortest first."""
    names = ("questions", "found_index", "found_exact", "answered")
    at_the_end = [{**row, "tokens": long["tokens"]} for row in long["by_depth"][-1:]]
    found: dict[int, Row] = {
        row["tokens"]: {name: row[name] for name in names} for row in [*long["on_the_way"], *at_the_end]
    }
    for one in behind:
        found.setdefault(one.tokens, {})["nats"] = one.nats
    return [{"tokens": tokens, **found[tokens]} for tokens in sorted(found)]


def utilisation(models: Models, speed: Row, long: Row, behind: Sequence[Predicted]) -> Row:
    """Shares of the measured rate of matrix products that the long reads reached."""
    limit, reader = speed["rows"][-1]["limit"], models.reader
    context, stream = LOADERS["context"](reader, models.folder), Stream(reader)
    last = behind[-1]
    return {
        "limit": limit,
        "million": context.flops(long["tokens"]) / long["seconds"] / limit,
        "predicted": stream.flops(last.tokens) / last.seconds / limit,
    }


def shortened(speed: Row, long: Row, behind: Sequence[Predicted], share: dict[str, float]) -> list[str]:
    """What the time did not suffice for, as sentences."""
    said = [
        f"{row['length']:,} tokens were not read by {name}: it {row[f'{key}_not_run']}"
        for row in speed["rows"]
        for key, name in (("context", "the context"), ("sdpa", "dense attention"))
        if f"{key}_not_run" in row
    ]
    if once := [f"{row['length']:,}" for row in speed["rows"] if row["repeats"] == 1]:
        said.append(f"texts of {', '.join(once)} tokens were timed once")
    if long["tokens"] < long["wanted"]:
        said.append(f"{long['tokens']:,} of {long['wanted']:,} tokens were read in {share['read']:,.0f} s")
    if (asked := sum(row["questions"] for row in long["by_depth"][-1:])) < long["needles"]:
        said.append(f"{asked} of {long['needles']} needles were asked for at the end")
    if (last := behind[-1].tokens) < long["tokens"]:
        said.append(f"the passage was predicted behind {last:,} of {long['tokens']:,} tokens at most")
    return said


def _passage(options: Million, folder: Path, models: Models) -> list[int]:
    """The end of the text; its second half stands nowhere in the context, whose needles take its place."""
    text = prepare(folder / "text", options.haystack, options.tokens, options.seed, encoder(models.folder))
    held_out = min(HELD_OUT, models.stride)
    passage: list[int] = text.ids[-held_out:].tolist()
    return passage


def _of_device(reader: Reader) -> dict[str, int]:
    """How a context is read there: on a GPU its keys stay where questions are asked."""
    if reader.device.type != "cuda":
        return {"save_every": SAVE_EVERY}
    keys = int(_DEVICE_SHARE * free_bytes(reader.device))
    return {"save_every": _RARELY * SAVE_EVERY, "device_bytes": keys}


def _on_device(reader: Reader, peak: Peak) -> int | None:
    return peak.most if reader.device.type == "cuda" else None
