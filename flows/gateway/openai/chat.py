"""What OpenAI's chat API takes and gives, as far as it is offered here.

The idea: an answer from memory is an extract, so its citations are annotations of the message: where in the
answer the cited words stand, and where in which document.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.errors import InvalidInput

MEMORY, READER = "nightread-memory", "nightread-reader"
NOT_FOUND = "Not found in what was read."
MOST_MESSAGES = 10_000


class Part(BaseModel):
    """A part of a message."""

    type: Literal["text", "input_text"]
    text: str


class Message(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        """Its words."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """How a stream is sent."""

    include_usage: bool = False


class Completion(BaseModel):
    """A conversation that is to be answered. What else OpenAI's API takes, such as a temperature, has no
    meaning for an answer that is an extract, and is not looked at."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(max_length=200, examples=[MEMORY])
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = Field(None, description="One answer; there is no other.")
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    tools: list[Any] | None = Field(None, max_length=0, description="None: the models here call no tools.")
    memory_key: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="Names the conversation that is kept: of nightread-memory a session, whose rounds answer "
        "too; of nightread-reader the context that the messages are read into. Needs a token that may write.",
    )

    @property
    def question(self) -> str:
        """The words of the last message.

        Raises:
            InvalidInput: if that is not the user's.
        """
        last = self.messages[-1]
        if last.role != "user":
            raise InvalidInput(f"messages: the last one is of {last.role}; it must be the user's question")
        return last.text

    @property
    def new_tokens(self) -> int | None:
        """Of the answer, at most; None where nothing is said."""
        return self.max_completion_tokens or self.max_tokens


def annotations(answer: str, claims: Sequence[Mapping[str, Any]], base: str) -> list[dict[str, Any]]:
    """Every citation of the claims, with where in the answer they stand.

    Args:
        base: address of the gateway, under which a citation opens.
    """
    found, after = [], 0
    for claim in claims:
        begins = answer.find(claim["text"], after)
        if begins < 0:  # an older wording that the answer leaves out
            continue
        after = begins + len(claim["text"])
        found += [annotation(begins, after, cited, base) for cited in claim["citations"]]
    return found


def annotation(begins: int, ends: int, cited: Mapping[str, Any], base: str) -> dict[str, Any]:
    """One place, for characters [begins, ends) of the answer; what was said in a session has no URL."""
    where = {"start_index": begins, "end_index": ends}
    file = {
        **where,
        "file_id": cited["document"],
        "filename": cited["uri"],
        "place": cited["place"],
        "quote": cited["text"],
        "quote_start": cited["start"],
        "quote_end": cited["end"],
    }
    if not cited["document"]:
        return {"type": "file_citation", "file_citation": file}
    url = f"{base}/document/{cited['document']}?start={cited['start']}&end={cited['end']}"
    title = f"{cited['uri'].rpartition('/')[2]}, {cited['place']}"
    return {
        "type": "url_citation",
        "url_citation": {**where, "url": url, "title": title},
        "file_citation": file,
    }


class Envelope:
    """What is the same in every part of one completion."""

    def __init__(self, model: str, ident: str) -> None:
        self.model, self.id, self.created = model, f"chatcmpl-{ident}", int(time.time())

    def whole(self, message: Mapping[str, Any], reason: str, usage: Any, more: Mapping[str, Any]) -> Any:
        """A completion that is sent as a whole."""
        said = {"role": "assistant", "refusal": None, **message}
        choice = {"index": 0, "message": said, "finish_reason": reason, "logprobs": None}
        return {**self._named("chat.completion"), "choices": [choice], "usage": usage, **more}

    def chunk(self, delta: Mapping[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
        """A part of one that is streamed."""
        choice = {"index": 0, "delta": dict(delta), "finish_reason": reason, "logprobs": None}
        return {**self._named("chat.completion.chunk"), "choices": [choice], **more}

    def usage(self, usage: Any) -> dict[str, Any]:
        """The last part of a stream, if it was asked for."""
        return {**self._named("chat.completion.chunk"), "choices": [], "usage": usage}

    def _named(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def usage(prompt: int, completion: int) -> dict[str, int]:
    """Tokens that were read and written."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


class Grown:
    """A text that grows: what is to be said of it next."""

    def __init__(self) -> None:
        self.said = ""

    def to(self, text: str) -> str:
        """What the text adds to what was said; "" where it does not begin with that: the next one may."""
        if not text.startswith(self.said):
            return ""
        added, self.said = text[len(self.said) :], text
        return added
