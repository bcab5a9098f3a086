"""Answers of the two models: of what was read and is remembered, and of a context that a reader holds.

The idea: both are a function that puts pieces of text while they are made and the whole answer last, so that
one that is streamed and one that is not differ in nothing else.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from flows.gateway.json_api.shapes import Reply
from flows.gateway.openai import chat
from flows.gateway.service import conversation, questions
from flows.gateway.streams import Put
from tasks.serve.door import Cited, Done, Piece


@dataclass(frozen=True)
class Answered:
    """An answer as a whole."""

    text: str
    annotations: list[dict[str, Any]]
    prompt_tokens: int
    tokens: int
    reason: str = "stop"
    more: dict[str, Any] = field(default_factory=dict)
    """Beside what OpenAI's API has: under `nightread`, what was found."""


Work = Callable[[Put[str | Answered]], None]


def from_memory(doors: Doors, who: Caller, wanted: chat.Completion, base: str) -> Work:
    """Answers from memory, or from a session where a key is given."""
    question = questions.made(questions.Ask, question=wanted.question, memory_key=wanted.memory_key)

    def work(put: Put[str | Answered]) -> None:
        from tasks.memory.embedders import count_tokens
        from tasks.recall.ask.ask import Claim
        from tasks.recall.ask.ask import Reply as Found

        claims, grown = list[Claim](), chat.Grown()

        def told(claim: Claim) -> None:
            claims.append(claim)
            if added := grown.to(Found("", tuple(claims)).answer):
                put(added)

        reply = questions.ask(doors, who, question, told)
        answer = reply["answer"] or chat.NOT_FOUND
        if added := grown.to(answer):
            put(added)
        prompt, written = count_tokens(doors.config.infer.embedder, [question.question, answer])
        cited = chat.annotations(answer, reply["claims"], base)
        more = {"nightread": Reply.model_validate(reply).model_dump()}
        put(Answered(answer, cited, prompt, written, more=more))

    return work


def from_reader(doors: Doors, who: Caller, wanted: chat.Completion) -> Work:
    """Answers from a context, into which what is new of the messages is read first."""
    question, context = wanted.question, conversation.Context(doors, who, wanted.memory_key)
    before = [message.text for message in wanted.messages[:-1] if message.text]

    def work(put: Put[str | Answered]) -> None:
        state = context.read(before)
        texts = list[str]()
        with closing(context.ask(question, wanted.new_tokens)) as parts:  # whoever leaves ends it
            for part in parts:
                if isinstance(part, Piece):
                    texts.append(part.text)
                    put(part.text)
                else:
                    put(_done("".join(texts), part, context.key, state.tokens))

    return work


def _done(text: str, done: Done, key: str, prompt_tokens: int) -> Answered:
    cited = [_annotation(text, one, key) for one in done.citations]
    reason = "stop" if done.ended else "length"
    more = {"nightread": {"context": key, "seconds": done.seconds, "first_token_s": done.first_s}}
    return Answered(text, cited, prompt_tokens, done.tokens, reason, more)


def _annotation(text: str, one: Cited, key: str) -> dict[str, Any]:
    """A block of the context that the whole answer was written from."""
    cited = {
        "document": "",
        "uri": f"context {key}",
        "place": f"characters {one.char_start} to {one.char_end}",
        "text": one.text,
        "start": one.char_start,
        "end": one.char_end,
    }
    return chat.annotation(0, len(text), cited, "")
