"""BM25 with stop-words and a stemmer, over texts in memory, small enough to check by hand."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from tasks.text.scripts import words
from tasks.text.stems import stem
from tasks.text.stop_words import STOP_WORDS

K1, B = 1.5, 0.75


def terms(text: str) -> list[str]:
    """Stems of the words of `text` in order, without stop-words."""
    apart = text.lower().replace("'", " ").replace("\u2019", " ")
    return [stem(word, "english") for word in words(apart) if word not in STOP_WORDS]


class Bm25:
    """Okapi BM25 over a few thousand texts (Robertson and Zaragoza 2009), with the idf that is never < 0."""

    def __init__(self, texts: Sequence[str]) -> None:
        lengths = []
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, text in enumerate(texts):
            counts = Counter(terms(text))
            lengths.append(counts.total())
            for term, count in counts.items():
                self.postings[term].append((number, count))
        mean = sum(lengths) / max(1, len(lengths)) or 1.0
        self.norms = [K1 * (1 - B + B * length / mean) for length in lengths]

    def scores(self, question: str) -> list[float]:
        """One score per text: the sum over question terms of idf * tf (K1 + 1) / (tf + norm)."""
        scores = [0.0] * len(self.norms)
        for term in terms(question):
            found = self.postings.get(term, [])
            idf = math.log(1 + (len(scores) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                scores[number] += idf * count * (K1 + 1) / (count + self.norms[number])
        return scores

    def rank(self, question: str, k: int) -> list[int]:
        """The best `k` texts, best first; equal ones in their order, so that there are always `k`."""
        scores = self.scores(question)
        return sorted(range(len(scores)), key=lambda number: (-scores[number], number))[:k]
