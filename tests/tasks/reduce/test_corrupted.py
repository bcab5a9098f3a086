"""What is true of a few sentences is true of many: hardly a corrupted one of hundreds is supported.

The text is Python's own language reference, which lies on every machine; each sentence is judged among its
neighbours, as it stands and with a number, a name, a negation or a modal verb changed.

Run: pytest tests/tasks/reduce/test_corrupted.py
"""

import random
import re
from collections.abc import Iterator, Sequence
from pydoc_data.topics import topics

from tasks.reduce.grounding import support
from tasks.reduce.language import language
from tasks.text.sentences import is_finished, sentences

ENGLISH = language("english")
EXCHANGED = {"not": "", "may": "must", "must": "may", "can": "must", "or": "and", "if": "and", "unless": "if"}
_NUMBER = re.compile(r"\b\d+(?:\.\d+)*\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{2,}\b")


def prose() -> list[str]:
    """Whole sentences of the reference."""
    found = []
    for topic in sorted(topics):
        text = str(topics[topic])
        found += [" ".join(text[start:end].split()) for start, end in sentences(text)]
    return [one for one in found if is_finished(one) and 40 < len(one) < 300 and one[0].isupper()]


SENTENCES = prose()
CHOSEN = random.Random(7).sample(range(20, len(SENTENCES) - 20), 150)


def beside(at: int) -> list[str]:
    return SENTENCES[at - 15 : at + 15]


def exchanged(sentence: str, pattern: re.Pattern[str], others: Sequence[str]) -> Iterator[str]:
    """The sentence with its first match exchanged for one of its neighbours', if it and they have any."""
    own = pattern.findall(sentence)
    new = [word for other in others for word in pattern.findall(other) if word not in sentence]
    if own and new:
        yield sentence.replace(own[0], new[0], 1)


def corrupted(at: int) -> Iterator[str]:
    sentence, others = SENTENCES[at], beside(at)
    yield from exchanged(sentence, _NUMBER, others)
    yield from exchanged(sentence, _NAME, others)
    for word, instead in EXCHANGED.items():
        if f" {word} " in sentence:
            yield " ".join(sentence.replace(f" {word} ", f" {instead} ", 1).split())
    if match := re.search(r" (is|are|was|may|must|can|will) ", sentence):
        yield f"{sentence[: match.end()]}not {sentence[match.end() :]}"


def test_what_stands_word_for_word_is_supported() -> None:
    held = [bool(support(SENTENCES[at], beside(at), ENGLISH)) for at in CHOSEN]
    assert sum(held) == len(held)


def test_hardly_any_corrupted_sentence_is_supported() -> None:
    wrong = [(at, one) for at in CHOSEN for one in corrupted(at)]
    accepted = [one for at, one in wrong if support(one, beside(at), ENGLISH)]
    assert len(wrong) > 150
    assert len(accepted) <= 0.01 * len(wrong), accepted
