"""The corpus: its documents by theme, each theme with the words that tell it from the others.

The idea: documents whose summaries mean alike are a theme. In the order of their hashes a document joins the
nearest leader, or leads a theme of its own if none is near (leader clustering, Hartigan 1975), so a document
that comes or goes changes its own theme and at most the name of another, unless it led one. A theme lists its
documents by title, with a sentence cited from each; nothing is merged from unrelated texts.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tasks.infer.cache_key import identity
from tasks.infer.quotes import Quote
from tasks.reduce.tree import SummaryNode
from tasks.text.counted import counted
from tasks.text.markup import readable
from tasks.text.words import STOP_WORDS

Vectors = Mapping[str, Sequence[float]]
"""Unit vector of each document's summary, by document."""

NEAR = 0.45
"""Least cosine to the leader of a theme."""
NAMES = 3
"""Words that name a theme."""
SHOWN = 12
"""Documents, and themes, that a record lists; it counts the others."""
_STOPS = ".!?।。 "
_WORD = re.compile(r"[^\W\d_]{3,}")
_FUNCTION = frozenset(word for words in STOP_WORDS.values() for word in words)


def corpus_tree(
    key: str, corpus: str, documents: Sequence[SummaryNode], vectors: Vectors, fan_in: int
) -> list[SummaryNode]:
    """Nodes of a corpus: its themes, and the corpus itself last; empty for no documents.

    Args:
        documents: each document's own node.
        fan_in: a theme of more than twice as many documents is cut into groups.
    """
    ordered = sorted(documents, key=lambda node: node.document)
    if not ordered:
        return []
    nodes: list[SummaryNode] = []
    themes: list[SummaryNode] = []
    counts = _document_counts(ordered)
    for members in _themes(ordered, vectors):
        name = _name(members, counts, len(ordered))
        level = members
        if len(members) > 2 * fan_in:
            level = [_theme(key, corpus, name, group) for group in _groups(members, fan_in)]
            nodes += level
        themes.append(_theme(key, corpus, name, members, level) if len(members) > 1 else members[0])
    nodes += [theme for theme in themes if theme.level == "corpus"]
    if len(themes) == 1 and themes[0].level == "corpus":
        return nodes
    return [*nodes, _corpus(key, corpus, ordered, themes)]


def _themes(ordered: Sequence[SummaryNode], vectors: Vectors) -> list[list[SummaryNode]]:
    """Documents by theme: the largest first, then in the order of their leaders."""
    matrix = np.array([vectors[node.document] for node in ordered], dtype=np.float32)
    leaders = _leaders(matrix)
    nearest = (matrix @ matrix[leaders].T).argmax(axis=1)
    themes: list[list[SummaryNode]] = [[] for _ in leaders]
    for node, at in zip(ordered, nearest, strict=True):
        themes[at].append(node)
    return sorted((theme for theme in themes if theme), key=lambda theme: -len(theme))


def _leaders(matrix: npt.NDArray[np.float32]) -> list[int]:
    leaders: list[int] = []
    room = np.zeros((16, matrix.shape[1]), dtype=np.float32)
    for at, vector in enumerate(matrix):
        if leaders and float((room[: len(leaders)] @ vector).max()) >= NEAR:
            continue
        if len(leaders) == len(room):
            room = np.concatenate([room, np.zeros_like(room)])
        room[len(leaders)] = vector
        leaders.append(at)
    return leaders


def _words(node: SummaryNode) -> set[str]:
    return {word for word in map(str.lower, _WORD.findall(node.text)) if word not in _FUNCTION}


def _document_counts(documents: Sequence[SummaryNode]) -> Counter[str]:
    return Counter(word for node in documents for word in _words(node))


def _name(members: Sequence[SummaryNode], counts: Counter[str], documents: int) -> str:
    """The words that most of a theme's documents share and few others have."""
    own = _document_counts(members)
    worth = {
        word: found / len(members) * math.log((documents + 1) / (counts[word] + 0.5))
        for word, found in own.items()
        if found > 1 or len(members) == 1
    }
    return ", ".join(sorted(worth, key=lambda word: (-worth[word], word))[:NAMES])


def _theme(
    key: str, corpus: str, name: str, members: Sequence[SummaryNode], children: Sequence[SummaryNode] = ()
) -> SummaryNode:
    """A theme's node: its name, and its documents with a sentence of each."""
    shown = members[:SHOWN]
    lines = [f"{name.capitalize() or 'Documents'}: {counted(len(members), 'document')}"]
    lines += [f"- {_titled(node)}" for node in shown]
    if len(members) > SHOWN:
        lines.append(f"- and {len(members) - SHOWN:,} more")
    below = tuple(child.id for child in children or members)
    return _node(
        identity("corpus", key, corpus, name, *below), corpus, lines, [_cited(node) for node in shown], below
    )


def _corpus(
    key: str, corpus: str, documents: Sequence[SummaryNode], themes: Sequence[SummaryNode]
) -> SummaryNode:
    """The corpus's own node: what it holds, and its themes with their titles."""
    kinds = Counter(node.kind or "text" for node in documents).most_common()
    held = ", ".join(f"{number:,} {kind}" for kind, number in kinds)
    lines = [f"{counted(len(documents), 'document')} ({held})"]
    for theme in themes[:SHOWN]:
        lines.append(theme.text if theme.level == "corpus" else f"- {_titled(theme)}")
    if len(themes) > SHOWN:
        lines.append(f"and {counted(len(themes) - SHOWN, 'more theme')}")
    quotes = [
        quote for theme in themes[:SHOWN] for quote in theme.quotes[: SHOWN if theme.level == "corpus" else 1]
    ]
    below = tuple(theme.id for theme in themes)
    return _node(identity("corpus", key, corpus, *below), corpus, lines, quotes, below)


def _titled(node: SummaryNode) -> str:
    """The title line of a document, and the sentence that is cited from it unless it is the title."""
    said = " ".join(readable(_cited(node).text).split())
    if not node.title or said.rstrip(_STOPS) == node.title.rstrip(_STOPS):
        return said
    return f"{node.title}: {said}"


def _cited(node: SummaryNode) -> Quote:
    """The sentence that stands for a document: the first of its summary."""
    return node.quotes[0]


def _node(
    name: str, corpus: str, lines: Sequence[str], quotes: Sequence[Quote], children: tuple[str, ...]
) -> SummaryNode:
    text = "\n".join(lines)
    return SummaryNode(
        name, "corpus", "", corpus, (0, 0), (0, 0), tuple(quotes), children, text, kind="corpus"
    )


def _groups(nodes: Sequence[SummaryNode], fan_in: int) -> Iterator[list[SummaryNode]]:
    """Content-defined groups of 2 to 2 * fan_in: a node whose id hashes to 0 mod fan_in closes its group."""
    group: list[SummaryNode] = []
    for index, node in enumerate(nodes):
        group.append(node)
        closes = int(node.id[:8], 16) % fan_in == 0 and len(group) > 1
        if (closes or len(group) == 2 * fan_in) and index + 1 < len(nodes):
            yield group
            group = []
    if group:
        yield group
