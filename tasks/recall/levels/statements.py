"""Statements of a session: the sentences of rounds that were found, ready to be judged.

The idea: they are judged as those of documents are (`tasks.recall.ask.support`), by the same question. What
stands around a sentence is its round and what was said before; what names it is who talks in the session.
"""

import re
from collections.abc import Iterator, Sequence

from tasks.recall.ask.question import Asked
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.values import expected
from tasks.recall.levels.level import Item, Question
from tasks.recall.terms import stems, terms
from tasks.text.sentences import sentences


def asked(question: Question, items: Sequence[Item]) -> Asked:
    """The question as statements of these items are judged by: its terms, weighted by how rare they are."""
    found = tuple(terms(question.text))
    said = stems("\n".join(one.place.context for one in items))
    rounds = frozenset(_document(one) for one in items)
    held = {
        one.stem: rounds if question.held.get(one.stem) or one.stem in said else frozenset() for one in found
    }
    naming = frozenset(one.stem for one in found if one.kind == "name")
    return Asked(question.text, found, question.weights, held, expected(question.text), naming)


def statements(items: Sequence[Item]) -> Iterator[tuple[Item, Statement]]:
    """Every sentence of some items, with the item that it is from."""
    head = "\n".join(f"{speaker}: " for speaker in sorted({one.said.speaker for one in items}))
    for item in items:
        text, place = item.said.text, item.place
        spans = sentences(text)
        for number, (start, end) in enumerate(spans):
            if not place.start <= start < place.end:
                continue
            yield (
                item,
                Statement(
                    text=text[start:end],
                    document=_document(item),
                    start=start,
                    end=end,
                    before=text[spans[number - 1][0] : start] if number else "",
                    after=text[end : spans[number + 1][1]] if number + 1 < len(spans) else "",
                    passage=place.context,
                    head=head,
                    speaker=f"{item.said.speaker} {item.said.day}",
                    rank=item.score,
                    cosine=item.cosine,
                    cosine_context=item.cosine,
                    sources=(),
                    stands=True,
                ),
            )


_REFERS = re.compile(
    r"\b(?:he|she|they|it|him|her|hers|them|his|their|theirs|its|this|that)\b", re.IGNORECASE
)
_SPOKEN_TO = re.compile(r"\byou(?:r|rs|'re|'ve)?\b", re.IGNORECASE)


def is_about(about: Asked, one: Statement) -> bool:
    """Whether a statement can be about whom the question names: it names them or they say it, it refers to
    somebody whom the sentence before names, or it is said to the other speaker, whom the question names.
    What merely stands beside a name is about somebody else: "Ines plays the harp. Oskar sends regards"."""
    names = {term.stem for term in about.terms if term.kind == "name"}
    if not names or names & stems(f"{one.speaker}\n{one.text}"):
        return True
    if _REFERS.search(one.text) and names & stems(one.before or one.passage):
        return True
    return bool(names & stems(one.head)) and _SPOKEN_TO.search(one.text) is not None


def _document(item: Item) -> str:
    """What the statements of a round call their document."""
    return f"round {item.said.number}"
