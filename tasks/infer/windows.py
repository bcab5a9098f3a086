"""One segment through the reader, window by window: each is committed as it is read.

The idea: a window is committed the moment it is read, then the reader's state is saved. Whatever kills the
process, the next one continues from that state and reads at most one window again. A segment that does not
begin its document is read behind the document's first tokens and one window of lead-in
(`model.parallel.segments`), so segments are independent. Reading is a generator that yields what it needs
next, so that `tasks.infer.batch` can serve several segments with one batch.
"""

import time
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from model.attention.sliding_window import StreamingCache
from model.geometry import SINKS
from model.parallel.segments import leading
from model.reader import Chunk, Salience, load_state, save_state
from tasks.infer.journal import WindowNote
from tasks.infer.models import Models
from tasks.infer.quotes import Salient, salient_sentences
from tasks.infer.segments import Segment
from tasks.ingest.home.remote import have_file
from tasks.ingest.parse import read_text
from tasks.ingest.shard import Window, read_windows
from tasks.ingest.sharded import ShardedDocument

ABANDONED_S = 7 * 24 * 3600.0
"""A reading state that was not touched for so long is of a document that nobody goes on with."""
UNFINISHED_S = 3600.0
"""One that was not complete after so long is of a worker that was killed while it wrote."""


@dataclass(frozen=True)
class Ask:
    """Need: the salience of what a cache holds."""

    cache: StreamingCache


@dataclass(frozen=True)
class WindowRead:
    """Need: a window that was read is to be committed."""

    window: int
    payload: str
    """Its note for the journal."""
    tokens: int
    """How many of its tokens were new."""


Need = Chunk | Ask | WindowRead
Reading = Generator[Need, Any, None]
"""Reads a segment. It is sent the answer to each need: nothing, a Salience, or whether it may go on."""


def read_segment(home: Path, segment: Segment, models: Models, key: str, first: int) -> Reading:
    """Read a segment from its saved state on, or from its beginning, until a commit is refused.

    Args:
        first: the first window that is missing; a state beyond it is of no use. The state behind a window is
            saved only once that window is committed, so it must be on the disk by then.
    """
    document = segment.document
    state = home / "states" / f"{document.document}-{key}-{segment.start}.safetensors"
    cache = models.reader.start()
    have_file(home, str(state.relative_to(home)))
    saved = _saved_window(state)
    if models.ranks is not None and not models.ranks.agree(-1 if saved is None else saved):
        saved = None  # a worker that has lost its lease replaced the state between two ranks' looks
    if saved is not None and saved < first:
        load_state(cache, state, models.device)
        begin = saved + 1
    else:
        begin = segment.start
        yield from _lead_in(cache, document, begin, models.stride)
    for window in islice(read_windows(document.directory, first=begin), segment.stop - begin):
        accepted: bool = yield (yield from _read_window(home, window, segment, models, cache))
        if not accepted:
            return
        if window.index + 1 < segment.stop:
            state.parent.mkdir(exist_ok=True)
            cache.slide(models.stride)  # the next chunk would forget the rest anyway
            save_state(cache, state, {"window": str(window.index)}, models.leads)
    if models.leads:
        state.unlink(missing_ok=True)


def _lead_in(cache: StreamingCache, document: ShardedDocument, begin: int, stride: int) -> Iterator[Chunk]:
    """Chunks read before window `begin`: the document's first tokens, and the window before."""
    if begin > 0:
        first = next(read_windows(document.directory), None)
        before = next(read_windows(document.directory, first=begin - 1), None)
        if first is not None and before is not None:  # else the segment has no windows either
            lead = [before.ids[:stride].tolist(), before.ids[stride:].tolist()]
            yield from leading(cache, first.ids[:SINKS].tolist(), lead, before.token_start)


def _saved_window(state: Path) -> int | None:
    """Window after which a state was saved; None where there is no state, or one that was cut short."""
    if not state.exists():
        return None
    try:
        with safe_open(state, "pt") as file:
            return int(file.metadata()["window"])
    except SafetensorError:  # what it lacks is read again
        return None


def _read_window(
    home: Path, window: Window, segment: Segment, models: Models, cache: StreamingCache
) -> Generator[Need, Any, WindowRead]:
    """Read the new tokens of a window, and ask what is salient in it where that is wanted."""
    stride = models.stride
    ids = window.ids.tolist()
    chunks = [chunk for chunk in ([ids[:stride]] if window.index == 0 else []) + [ids[stride:]] if chunk]
    for chunk in chunks:
        yield Chunk(cache, chunk)
    salient = (yield from _salience(home, window, segment, cache)) if models.config.salience else []
    note = WindowNote(window.char_start, window.char_end, salient)
    return WindowRead(window.index, note.to_json(), sum(map(len, chunks)))


def _salience(
    home: Path, window: Window, segment: Segment, cache: StreamingCache
) -> Generator[Ask, Salience, list[Salient]]:
    """How salient the sentences of a window are, while its keys are at hand."""
    salience = yield Ask(cache)
    ratio = (salience.asked / salience.neutral).log()[-len(window.ids) :].cpu().numpy()
    source = segment.source
    text = read_text(home, source.parsed, source.part, window.char_start, window.char_end)
    inner = (window.index > 0, window.index + 1 < segment.document.windows)
    return salient_sentences(text, window.char_start, window.starts, ratio, inner)


def forget_states(home: Path, documents: Collection[str]) -> None:
    """Drop the reading states of these documents, which are published, and those nobody came back to.

    Others stay: another run may be reading into the same home.
    """
    for state in (home / "states").glob("*"):
        unfinished = state.name.startswith(".")  # the fresh names of `model.files.replacing`
        with suppress(FileNotFoundError):
            abandoned = time.time() - state.stat().st_mtime > (UNFINISHED_S if unfinished else ABANDONED_S)
            if abandoned or state.name.partition("-")[0] in documents:
                state.unlink()
