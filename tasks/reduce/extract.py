"""Extract: the sentences of a text that together tell what it is and says.

The idea: part of the summary is the text's own opening, as far as its kind has one. The rest is chosen one by
one: central sentences (`tasks.reduce.rank`), better those that open a section, that tell an aspect nothing
chosen has told, and that follow a chosen sentence, since a run of sentences reads better than as many apart;
less what repeats the chosen ones (maximal marginal relevance, Carbonell and Goldstein 1998).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.reduce.candidates import Candidate
from tasks.reduce.kinds import Kind
from tasks.reduce.rank import Coverage, Floats, ranks
from tasks.text.roles import Role

INTRODUCTION = 1.1
"""Share of a summary that a document's introduction may take, to be told in full."""
_INTRODUCTION = re.compile(
    r"^\W*(?:\d+\W+)?(?:introduction|abstract|(?:executive )?summary|overview|einleitung|zusammenfassung|"
    r"r\u00e9sum\u00e9|introducci\u00f3n|resumen|introduzione|sommario|"
    r"\u6458\u8981|\u6982\u8981|\u524d\u8a00)\b",
    re.IGNORECASE,
)
SECTION_START = (0.1, 0.05)
"""What the first and the second sentence of a section gain."""
PARTS = 8
"""Parts of a text, each of which should be told of."""
GAP = 300
"""Characters between two sentences of which one follows the other: a heading may stand between them."""
RUN = 0.8
"""Of what the sentence before it gained, what the next sentence of a run gains."""
DEPENDENT = 0.15
"""What a sentence loses that leans on one before it, unless that is chosen."""
LOSSES = {Role.DEPENDENT: DEPENDENT, Role.LEGAL: 0.3}
"""What sentences of a role lose; a legal notice stands in any document of its kind."""
SALIENCE = 0.05
"""What a sentence gains for each standard deviation of salience, where that was asked for."""
CAPITALS = 0.3
"""What a sentence in capital letters loses."""
REPEATS = 0.5
"""What a sentence loses for each unit of cosine to the nearest chosen one."""
TOO_ALIKE = 0.8
"""A sentence this near to a chosen one says nothing new."""
MOST_CANDIDATES = 1200
"""Similarities are computed among so many sentences at most; a longer text is extracted part by part."""


def extract(sentences: Sequence[Candidate], words: int, kind: Kind, opens: bool = True) -> list[Candidate]:
    """Sentences of about `words` words in all, in order: the last one may exceed them.

    Args:
        opens: whether the text is the beginning of its document.
    """
    if not sentences:
        return []
    if sum(one.words for one in sentences) <= words:
        return list(sentences)
    choice = _Choice(sentences, kind, opens)
    if opens and kind.opening:
        choice.take_opening(words)
    while choice.words < words and (best := choice.best()) is not None:
        choice.take(best)
    return [sentences[at] for at in sorted(choice.taken)]


@dataclass
class _Choice:
    """What is chosen of some sentences so far, and what each of the others is worth next."""

    sentences: Sequence[Candidate]
    kind: Kind
    opens: bool
    words: int = 0
    taken: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        terms = [one.terms for one in self.sentences]
        found = ranks(terms)
        self.similarity = found.similarity
        self.coverage = Coverage(terms) if self.kind.coverage else None
        self.told = np.array(
            [[number in one.tells for one in self.sentences] for number in range(len(self.kind.aspects))]
        )
        self.value = self._value(found.centrality)
        count = len(self.sentences)
        self.nearest = np.zeros(count, np.float32)
        self.follows = np.zeros(count, np.float32)
        self.open_aspects = set(range(len(self.kind.aspects)))
        begin, end = self.sentences[0].start, self.sentences[-1].end
        starts = np.array([one.start for one in self.sentences])
        self.part = (starts - begin) * PARTS // max(1, end - begin)
        self.untold = np.ones(PARTS, np.float32)

    def _value(self, centrality: Floats) -> Floats:
        """What each sentence is worth whatever else is chosen."""
        count = len(self.sentences)
        value = np.zeros(count, np.float32) if self.coverage else centrality.copy()
        for at, one in enumerate(self.sentences):
            value[at] += SECTION_START[one.nth] if one.nth < len(SECTION_START) else 0.0
            value[at] -= LOSSES.get(one.role, 0.0) + CAPITALS * one.shown.isupper()
        if self.opens:
            value += self.kind.early * (1 - np.arange(count, dtype=np.float32) / count)
        salience = np.array([one.salience for one in self.sentences], np.float32)
        if salience.any():
            value += SALIENCE * (salience - salience.mean()) / max(float(salience.std()), 1e-9)
        for aspect, told in zip(self.kind.aspects, self.told, strict=True):
            value += min(aspect.weight, 0.0) * told
        return value

    def take_opening(self, words: int) -> None:
        """The first sentences: the kind's share of `words`, or an introduction in full where that fits."""
        first = self.sentences[0].section
        whole = [one for one in self.sentences if one.section == first]
        fits = bool(_INTRODUCTION.search(first)) and sum(one.words for one in whole) <= INTRODUCTION * words
        for at, one in enumerate(self.sentences):
            if self.words >= self.kind.opening * words and not (fits and one.section == first):
                return
            notice = one.role is Role.LEGAL or one.shown.isupper()
            if self.nearest[at] < TOO_ALIKE and not notice:
                self.take(at, opening=True)

    def best(self) -> int | None:
        """The sentence that is worth most now; None if every one left repeats a chosen one."""
        worth = self.value + self.follows + self._aspects() - REPEATS * self.nearest
        worth += self.kind.spread * self.untold[self.part]
        if self.coverage:
            worth += self.kind.coverage * self.coverage.gains()
        worth[self.nearest >= TOO_ALIKE] = -np.inf
        worth[self.taken] = -np.inf
        best = int(worth.argmax())
        return best if np.isfinite(worth[best]) else None

    def _aspects(self) -> Floats:
        gains = np.zeros(len(self.sentences), np.float32)
        for aspect in self.open_aspects:
            np.maximum(gains, self.told[aspect] * self.kind.aspects[aspect].weight, out=gains)
        return gains

    def take(self, at: int, opening: bool = False) -> None:
        """Choose a sentence."""
        one = self.sentences[at]
        self.taken.append(at)
        self.words += one.words
        if self.coverage:
            self.coverage.take(at)
        self.untold[self.part[at]] = 0.0
        np.maximum(self.nearest, self.similarity[at], out=self.nearest)
        self.open_aspects = {aspect for aspect in self.open_aspects if not self.told[aspect][at]}
        if at + 1 < len(self.sentences) and self.sentences[at + 1].start - one.end <= GAP:
            before = float(self.follows[at])
            gain = before * RUN if before and not opening else self.kind.follows
            leans = self.sentences[at + 1].role is Role.DEPENDENT and not before
            self.follows[at + 1] = gain + DEPENDENT * leans
