"""The corpus: its documents by theme, each theme with the words that tell it from the others.

The idea: documents whose summaries mean alike are a theme, if they share words by which they differ from the
others. A document joins the nearest leader, or leads a theme of its own if none is near (leader clustering,
Hartigan 1975), those first that have most others near them. A document that comes or goes changes its own
theme and at most the name of another, as a rule. A theme lists its documents by title, with a sentence cited
from each; nothing is merged from unrelated texts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tasks.infer.cache_key import identity
from tasks.infer.quotes import Quote
from tasks.reduce.names import Names
from tasks.reduce.shown import names_itself
from tasks.reduce.tree import SummaryNode
from tasks.text.counted import counted, of_kind
from tasks.text.markup import readable

Floats = npt.NDArray[np.float32]
Vectors = Mapping[str, Sequence[float]]
"""Unit vector of each document's summary, by document."""

NEAR = 0.38
"""Least cosine to the leader of a theme."""
CLOSER = 0.08
"""By so much it rises for documents that share no name."""
SAMPLE = 1000
"""Documents among which those near another are counted."""
SHOWN = 12
"""Documents, and themes, that a record lists; it counts the others."""
NO_THEME = "Of no theme"
"""What stands above documents that share none."""


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
    names = Names(ordered)
    for members, name in _themes(ordered, vectors, names):
        level = members
        if len(members) > 2 * fan_in:
            level = [theme_node(key, corpus, name, group) for group in _groups(members, fan_in)]
            nodes += level
        themes.append(theme_node(key, corpus, name, members, level) if len(members) > 1 else members[0])
    nodes += [theme for theme in themes if theme.level == "corpus"]
    if len(themes) == 1 and themes[0].level == "corpus":
        return nodes
    return [*nodes, corpus_node(key, corpus, ordered, themes)]


def _themes(
    ordered: Sequence[SummaryNode], vectors: Vectors, names: Names
) -> Iterator[tuple[list[SummaryNode], str]]:
    """Documents by theme, each with its name: the largest first; then those of none, each with ""."""
    matrix = np.array([vectors[node.document] for node in ordered], dtype=np.float32)
    found = sorted(_named(ordered, matrix, names, NEAR), key=lambda theme: -len(theme[0]))
    themed = {node.document for members, _ in found for node in members}
    yield from found
    yield from (([node], "") for node in ordered if node.document not in themed)


def _named(
    nodes: Sequence[SummaryNode], matrix: Floats, names: Names, near: float
) -> Iterator[tuple[list[SummaryNode], str]]:
    """The themes that have a name; documents that share none may do so with those that are nearer still."""
    for members in _alike(matrix, near):
        some = [nodes[at] for at in members]
        if len(some) < 2:
            continue
        if name := names.of(some):
            yield [node for node in some if node.document in name.bearers], name.text
        elif near + CLOSER < 1:
            yield from _named(some, matrix[members], names, near + CLOSER)


def _alike(matrix: Floats, near: float) -> list[list[int]]:
    """Groups of rows: each of those near the centre of what is near a leader."""
    leaders = _leaders(matrix, near)
    nearest = (matrix @ matrix[leaders].T).argmax(axis=1)
    centres = np.stack([matrix[nearest == at].mean(axis=0) for at in range(len(leaders))])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    nearest = (matrix @ centres.T).argmax(axis=1)
    return [np.flatnonzero(nearest == at).tolist() for at in range(len(leaders))]


def _leaders(matrix: Floats, near: float) -> list[int]:
    """Rows of which no two are near each other, those first that have most others near them."""
    leaders: list[int] = []
    room = np.zeros((16, matrix.shape[1]), dtype=np.float32)
    sample = matrix[:SAMPLE]
    cosines = (matrix[at : at + SAMPLE] @ sample.T for at in range(0, len(matrix), SAMPLE))
    density = np.concatenate([np.where(some >= near, some, 0).sum(axis=1) for some in cosines])
    for at in np.argsort(-density, kind="stable"):
        if leaders and float((room[: len(leaders)] @ matrix[at]).max()) >= near:
            continue
        if len(leaders) == len(room):
            room = np.concatenate([room, np.zeros_like(room)])
        room[len(leaders)] = matrix[at]
        leaders.append(int(at))
    return leaders


def theme_node(
    key: str, corpus: str, name: str, members: Sequence[SummaryNode], children: Sequence[SummaryNode] = ()
) -> SummaryNode:
    """A theme's node: its name, and its documents with a sentence of each."""
    shown = sorted(members[:SHOWN], key=_by_title)
    lines = [f"{name}: {counted(len(members), 'document')}"]
    lines += [f"- {_titled(node)}" for node in shown]
    if len(members) > SHOWN:
        lines.append(f"- and {len(members) - SHOWN:,} more")
    below = tuple(child.id for child in children or members)
    return _node(identity("corpus", key, corpus, name, *below), corpus, lines, _cited(shown), below)


def corpus_node(
    key: str, corpus: str, documents: Sequence[SummaryNode], themes: Sequence[SummaryNode]
) -> SummaryNode:
    """The corpus's own node: what it holds, its themes with their titles, and the documents of none."""
    kinds = Counter(node.kind or "text" for node in documents).most_common()
    held = ", ".join(of_kind(number, kind) for kind, number in kinds)
    lines = [f"{counted(len(documents), 'document')} ({held})"]
    named, alone = ([one for one in themes if (one.level == "corpus") is told] for told in (True, False))
    lines += [theme.text for theme in named[:SHOWN]]
    if len(named) > SHOWN:
        lines.append(f"and {counted(len(named) - SHOWN, 'more theme')}")
    if named and alone:
        lines.append(f"{NO_THEME}: {counted(len(alone), 'document')}")
    alone.sort(key=_by_title)
    lines += [f"- {_titled(node)}" for node in alone[:SHOWN]]
    if len(alone) > SHOWN:
        lines.append(f"- and {len(alone) - SHOWN:,} more")
    quotes = [quote for theme in named[:SHOWN] for quote in theme.quotes[:SHOWN]]
    below = tuple(theme.id for theme in themes)
    return _node(
        identity("corpus", key, corpus, *below), corpus, lines, quotes + _cited(alone[:SHOWN]), below
    )


def _by_title(node: SummaryNode) -> tuple[str, str]:
    return node.title.casefold(), node.document


def _titled(node: SummaryNode) -> str:
    """The title line of a document, and the sentence that is cited from it unless it is the title."""
    if not node.is_told:
        return node.title
    said = " ".join(readable(node.quotes[0].text).split())
    return said if names_itself(said, node.title) else f"{node.title}: {said}"


def _cited(documents: Sequence[SummaryNode]) -> list[Quote]:
    """Of each document what stands for it: the first quote of its summary."""
    return [quote for node in documents for quote in node.quotes[:1]]


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
