"""Text or token ids as they come, cut into pieces that are read one by one.

The idea: a caller may cut a text anywhere, but tokens are those of the whole; so a piece is tokenised when so
much of what follows has come that a seam is found (see `tasks.ingest.tokens`). Every piece is short, because
questions wait while one is read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from model.context.wording import Wording
from model.geometry import BLOCK
from tasks.errors import InvalidInput
from tasks.ingest.tokens import CONTEXT_CHARS, piece_count, tokenize

PIECE_TOKENS = 512
"""Read at once."""
CHARS = 4096
"""Tokenised at once."""


@dataclass(frozen=True)
class Piece:
    """Tokens that are read at once, the character each begins in, and their text."""

    ids: list[int]
    starts: list[int]
    text: str


class Pieces:
    """What one call reads.

    Args:
        tokenizer: folder of the model's.
        vocabulary: token ids are below it.
    """

    def __init__(self, tokenizer: Path, wording: Wording, vocabulary: int) -> None:
        self.tokenizer, self.wording, self.vocabulary = tokenizer, wording, vocabulary
        self._begin()

    def of_text(self, text: str) -> Iterator[Piece]:
        """Pieces that are whole now that this text has come.

        Raises:
            UnicodeEncodeError: if it is no text: half of a surrogate pair.
        """
        text.encode()
        self._text += text
        while self._base + len(self._text) >= (self._number + 2) * CHARS + CONTEXT_CHARS:
            yield from self._next()

    def of_ids(self, ids: Sequence[int]) -> Iterator[Piece]:
        """Pieces of token ids, whose text is what they decode to, behind the text before them.

        Raises:
            InvalidInput: if one is no token's.
        """
        yield from self.rest()
        for token in ids:
            if not 0 <= token < self.vocabulary:
                raise InvalidInput(f"token id {token}: give 0 to {self.vocabulary - 1}")
        for first in range(0, len(ids), PIECE_TOKENS):
            yield self._decoded(list(ids[first : first + PIECE_TOKENS]))

    def rest(self) -> Iterator[Piece]:
        """The last pieces of a text, which ends here."""
        while self._number < piece_count(self._base + len(self._text), CHARS):
            yield from self._next()
        self._begin()

    def _decoded(self, ids: list[int]) -> Piece:
        starts, text = list[int](), ""
        for first in range(0, len(ids), BLOCK):
            some = ids[first : first + BLOCK]
            starts += [len(text) + len(self.wording.decode(some[:count])) for count in range(len(some))]
            text += self.wording.decode(some)
        return Piece(ids, starts, text)

    def _begin(self) -> None:
        self._text, self._base = "", 0
        """What may still be needed of the text, and the number of its first character."""
        self._number, self._done = 0, 0
        """Of the next piece, and of its first character."""

    def _next(self) -> Iterator[Piece]:
        ((ids, starts, end),) = tokenize(self._read, [self._number], self.tokenizer, CHARS)
        text = self._read(self._done, end)
        yield from _cut(ids.tolist(), (starts - self._done).tolist(), text)
        self._number, self._done = self._number + 1, end
        needed = max(0, min(self._done, self._number * CHARS - CONTEXT_CHARS) - self._base)
        self._text, self._base = self._text[needed:], self._base + needed

    def _read(self, start: int, end: int) -> str:
        return self._text[max(0, start - self._base) : max(0, end - self._base)]


def _cut(ids: list[int], starts: list[int], text: str) -> Iterator[Piece]:
    for first in range(0, len(ids), PIECE_TOKENS):
        last = first + PIECE_TOKENS
        begin = starts[first] if first else 0
        end = starts[last] if last < len(ids) else len(text)
        yield Piece(ids[first:last], [start - begin for start in starts[first:last]], text[begin:end])
