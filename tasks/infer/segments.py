"""Segments: consecutive windows of one document that one worker reads, and what is missing of them.

The idea: the cuts depend on the document alone, never on the number of workers, so a run that is continued
by more or fewer of them finds what was stored.
"""

from dataclasses import dataclass

from model.geometry import MAX_SEGMENTS
from model.parallel.layout import cuts
from tasks.infer.cache_key import window_key
from tasks.ingest.sharded import ShardedDocument
from tasks.runs.ledger import Ledger
from tasks.settings import InferConfig


@dataclass(frozen=True)
class Source:
    """Where a document's parsed text lies: the TEXT file and the part of it."""

    parsed: str
    part: int


@dataclass(frozen=True)
class Segment:
    """Windows [start, stop) of a document."""

    document: ShardedDocument
    source: Source
    start: int
    stop: int


def segments(document: ShardedDocument, source: Source, config: InferConfig) -> list[Segment]:
    """A document as segments."""
    return [Segment(document, source, cut.start, cut.stop) for cut in segment_cuts(document.windows, config)]


def segment_cuts(windows: int, config: InferConfig) -> list[range]:
    """Ranges of a document's windows, each read in one go."""
    return cuts(windows, max(1, min(MAX_SEGMENTS, windows // config.segment_windows)))


def first_missing(segment: Segment, key: str, ledger: Ledger) -> int | None:
    """The first window of a segment that the ledger does not hold; None where it holds all."""
    windows = range(segment.start, segment.stop)
    names = {window: window_key(key, segment.document.document, window) for window in windows}
    stored = ledger.has_many(list(names.values()))
    return next((window for window, name in names.items() if name not in stored), None)
