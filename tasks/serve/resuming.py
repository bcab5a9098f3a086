"""A read that broke off is taken to another reader: what of its text is left to be read there.

The idea: how much a context has grown does not say what it grew by, for others read into it too. Readers tell
running checksums of all that a context holds: the one from before a read, carried on over the beginning of
its text, is the one of now only where this beginning was read, and nothing else.
"""

import zlib
from array import array
from collections.abc import Sequence

from tasks.serve.door import Changed, State

PieceOfText = str | Sequence[int]


class Interleaved(Changed):
    """Others read into the context when a read broke off, so how much of its text was read is not known, and
    it was not gone on with: open the context, and read what it lacks. To try the same again would read some
    of it twice."""


def unread(key: str, pieces: Sequence[PieceOfText], before: State, now: State) -> list[PieceOfText]:
    """What of a text is left to read, where its context was so before its read began and is so now.

    Args:
        key: the context's, for the error.

    Raises:
        Interleaved: if anything but the beginning of this text came behind what was there before.
    """
    if (now.tokens, now.text_crc, now.ids_crc) == (before.tokens, before.text_crc, before.ids_crc):
        return list(pieces)
    of_text = all(isinstance(piece, str) for piece in pieces)
    left = now.chars - before.chars if of_text else now.tokens - before.tokens
    crc, rest = before.text_crc if of_text else before.ids_crc, list[PieceOfText]()
    for piece in pieces if left >= 0 else ():
        crc = _carried_on(crc, piece[:left])
        rest += [piece[left:]] if left < len(piece) else []
        left = max(0, left - len(piece))
    mixed = not of_text and any(isinstance(piece, str) for piece in pieces)
    if mixed or left or crc != (now.text_crc if of_text else now.ids_crc):
        raise Interleaved(
            f"{key}: holds {now.tokens:,} tokens, {before.tokens:,} before, and not just this text between: "
            "others read into it, or forgot it, when this read broke off: open it and read what it lacks"
        )
    return rest


def _carried_on(crc: int, piece: PieceOfText) -> int:
    return zlib.crc32(piece.encode() if isinstance(piece, str) else array("i", piece).tobytes(), crc)
