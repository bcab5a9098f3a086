"""Grounding: a written sentence is stored only with the source sentences, at most three, that support it.

Models err by joining true pieces: the subject of one sentence with the year of another. So support is not
a count of shared words. Each clause of a written sentence must be a source sentence with words left out
(`alignment`): numbers, names, negations, modal verbs and conditions exact, words in their order. Another
clause may come from another source sentence if it brings its own subject, or shares the first one's. Last,
the model itself must find the sentence likelier with its support than without. The rest is dropped.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tasks.reduce.alignment import Token, shortens, tokens
from tasks.reduce.language import Language, language_in
from tasks.settings import GroundConfig
from tasks.text.sentences import is_finished, joined, sentences

MOST_SPANS = 3
MOST_SUBJECT = 4
"""Tokens of a subject that later clauses may share, or a pronoun may stand for."""
LEAST_CLAUSE = 2
"""Words, names and numbers of a clause that can have a support of its own."""

Gains = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
"""Of (support, sentence) pairs: how much likelier each sentence is behind its support, in nats per token."""


@dataclass(frozen=True)
class Supported:
    """A written sentence, and the numbers of the spans that support it, in their order."""

    text: str
    spans: tuple[int, ...]


@dataclass(frozen=True)
class Grounded:
    """The supported sentences of a draft."""

    kept: tuple[Supported, ...]
    dropped: int

    @property
    def summary(self) -> str:
        return joined(sentence.text for sentence in self.kept)

    @property
    def spans(self) -> tuple[int, ...]:
        """Numbers of all spans that support something, each once."""
        return tuple(sorted({number for sentence in self.kept for number in sentence.spans}))


class _Spans:
    """The source sentences of one draft, as its clauses are compared with them."""

    def __init__(self, spans: Sequence[str], speech: Language, apart: Collection[int]) -> None:
        self.speech, self.apart = speech, apart
        self.tokens = [tokens(span, speech) for span in spans]
        self.forms = [frozenset(token.form for token in span) for span in self.tokens]

    def of(self, clause: Sequence[Token]) -> list[tuple[int, ...]]:
        """Supports of a clause: one span, or a span that begins with a pronoun and the one before it."""
        forms = {token.form for token in clause}
        found: list[tuple[int, ...]] = [
            (number,)
            for number, span in enumerate(self.tokens)
            if forms <= self.forms[number] and shortens(clause, span, self.speech)
        ]
        return found or [
            pair for number in range(1, len(self.tokens)) if (pair := self._resolved(clause, number))
        ]

    def _resolved(self, clause: Sequence[Token], number: int) -> tuple[int, ...]:
        """Support of "The museum holds carriages" by "The museum opened. It holds carriages."."""
        span, before = self.tokens[number], self.tokens[number - 1]
        if number not in self.apart and span and span[0].kind == "pronoun":
            for size in range(1, min(MOST_SUBJECT, len(clause) - 1) + 1):
                subject, rest = clause[:size], [span[0], *clause[size:]]
                if shortens(rest, span, self.speech) and _begins(subject, before):
                    return (number - 1, number)
        return ()


def _begins(subject: Sequence[Token], sentence: Sequence[Token]) -> bool:
    """Whether a sentence begins with just these tokens."""
    return [token.form for token in sentence[: len(subject)]] == [token.form for token in subject]


def support(
    sentence: str, spans: Sequence[str], speech: Language | None = None, apart: Collection[int] = ()
) -> tuple[int, ...]:
    """Numbers of the source sentences (at most three) that support a sentence; none where nothing does.

    Args:
        spans: single source sentences, in the order of the document.
        speech: language of both; by default that of the sentence and the spans together.
        apart: numbers of the spans that do not directly follow the one before.
    """
    speech = speech or language_in(" ".join([sentence, *spans]))
    draft = tokens(sentence, speech)
    return _cover(draft, 0, _Spans(spans, speech, apart), ()) or ()


def _cover(
    draft: Sequence[Token], start: int, spans: _Spans, used: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Support of draft[start:], in as few parts as there can be; None where there is none."""
    if start == len(draft):
        return tuple(sorted(set(used)))
    for stop in [end for end in range(len(draft), start, -1) if _is_boundary(draft, end)]:
        if not _says_something(draft[start:stop]) or not (
            stop == len(draft) or _says_something(draft[stop:])
        ):
            continue
        for found in _supports(draft, start, stop, spans):
            together = (*used, *found)
            if len(set(together)) <= MOST_SPANS and (whole := _cover(draft, stop, spans, together)):
                return whole
    return None


def _says_something(part: Sequence[Token]) -> bool:
    return sum(token.kind in ("word", "name", "number") for token in part) >= LEAST_CLAUSE


def _is_boundary(draft: Sequence[Token], end: int) -> bool:
    return end == len(draft) or draft[end].clause != draft[end - 1].clause


def _supports(draft: Sequence[Token], start: int, stop: int, spans: _Spans) -> list[tuple[int, ...]]:
    """Supports of one part of a draft: a part that does not name its subject shares that of the draft."""
    part = draft[start:stop]
    if start == 0 or part[0].kind == "name" or spans.speech.articles & {*part[0].run}:
        return spans.of(part)
    sizes = range(1, min(MOST_SUBJECT, start) + 1)
    return [found for size in sizes for found in spans.of([*draft[:size], *part])]


def ground(
    text: str,
    spans: Sequence[str],
    config: GroundConfig,
    gains: Gains | None = None,
    apart: Collection[int] = (),
) -> Grounded:
    """Keep the finished, new, supported sentences of a draft.

    Args:
        spans: single source sentences, in the order of the document.
        gains: the model's own judgement of each sentence behind its support; not asked where it is None.
        apart: numbers of the spans that do not directly follow the one before.
    """
    speech = language_in(" ".join([text, *spans]))
    kept: list[Supported] = []
    drafted = [text[start:end] for start, end in sentences(text)]
    for sentence in drafted:
        if is_finished(sentence) and all(sentence != other.text for other in kept):
            found = support(sentence, spans, speech, apart)
            if found and _is_self_contained(sentence, found, kept, speech):
                kept.append(Supported(sentence, found))
    if gains and kept:
        pairs = [("\n".join(spans[number] for number in one.spans), one.text) for one in kept]
        kept = [one for one, gain in zip(kept, gains(pairs), strict=True) if gain >= config.gain]
    return Grounded(tuple(kept), len(drafted) - len(kept))


def _is_self_contained(
    sentence: str, found: tuple[int, ...], kept: Sequence[Supported], speech: Language
) -> bool:
    """Whether a pronoun at its beginning means what the sentence before it in the summary names."""
    first = tokens(sentence, speech)[0]
    if first.kind != "pronoun":
        return True
    return bool(kept) and found[0] - 1 in kept[-1].spans
