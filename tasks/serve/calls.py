"""What each call does with the model, in steps: between two of them other calls go on.

The idea: the engine knows queues and turns, this knows contexts and answers. Whatever a call holds it gives
back when its generator is closed, however it ends.
"""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from model.context import answer, question, retrieve
from model.context.answer import ATTENDED_TOKENS
from model.context.continuous import Answer, Batch
from model.context.prepared import answering, selecting
from model.context.wording import Wording
from model.geometry import BLOCK
from tasks.errors import InvalidInput
from tasks.serve.contexts import Contexts, Hot
from tasks.serve.door import (
    MOST_NEW_TOKENS,
    Changed,
    Cited,
    DeadlinePassed,
    Done,
    Name,
    Piece,
    Retrieved,
    Scored,
    Taken,
)
from tasks.serve.job import END, Job, Step, Steps
from tasks.serve.pieces import Piece as PieceOfText
from tasks.serve.pieces import Pieces

T = TypeVar("T")
MOST_QUESTION, MOST_SCORED, MOST_BLOCKS = 1024, 2048, 256
"""Tokens of a question and of a text that is scored; blocks that are retrieved."""
CANDIDATES = {"cpu": 3, "cuda": 16}
"""Blocks that are compared for an answer, unless the question's words and the heads agree on one. Each is
read again with its neighbours, which is most of the time to the first token: a core reads some 300 tokens a
second."""
LEAST_VOTES = 0.25
"""Share of the best block's votes from which another one is a candidate."""
STALLED_S = 60.0
"""Without a word of the text, after which a read is ended: others wait to read into its context."""


