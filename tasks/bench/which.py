"""Which document is it: windows of documents as questions, asked of nothing but summaries.

The idea: a reader who sees a part of a document and all the summaries should pick that document's own. Each
window scores every summary as recall scores records: BM25 scaled to its maximum, and half of what the cosine
gains over the least alike. The lead baseline, a document's first words, has as many words as its summary.

Protocol: at most 100 documents of three words and more, equal texts once; a window is 20 passages of 150
words (about 4,096 tokens) and the next begins in its middle. Its vector is the mean of its passages', since
an embedder sees no more of a text; a summary's is that of its own text, title line included. The measure is
the mean reciprocal rank of the own document over the windows of a document, then over documents; ties count
as the mean of their ranks. Whole windows nearly always find their document, so passages are asked as well.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.bench.cuad import CONTRACT, word_windows
from tasks.bench.dataset import read_json_lines
from tasks.bench.locomo import read_conversations
from tasks.bench.paired import paired
from tasks.bench.progress import Progress, silent
from tasks.bench.summaries import first_words, summarised
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.settings import RecallConfig
from tasks.text.bm25 import Bm25

MOST_DOCUMENTS = 100
PIECE_WORDS, PIECES = 150, 20
"""Words of a passage, and passages of a window: about 4,096 tokens."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Document:
    """A document by its name."""

    name: str
    text: str


def evaluate_which(
    paths: Sequence[Path],
    embed: Embed,
    words: int,
    weights: RecallConfig,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Mean reciprocal rank of the own document, by our summaries and by the lead, for each of `paths`.

    Args:
        paths: each a folder of text files, or of contracts.jsonl, reports.jsonl or conversations.json.
        words: of a summary.
        weights: of the two scores.

    Raises:
        InvalidInput: if one of `paths` holds no documents.
    """
    found = {str(path): _measured(documents(path), embed, words, weights, progress) for path in paths}
    return {"data": "which", "by_path": found}


def documents(path: Path) -> list[Document]:
    """The documents under a path, at most 100, equal texts once.

    Raises:
        InvalidInput: if there are none.
    """
    distinct: dict[str, Document] = {}
    for one in _documents(path):
        if len(one.text.split()) > 2:
            distinct.setdefault(one.text, one)
    if not distinct:
        raise InvalidInput(
            f"{path} holds no documents: give a folder of text files, or an evaluation data set"
        )
    return list(distinct.values())[:MOST_DOCUMENTS]


def _documents(path: Path) -> Iterable[Document]:
    for name in ("contracts.jsonl", "reports.jsonl"):
        if (path / name).is_file():
            rows = read_json_lines(path / name, {"id": str, "text": str}, CONTRACT)
            return [Document(row["id"], row["text"]) for row in rows]
    if (path / "conversations.json").is_file():
        texts = [talk.conversation.text for talk in read_conversations(path)]
        return [Document(one.name, one.text) for one in texts]
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else []
    return [Document(file.name, file.read_text(encoding="utf-8", errors="replace")) for file in files]


def _measured(
    some: Sequence[Document], embed: Embed, words: int, weights: RecallConfig, progress: Progress
) -> dict[str, Any]:
    ours, leads = [], []
    for done, one in enumerate(some):
        progress("summarising documents", done, len(some))
        ours.append(summarised(one.text, words, one.name).text)
        leads.append(first_words(one.text, len(ours[-1].split())))
    progress("summarising documents", len(some), len(some))
    scorers = [_scorer(texts, embed, weights) for texts in (ours, leads)]
    ranks: dict[str, list[tuple[float, float]]] = {"windows": [], "passages": []}
    for own, one in enumerate(some):
        progress("asking for documents", own, len(some))
        for size, asked in _questions(one.text, embed).items():
            mean_ranks = [fmean(1 / _rank(score(*question), own) for question in asked) for score in scorers]
            ranks[size].append((mean_ranks[0], mean_ranks[1]))
    progress("asking for documents", len(some), len(some))
    mean_words = round(fmean(len(text.split()) for text in ours))
    return {
        "documents": len(some),
        "words": mean_words,
        "mrr": {size: asdict(paired(pairs)) for size, pairs in ranks.items()},
    }


def _questions(text: str, embed: Embed) -> dict[str, list[tuple[str, Floats]]]:
    """A document's windows and passages, each with its vector."""
    spans = word_windows(text, PIECE_WORDS)
    vectors = np.asarray(embed([text[start:end] for start, end in spans]), dtype=np.float32)
    firsts = range(0, max(1, len(spans) - PIECES // 2), PIECES // 2)
    windows = [slice(first, first + PIECES) for first in firsts]
    return {
        "windows": [(text[spans[one][0][0] : spans[one][-1][1]], _mean(vectors[one])) for one in windows],
        "passages": [(text[start:end], vector) for (start, end), vector in zip(spans, vectors, strict=True)],
    }


def _mean(vectors: Floats) -> Floats:
    """Unit vector of a window: the mean of its pieces'."""
    mean: Floats = vectors.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def _scorer(texts: list[str], embed: Embed, weights: RecallConfig) -> Callable[[str, Floats], Floats]:
    """Scores of all summaries for a window's words and vector."""
    floor, vectors = Bm25(texts), np.asarray(embed(texts), dtype=np.float32)

    def score(words: str, meaning: Floats) -> Floats:
        by_words = np.array(floor.scores(words), dtype=np.float32)
        cosines = vectors @ meaning
        gains = (cosines - cosines.min()) / max(float(np.ptp(cosines)), 1e-9)
        scores: Floats = (
            weights.text_weight * by_words / max(float(by_words.max()), 1e-9) + weights.vector_weight * gains
        )
        return scores

    return score


def _rank(scores: Floats, own: int) -> float:
    """Rank of a score from 1; of equal ones the mean of theirs."""
    better, equal = int((scores > scores[own]).sum()), int((scores == scores[own]).sum())
    return better + (equal + 1) / 2
