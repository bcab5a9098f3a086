"""Where an answer ends that no token ends: at a blank line, or where the next question would begin.

The idea: a model that was not taught to answer goes on as its prompt did, with questions and answers that it
makes up. What may be the label of one ("Question:") is held back until the line shows that it is none.
"""

import re
from collections.abc import Callable, Sequence

from model.context.asked import ANSWER, QUESTION

_LABEL_CHARS = 24
"""Of a line, from which it is none that begins with a label."""
_BREAK = re.compile(r"(?<=\S)[ \t]*\n")


class Ending:
    """Takes an answer's tokens one by one and gives those that belong to it.

    Args:
        decode: the text of tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self.decode, self.held, self.ended, self.begun = decode, list[int](), False, False

    def take(self, token: int) -> list[int]:
        """Tokens that are known to belong to the answer now; when it has `ended` no more will be."""
        self.held.append(token)
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
        count = next(n for n in range(len(self.held) + 1) if len(self.decode(self.held[:n])) >= char)
        return self.held[:count]
