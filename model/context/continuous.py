"""Continuous batching: answers of different contexts are written together, a token each with every step.

The idea: a step of one row waits for the weights to come from memory, so several rows take little longer than
one. An answer joins between two steps, when its question has been read behind its blocks, and leaves when it
ends; nobody waits for the longest (Yu et al. 2022, "Orca"). A step that fails, as where memory runs out, is
none: the answer that joined last gives way, and the others write what each would write alone. Whatever stands
before that runs in steps too, see `model.context.prepared`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from traceback import clear_frames

import torch

from model.attention.ragged import RaggedCache
from model.attention.sliding_window import StreamingCache
from model.context.ending import Ending
from model.geometry import SINKS
from model.reader import Pick, Reader, greedy


@dataclass
class Answer:
    """An answer that is being written, token by token."""

    cache: StreamingCache
    asked: Sequence[int]
    """Tokens that are read behind the cache; the answer follows them."""
    most: int
    """Tokens at most."""
    pick: Pick = greedy
    stops: frozenset[int] = frozenset()
    ending: Ending | None = None
    blocks: Sequence[int] = ()
    """Those it is written from."""
    votes: dict[int, float] = field(default_factory=dict)
    """Of blocks that heads voted for."""
    tokens: list[int] = field(default_factory=list)
    """Those that belong to it, as far as is known."""
    written: int = 0
    """Tokens that the model wrote, among them those that end an answer."""
    ended: bool = False
    """Whether it ended by itself."""
    failed: Exception | None = None
    """What ended it otherwise."""

    @property
    def complete(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.failed is not None or self.written >= self.most

    def take(self, token: int) -> None:
        """The next token of the model's."""
        self.written += 1
        self.ended = token in self.stops
        if self.ending is None:
            self.tokens += [] if self.ended else [token]
            return
        if not self.ended:
            self.tokens += self.ending.take(token)
            self.ended = self.ending.ended
        if self.complete and not self.ending.ended:
            self.tokens += self.ending.release()


class Batch:
    """Answers that are written together. Not safe for use by several threads.

    Args:
        most: rows at most. A model that scales queries by their place in the text, or attends within chunks
            (Llama 4), has one.
    """

    def __init__(self, reader: Reader, most: int) -> None:
        types = getattr(reader.config, "layer_types", None) or ()
        alone = getattr(reader.config, "attn_temperature_tuning", False) or "chunked_attention" in types
        self.reader, self.most, self.answers = reader, 1 if alone else most, list[Answer]()
        self.cache = RaggedCache(reader.layers, SINKS)
        self._last: list[int] = []
        """Token that every row takes next."""

    @property
    def room(self) -> int:
        """Answers that may join."""
        return self.most - len(self.answers)

    @torch.inference_mode()
    def join(self, one: Answer) -> None:
        """Read the question of an answer and write its first token; if others follow, it is one of the rows.

        Raises:
            ValueError: if the question is too long for the model's positions.
        """
        assert self.room > 0
        one.most = min(one.most, self.reader.positions - one.cache.held - len(one.asked))
        token = one.pick(self._logits(self.reader.run(one.cache, one.asked)[-1:]))
        one.take(token)
        if not one.complete:
            self.cache.join(one.cache)
            self.answers.append(one)
            self._last.append(token)

    @torch.inference_mode()
    def leave(self, one: Answer) -> None:
        """End an answer that is not complete; nothing happens where it is no row."""
        rows = [row for row, other in enumerate(self.answers) if other is one]
        for row in rows:
            del self.answers[row], self._last[row]
            self.cache.leave(row)

    @torch.inference_mode()
    def step(self) -> list[Answer]:
        """Write a token of every answer; those that are complete leave and are returned.

        Those that `failed` are among them. Where the pass over the model fails, the last that joined does, of
        which the least is lost, and the others have no token more.
        """
        if not self.answers:
            return []
        try:
            with self.cache.whole_step():
                logits_BV = self._logits(self.reader.step(self.cache, self._last))
        except Exception as error:
            clear_frames(error.__traceback__)  # they hold what the pass has computed
            self.answers[-1].failed = error
        else:
            for row, one in enumerate(self.answers):
                try:
                    self._last[row] = one.pick(logits_BV[row : row + 1])
                    one.take(self._last[row])
                except Exception as error:  # of this answer alone
                    one.failed = error
        done = [one for one in self.answers if one.complete]
        for one in done:
            self.leave(one)
        return done

    def _logits(self, hidden_BE: torch.Tensor) -> torch.Tensor:
        logits_BV: torch.Tensor = self.reader.model.get_output_embeddings()(hidden_BE).float()
        return logits_BV
