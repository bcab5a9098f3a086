"""A haystack of millions of tokens on disk.

The idea: text is tokenised a piece at a time and written as it comes, ids in one file and the tokens that
begin a sentence or a line in two others. So neither preparing nor reading it holds the text, and a read that
goes on finds the very same ids.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.files import replacing, write_atomic
from tasks.bench.haystack import Encode, Haystack
from tasks.bench.natural_text import paragraphs
from tasks.errors import InvalidInput
from tasks.ingest.tokens import Ints, Longs

PIECE = 1 << 20
"""Characters that are tokenised at once."""
_IDS, _TAKEN, _ENDS = "ids.bin", "numbers.json", ("sentences.bin", "lines.bin")
_DIGITS = re.compile(r"\d{5,}")


@dataclass(frozen=True)
class Text:
    """A haystack as it lies on disk."""

    ids: Ints
    """Mapped: a part is in memory only while it is read."""
    ends: tuple[Longs, ...]
    """Tokens that begin a sentence, and those that begin a line."""
    taken: frozenset[str]
    """Every five digits in a row that occur in it."""


def prepare(folder: Path, paths: Sequence[Path], tokens: int, seed: int, encode: Encode) -> Text:
    """The haystack in `folder`, written there if it is not there yet.

    Args:
        paths: as `tasks.bench.natural_text.paragraphs` takes them.

    Raises:
        InvalidInput: if there is too little text; the message says how much.
    """
    if not folder.exists():
        with replacing(folder) as fresh:
            fresh.mkdir(parents=True)
            _write(fresh, paths, tokens, seed, encode)
    sentences, lines = (np.fromfile(folder / name, np.int64) for name in _ENDS)
    taken = json.loads((folder / _TAKEN).read_text())
    return Text(np.memmap(folder / _IDS, np.int32, "r"), (sentences, lines), frozenset(taken))


def _write(folder: Path, paths: Sequence[Path], tokens: int, seed: int, encode: Encode) -> None:
    written, taken = 0, set[str]()
    with ExitStack() as opened:
        ids, *ends = (opened.enter_context((folder / name).open("wb")) for name in (_IDS, *_ENDS))
        for piece in _pieces(paths, seed):
            hay = Haystack(piece, encode)
            hay.ids[: tokens - written].tofile(ids)
            for file, places in zip(ends, hay.ends, strict=True):
                (places[places < tokens - written] + written).astype(np.int64).tofile(file)
            for run in _DIGITS.findall(piece):
                taken.update(run[start : start + 5] for start in range(len(run) - 4))
            written += len(hay.ids)
            if written >= tokens:
                break
        else:
            raise InvalidInput(
                f"--tokens {tokens}: there are {written:,} tokens of text that does not repeat; give files "
                "or folders with more by --haystack, or read less"
            )
    write_atomic(folder / _TAKEN, json.dumps(sorted(taken)))


def _pieces(paths: Sequence[Path], seed: int) -> Iterator[str]:
    """Paragraphs in pieces of about `PIECE` characters."""
    held: list[str] = []
    size = 0
    for paragraph in paragraphs(paths or None, seed):
        held.append(paragraph)
        size += len(paragraph)
        if size >= PIECE:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)
