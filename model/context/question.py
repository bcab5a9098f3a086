# ruff: noqa: RUF001 - punctuation of other languages is meant
"""The question of a prompt: which of its tokens ask, and how it is put to the model.

The idea: a caller may say where it begins; a chat template says what a user's message is; text says by its
own form what it asks (see `model.context.asked`). A model with a chat template is asked through it, behind
what was chosen for the question, so that its answer ends as it was taught to end; any other in the prompt's
own words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from model.context.asked import Asked, at_the_end, at_the_start
from model.context.wording import Wording

GIVEN, TEMPLATE, FORM, LIKELIHOOD = "question_ids", "template", "form", "likelihood"
"""By what a question is told from the text."""
_MARKS = ("?", "？", "؟")
LONGEST = 512
"""Tokens of a question; more are a text."""
SHORT = 64
"""Tokens of a message that is a question as a whole, and of an end whose likelihood tells."""


@dataclass(frozen=True)
class Question:
    """What a prompt asks."""

    start: int
    stop: int
    """Its first token in the prompt, and the one behind its last."""
    told: str
    """By what: GIVEN, TEMPLATE, FORM or LIKELIHOOD."""
    text: str = ""
    """Its words without labels; "" where they are not known."""

    def rendered(self, wording: Wording | None) -> bool:
        """Whether it is put through a chat template."""
        return wording is not None and bool(self.text) and wording.turn is not None

    def asked(
        self, prompt: Sequence[int], wording: Wording | None, alone: bool, quote: str = ""
    ) -> list[int]:
        """The tokens that are put to the model.

        Args:
            alone: nothing stands before them, so that a conversation begins with them.
            quote: what is quoted before the question, see `model.context.lines`.
        """
        turn = wording.turn if wording else None
        if wording is None or turn is None or not self.text:
            before = wording.encode(f"\n\n{quote}") if wording and quote else []
            ids = [*before, *prompt[self.start : self.stop]]
            return ids if self.stop == len(prompt) or wording is None else [*ids, *wording.encode("\n")]
        if alone:
            return wording.encode(wording.chat(self.text))
        before_it = f"{quote}\n\n" if quote else ""
        return wording.encode(f"\n\n{turn.opening}{before_it}{self.text}{turn.closing}")

    def stops(self, wording: Wording | None) -> frozenset[int]:
        """Tokens that end its answer, beside the model's own."""
        turn = wording.turn if wording and self.rendered(wording) else None
        return frozenset(wording.encode(turn.end)[-1:] if wording and turn and turn.end else ())

    def votes(self, prompt: Sequence[int], wording: Wording | None) -> list[list[int]]:
        """Tokens that vote for blocks: its words, without what a template or labels add.

        Questions on lines of their own vote one by one: each has a place of its own.
        """
        if wording is None or not self.text:
            return [list(prompt[self.start : self.stop])]
        lines = [line.strip() for line in self.text.splitlines() if line.rstrip().endswith(_MARKS)]
        return [wording.encode(f"\n\n{text}") for text in (lines if len(lines) > 1 else [self.text])]

    def as_written(self, tokens: int) -> "Question":
        """The last of a prompt's tokens as it is, instead of words put through a template."""
        return replace(self, start=tokens - 1, stop=tokens, text="")


def given(prompt: Sequence[int], length: int, wording: Wording | None) -> Question:
    """The question that a caller says the prompt ends with."""
    start = len(prompt) - length
    text = wording.decode(prompt[start:]) if wording else ""
    return Question(start, len(prompt), GIVEN, _bare(text, at_the_end(text)))


def found(prompt: Sequence[int], wording: Wording | None) -> Question | None:
    """The question of a prompt, if its template or its form tells where it is."""
    if wording is None:
        return None
    if (said := _message(prompt, wording)) is not None:
        begin, stop = said
        inner = _in_text(prompt[begin:stop], wording) or _one_of(prompt[begin:stop], wording)
        whole = len(prompt) - stop if inner.stop == stop - begin else 0
        return replace(inner, start=begin + inner.start, stop=begin + inner.stop + whole, told=TEMPLATE)
    return _in_text(prompt, wording)


def last_paragraph(prompt: Sequence[int], wording: Wording | None) -> int:
    """Where the end of a prompt begins that may ask: with its last paragraph if that is short."""
    end = max(0, len(prompt) - SHORT)
    text = wording.decode(prompt[end:]).rstrip() if wording and end else ""
    blank = text.rfind("\n\n")
    return end if blank < 0 else end + wording.token_at(prompt[end:], blank) if wording else end


def _message(prompt: Sequence[int], wording: Wording) -> tuple[int, int] | None:
    """First and last token of the user's message that a conversation ends with."""
    turn = wording.turn
    if turn is None:
        return None
    closing = wording.encode(turn.closing)
    opening = wording.encode(turn.opening)
    stop = len(prompt) - len(closing)
    if stop < 0 or list(prompt[stop:]) != closing:
        return None
    first = opening[0]
    for start in range(stop - len(opening), -1, -1):
        if prompt[start] == first and list(prompt[start : start + len(opening)]) == opening:
            return start + len(opening), stop
    return None


def _in_text(ids: Sequence[int], wording: Wording) -> Question | None:
    """The question that a text ends or begins with."""
    tail = max(0, len(ids) - LONGEST)
    text = wording.decode(ids[tail:])
    if (asked := at_the_end(text)) is not None:
        start = tail + wording.token_at(ids[tail:], asked.start)
        return Question(start, len(ids), FORM, _bare(text, asked))
    head = ids[:LONGEST]
    text = wording.decode(head)
    if (asked := at_the_start(text)) is None:
        return None
    return Question(0, wording.token_at(head, asked.stop), FORM, _bare(text, asked))


def _one_of(ids: Sequence[int], wording: Wording) -> Question:
    """A message that asks in no form that is known: all of a short one, or the shorter of its ends."""
    text = wording.decode(ids[-LONGEST:])
    if len(ids) <= SHORT:
        return Question(0, len(ids), TEMPLATE, text.strip())
    head = wording.decode(ids[:LONGEST])
    first, last = head.split("\n\n", 1)[0], text.rstrip().rsplit("\n\n", 1)[-1]
    if len(first) < len(last):
        return Question(0, wording.token_at(ids[:LONGEST], len(first)), TEMPLATE, first.strip())
    tail = max(0, len(ids) - LONGEST)
    start = tail + wording.token_at(ids[tail:], max(0, len(text.rstrip()) - len(last)))
    return Question(start, len(ids), TEMPLATE, last.strip())


def _bare(text: str, asked: Asked | None) -> str:
    """A question's words, without labels before and behind."""
    if asked is None:
        return text.strip()
    words = text[asked.start : asked.stop].strip()
    return words.removeprefix(asked.label).removesuffix(asked.answer).strip()
