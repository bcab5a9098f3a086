"""Redaction: values that shall not be kept are blacked out of a text as it is parsed, before anything else.

The idea: a value gives way to as many marks as it has characters, so every place in the text stays where it
is, and nothing behind the parser ever sees it. A value may begin in one span and end in a later one, so the
last spans are held back until nothing that begins before them can reach into them.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from tasks.ingest.parse.base import SPAN_CHARS, Item, Omitted, TextSpan
from tasks.text.private import LONGEST, private

MARK = "\u2588"
NAMES = {
    "email": "redacted e-mail",
    "phone": "redacted phone number",
    "iban": "redacted account number",
    "card": "redacted card number",
    "secret": "redacted secret",
}
"""What one value is called where they are counted."""
_CONTEXT = 512
"""Characters before a value that tell what it is, such as "password:"."""


def redacted(items: Iterable[Item], kinds: Collection[str]) -> Iterator[Item]:
    """The same items without values of these kinds, and how many there were of each, as `Omitted`."""
    held = _Held(kinds)
    for item in items if kinds else ():
        if held.spans and item.part != held.spans[0].part:
            yield from held.release(whole=True)
        if not isinstance(item, TextSpan):
            yield item
            continue
        item = replace(item, label=masked(item.label, kinds), reason=masked(item.reason, kinds))
        if not item.text:
            yield item
            continue
        held.spans.append(item)
        held.chars += len(item.text)
        if held.chars > 2 * SPAN_CHARS:
            yield from held.release(whole=False)
    yield from held.release(whole=True)
    yield from () if kinds else items


def masked(text: str, kinds: Collection[str]) -> str:
    """A text without values of these kinds."""
    for one in private(text, kinds):
        text = _marked(text, one.start, one.end)
    return text


def _marked(text: str, start: int, end: int) -> str:
    """The text with marks in the place of these characters; lines end where they did."""
    marks = "".join(char if char == "\n" else MARK for char in text[start:end])
    return text[:start] + marks + text[end:]


class _Held:
    """Spans of one document that are not passed on yet, and the text before them."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.kinds = kinds
        self.spans: list[TextSpan] = []
        self.chars = 0
        """Of these spans."""
        self.before = ""

    def release(self, whole: bool) -> Iterator[Item]:
        """Pass on what is held, but for the last spans unless it is the `whole` rest of its document."""
        if not self.spans:
            return
        said = "".join(span.text for span in self.spans)
        rest = said if whole else said[: len(said) - LONGEST]
        count = end = 0
        for span in self.spans:
            if end + len(span.text) > len(rest):
                break
            count, end = count + 1, end + len(span.text)
        said, found = self._without(said, end)
        for kind, number in found.items():
            yield Omitted(NAMES[kind], number, self.spans[0].part)
        at, spans = 0, list[TextSpan]()
        for span in self.spans:
            spans.append(replace(span, text=said[at : at + len(span.text)]))
            at += len(span.text)
        self.before = "" if whole else (self.before + said[:end])[-_CONTEXT:]
        self.spans, self.chars = spans[count:], len(said) - end
        yield from spans[:count]

    def _without(self, said: str, end: int) -> tuple[str, Counter[str]]:
        """The text without the values that begin before `end`, and how many of each kind those are."""
        text, first = self.before + said, len(self.before)
        found, covered = Counter[str](), first
        for one in private(text, self.kinds):
            if one.end > covered and one.start < first + end:
                text = _marked(text, max(one.start, first), one.end)
                found[one.kind] += 1
                covered = one.end
        return text[first:], found
