"""Where an answer ends that no token ends: at a blank line, where another question would begin, in a loop.

The idea: a model that was not taught to answer goes on as its prompt did, with questions and answers that it
makes up. What may be the label of one ("Question:") is held back until the line shows that it is none. And
any small model may repeat itself word for word, which never ends where the likeliest token is chosen.
"""

import re
from collections.abc import Callable, Sequence

from model.context.asked import ANSWER, QUESTION

_LABEL_CHARS = 24
"""Of a line, from which it is none that begins with a label."""
_BREAK = re.compile(r"(?<=\S)[ \t]*\n")
_LOOP_TOKENS, _LONGEST_LOOP = 32, 256
"""Tokens that must be repeated for a loop, at least, and of one round, at most."""


def loops(tokens: Sequence[int]) -> bool:
    """Whether a text ends by repeating itself: all of its last tokens stand one round before as well."""
    for length in range(1, min(_LONGEST_LOOP, len(tokens) // 2) + 1):
        if tokens[-1] == tokens[-1 - length]:  # most lengths are told by one token
            again = max(length, _LOOP_TOKENS)
            if len(tokens) >= length + again and tokens[-again:] == tokens[-again - length : -length]:
                return True
    return False


class Ending:
    """Takes an answer's tokens one by one and gives those that belong to it.

    Args:
        decode: the text of tokens; without it, as where a model was taught to end, only a loop ends one.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str] | None) -> None:
        self.decode, self.held, self.ended, self.begun = decode, list[int](), False, False
        self.taken: list[int] = []

    def take(self, token: int) -> list[int]:
        """Tokens that are known to belong to the answer now; when it has `ended` no more will be."""
        self.taken.append(token)
        self.held.append(token)
        self.ended = loops(self.taken)
        if self.ended or self.decode is None:
            return self.release()
        text = self.decode(self.held)
        broken = _BREAK.search(f"x{text}" if self.begun else text)
        if broken is None:
            self.begun |= bool(text.strip())
            return self.release() if self.begun or len(self.held) > 8 else []
        line = text[broken.end() - self.begun :]
        self.ended = bool(QUESTION.match(line) or ANSWER.match(line)) or (not line.strip() and "\n" in line)
        if self.ended:
            return self._before(broken.start() - self.begun)
        return self.release() if len(line.strip()) > _LABEL_CHARS or "\n" in line else []

    def release(self) -> list[int]:
        """Everything held back: no more tokens come."""
        held, self.held = self.held, []
        return held

    def _before(self, char: int) -> list[int]:
        """Held tokens with the text before this character; the last of them may hold more."""
        assert self.decode is not None
        count = next(n for n in range(len(self.held) + 1) if len(self.decode(self.held[:n])) >= char)
        return self.held[:count]
