"""How an extract is shown: its sentences in order, below a line that says what the document is."""

import re
from collections.abc import Sequence

from tasks.reduce.candidates import Candidate
from tasks.reduce.kinds import Kind
from tasks.text.outline import Outline
from tasks.text.sentences import joined


def shown(sentences: Sequence[Candidate], kind: Kind) -> str:
    """One paragraph; a line for each where they are turns, entries or items."""
    if kind.fragments:
        return "\n".join(one.shown for one in sentences)
    return joined(one.shown for one in sentences)


def title_line(outline: Outline) -> str:
    """Such as "Lease of the mill (contract, 2024-03-05)"; "" where nothing is known of the document."""
    facts = ", ".join(fact for fact in ("" if outline.kind == "text" else outline.kind, outline.date) if fact)
    title = " ".join(outline.title.split())
    if not title:
        return facts.capitalize()
    return f"{title} ({facts})" if facts else title


_FACTS = re.compile(r" \([^()]*\)$")


def without_facts(title: str) -> str:
    """A title line without the kind and the date of the document."""
    return _FACTS.sub("", title)


def names_itself(sentence: str, title: str) -> bool:
    """Whether a document's title line is the beginning of this sentence of it: nothing is said twice then.

    A title that is called by its first words has its first sentence in it, or as much of it as there is room.
    """
    name = _letters(without_facts(title))
    return bool(name) and _letters(sentence).startswith(name)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text).casefold()