@dataclass
class Calls:
    """The calls of one engine."""

    contexts: Contexts
    batch: Batch
    wording: Wording
    tokenizer: Path
    tokens_read: int = 0
    tokens_written: int = 0
    answered: int = 0
    reading: set[Name] = field(default_factory=set)
    """Contexts that a call reads into: the next one to the same waits."""

    @property
    def candidates(self) -> int:
        return CANDIDATES[self.contexts.reader.device.type]

    def open(self, job: Job, create: bool) -> Steps:
        with (yield from self._opened(job.name, create)).in_use() as hot:
            job.deliver(hot.state())

    def read(self, job: Job, at_tokens: int | None) -> Steps:
        while job.name in self.reading:
            yield Step.WAITS
        self.reading.add(job.name)
        try:
            hot = yield from self._opened(job.name, create=True)
            with hot.in_use():
                yield from self._read(job, hot, at_tokens)
        finally:
            self.reading.discard(job.name)

    def _read(self, job: Job, hot: Hot, at_tokens: int | None) -> Steps:
        before = hot.transcript.tokens
        if at_tokens is not None and at_tokens != before:
            raise Changed(f"{job.name.key}: holds {before:,} tokens, not {at_tokens:,}: read on from there")
        pieces = Pieces(self.tokenizer, self.wording, self.contexts.reader.config.vocab_size)
        try:
            yield from self._pieces(job, hot, pieces)
        finally:  # what was read is kept, whatever ended it
            if self.contexts.hot.get(job.name) is hot:
                self.contexts.confirm(hot)
        read = hot.transcript.tokens - before
        job.deliver(Taken(read, hot.state(), time.monotonic() - job.began))

    def _pieces(self, job: Job, hot: Hot, pieces: Pieces) -> Steps:
        assert job.inbox is not None
        ended = False
        while not ended:
            item = job.inbox.take()
            if item is None:
                if time.monotonic() - job.inbox.came > STALLED_S:
                    raise DeadlinePassed(f"no text came for {STALLED_S:.0f} s: what came before was read")
                yield Step.WAITS
                continue
            ended = item is END
            found = pieces.rest() if ended else _of(pieces, item)
            for piece in found:
                self.contexts.append(hot, piece)
                self.tokens_read += len(piece.ids)
                yield Step.WORKED

    def retrieve(self, job: Job, text: str, blocks: int) -> Steps:
        _between("blocks", blocks, MOST_BLOCKS)
        ids = self._asked(text, MOST_QUESTION)
        with (yield from self._opened(job.name)).in_use() as hot:
            began = time.monotonic()
            found = retrieve.choose(hot.context, ids, blocks)
            votes = dict(zip(found.blocks, found.votes, strict=True))
            cited = tuple(_cited(hot, block, votes) for block in found.blocks)
            job.deliver(Retrieved(cited, time.monotonic() - began))

    def ask(self, job: Job, text: str, new_tokens: int) -> Steps:
        _between("new_tokens", new_tokens, MOST_NEW_TOKENS)
        ids = self._asked(text, MOST_QUESTION)
        with (yield from self._opened(job.name)).in_use() as hot:
            asked = question.given(ids, len(ids), self.wording)
            written = yield from self._stepped(
                hot,
                answering(hot.context, asked, ids, self.wording, new_tokens, self.candidates, LEAST_VOTES),
            )
            cited = tuple(_cited(hot, block, written.votes) for block in written.blocks)
        self.batch.join(written)
        first_s = time.monotonic() - job.began
        try:
            yield from self._written(job, written)
        finally:
            self.batch.leave(written)
            self.tokens_written += written.written
        self.answered += 1
        job.deliver(Done(cited, written.written, written.ended, time.monotonic() - job.began, first_s))

    def _written(self, job: Job, written: Answer) -> Steps:
        """Give out the text of an answer as it grows."""
        given = ""
        while True:
            if written.failed is not None:
                raise written.failed
            text = self.wording.tokenizer.decode(written.tokens, skip_special_tokens=True).lstrip()
            # a character of several tokens is given when it is whole, or when no more come
            if len(text) > len(given) and (written.complete or not text.endswith("\ufffd")):
                job.deliver(Piece(text[len(given) :]))
                given = text
            if written.complete:
                return
            yield Step.WRITES

    def score(self, job: Job, text: str, behind_blocks: bool) -> Steps:
        ids = self._asked(text, MOST_SCORED)
        with (yield from self._opened(job.name)).in_use() as hot:
            context = hot.context
            if behind_blocks:
                selected = yield from self._stepped(
                    hot, selecting(context, [ids], self.candidates, LEAST_VOTES, self.wording)
                )
                blocks = selected.blocks
            else:
                last = -(-len(context) // BLOCK)
                blocks = list(range(max(0, last - ATTENDED_TOKENS // BLOCK), last))
            cache = context.recompute([blocks])[0]
            if not behind_blocks and len(context):
                cache.crop(cache.held - 1)  # the last token is run again: it says what the first one is
                ids = [context.ids[-1], *ids]
            if len(ids) < 2:
                raise InvalidInput("text: give at least two tokens to score")
            nats_Q1 = answer.likelihood(self.contexts.reader, [cache], ids)
        job.deliver(Scored(float(nats_Q1.double().sum()), len(nats_Q1)))

    def save(self, job: Job) -> Steps:
        with (yield from self._opened(job.name)).in_use() as hot:
            self.contexts.save(hot)
            job.deliver(hot.state())

    def close(self, job: Job, forget: bool) -> Steps:
        while job.name in self.reading or ((hot := self.contexts.hot.get(job.name)) and hot.busy):
            yield Step.WAITS
        if forget:
            self.contexts.forget(job.name)
        elif hot is not None:
            self.contexts.drop(hot)
        job.deliver(None)

    def _opened(self, name: Name, create: bool = False) -> Generator[Step, None, Hot]:
        hot = self.contexts.open(name, create)
        with hot.in_use():
            for _ in self.contexts.catch_up(hot):
                yield Step.WORKED
        return hot

    def _stepped(self, hot: Hot, steps: Generator[None, None, T]) -> Generator[Step, None, T]:
        """Steps over a context, as long as it is this node's."""
        while True:
            try:
                next(steps)
            except StopIteration as done:
                value: T = done.value
                return value
            yield Step.WORKED
            self.contexts.assure(hot)

    def _asked(self, text: str, most: int) -> list[int]:
        """Tokens of a question, as it stands behind a text."""
        text.encode()  # half of a surrogate pair has no tokens either
        if not text.strip():
            raise InvalidInput("an empty question: give some words")
        if marks := self.wording.marks_in(text):
            raise InvalidInput(f"{marks[0]} is a marker of the model's own: leave it out")
        ids = self.wording.encode(f"\n\n{text}")
        if len(ids) > most:
            raise InvalidInput(f"{len(ids):,} tokens: give {most:,} at most")
        return ids


def _of(pieces: Pieces, item: object) -> Iterator[PieceOfText]:
    if isinstance(item, str):
        return pieces.of_text(item)
    assert isinstance(item, list | tuple)
    return pieces.of_ids(item)


def _cited(hot: Hot, block: int, votes: dict[int, float]) -> Cited:
    start, end = hot.transcript.span(block)
    last = min((block + 1) * BLOCK, hot.transcript.tokens)
    text = hot.transcript.text(start, end)
    return Cited(block * BLOCK, last, start, end, text, votes.get(block, 0.0))


def _between(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InvalidInput(f"{name}={value}: give 1 to {most}")
