"""CUAD: recall of the clauses that lawyers marked in contracts (Hendrycks et al. 2021).

The idea: a gold span is found when a citation overlaps it, and the characters returned are limited, for
citing the whole contract would find everything. The question is the category's name, and once more a line
that says what it is about.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from tasks.bench.clauses import DESCRIPTIONS
from tasks.bench.dataset import read_json_lines
from tasks.bench.evidence import Asking, Text, remember
from tasks.bench.means import mean, share_error
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.recall.rerank import Reranker
from tasks.settings import RecallConfig
from tasks.text.bm25 import Bm25
from tasks.text.sentences import Span

CITATIONS, CHARACTERS = 5, 1500
"""What a recall may return: the best citations, and all their characters together."""
WINDOW_WORDS = 200
CONTRACT = "CUAD contracts.jsonl: lines of {id, text}"
SPAN = "CUAD spans.jsonl: lines of {contract, category, start, end}"


@dataclass(frozen=True, slots=True)
class Answered:
    """A category queried in a contract: its gold spans, and the spans that are cited within the budget."""

    contract: str
    category: str
    gold: list[Span]
    ours: list[Span]
    floor: list[Span]
    """By the BM25 baseline, whole windows."""
    filled: list[Span]
    """By the BM25 baseline, to the last character of the budget."""


def evaluate_cuad(
    path: Path,
    embed: Embed,
    home: Path,
    config: RecallConfig,
    progress: Progress = silent,
    passage_chars: int = 350,
    rerank: Reranker | None = None,
) -> dict[str, Any]:
    """Share of gold spans overlapped by the best 5 citations of at most 1,500 characters in all, beside those
    of BM25 over windows of 200 words: as many whole ones as fit (`floor`), and with the next one cut to fill
    the budget (`filled_floor`).

    Every category marked in a contract is queried in that contract, by its name and, under `described`, by a
    line that says what it is about. Shares are over spans, from 0 to 1, with standard errors over contracts;
    characters are means per question.

    Args:
        path: the folder that holds contracts.jsonl and spans.jsonl.
        home: an empty folder for the memory that is searched.
        passage_chars: longest passage, as in a run.
        rerank: re-ranks the best passages.

    Raises:
        InvalidInput: if `path` holds something else, or `home` a memory.
    """
    contracts, gold = _contracts(path, passage_chars), _gold(path)
    if lost := sorted({contract for contract, _ in gold} - set(contracts)):
        raise InvalidInput(f"{path / 'spans.jsonl'} names a contract that is not there: {lost[0]!r}")
    memory = remember(list(contracts.values()), embed, home, progress)
    asking = Asking(memory, embed, config, rerank)
    floors = {name: Floor(text.text) for name, text in contracts.items()}
    asked: dict[bool, list[Answered]] = {False: [], True: []}
    for done, ((contract, category), spans) in enumerate(gold.items()):
        progress("asking questions", done, len(gold))
        text, floor = contracts[contract], floors[contract]
        for described, answered in asked.items():
            question = DESCRIPTIONS.get(category, category) if described else category
            hits = asking.retrieve(question, text, CITATIONS)
            ours = within([span for hit in hits for span in hit])
            best = floor.best(question)
            answered.append(Answered(contract, category, spans, ours, whole(best), filled(best)))
    progress("asking questions", len(gold), len(gold))
    return {
        "data": "cuad",
        **_measures(asked[False]),
        "described": _measures(asked[True]),
        "seconds": asking.seconds,
    }


class Floor:
    """The baseline: BM25 over consecutive windows of 200 words of a contract."""

    def __init__(self, text: str) -> None:
        self.windows = word_windows(text, WINDOW_WORDS)
        self.bm25 = Bm25([text[start:end] for start, end in self.windows])

    def best(self, question: str) -> list[Span]:
        """The best windows, best first."""
        return [self.windows[number] for number in self.bm25.rank(question, CITATIONS)]


def filled(cited: Sequence[Span]) -> list[Span]:
    """The first citations up to the budget of characters, the last one cut where that ends."""
    left, kept = CHARACTERS, list[Span]()
    for start, end in cited:
        if left > 0:
            kept.append((start, min(end, start + left)))
        left -= end - start
    return kept


def whole(cited: Sequence[Span]) -> list[Span]:
    """The first citations that together fit the budget; a first one that does not is cut."""
    return within(cited) or filled(cited[:1])


def within(cited: Sequence[Span]) -> list[Span]:
    """The first citations that together fit the budget."""
    sizes = accumulate(end - start for start, end in cited)
    fitting = [span for span, size in zip(cited, sizes, strict=True) if size <= CHARACTERS]
    return fitting[:CITATIONS]


# Reading.


def _contracts(path: Path, passage_chars: int) -> dict[str, Text]:
    rows = read_json_lines(path / "contracts.jsonl", {"id": str, "text": str}, CONTRACT)
    return {row["id"]: Text(row["id"], row["text"], passage_chars) for row in rows}


def _gold(path: Path) -> dict[tuple[str, str], list[Span]]:
    fields = {"contract": str, "category": str, "start": int, "end": int}
    found: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for row in read_json_lines(path / "spans.jsonl", fields, SPAN):
        found[row["contract"], row["category"]].append((row["start"], row["end"]))
    return found


def word_windows(text: str, words: int) -> list[Span]:
    """Spans of consecutive runs of `words` words."""
    found = [match.span() for match in re.finditer(r"\S+", text)]
    runs = [found[at : at + words] for at in range(0, len(found), words)]
    return [(run[0][0], run[-1][1]) for run in runs]


# Counting.


def _measures(answered: Sequence[Answered]) -> dict[str, Any]:
    names = sorted({one.category for one in answered})
    some = {name: [one for one in answered if one.category == name] for name in names}
    return scores(answered) | {"by_category": {name: scores(some[name]) for name in names}}


def scores(answered: Sequence[Answered]) -> dict[str, Any]:
    """Recall and characters, ours and the baseline's, as `evaluate_cuad` reports them."""
    ours = _clusters((one.contract, one.gold, one.ours) for one in answered)
    floor = _clusters((one.contract, one.gold, one.floor) for one in answered)
    fuller = _clusters((one.contract, one.gold, one.filled) for one in answered)
    return {
        "spans": sum(len(one.gold) for one in answered),
        "questions": len(answered),
        "recall": _share(ours),
        "recall_error": share_error(ours),
        "floor": _share(floor),
        "floor_error": share_error(floor),
        "filled_floor": _share(fuller),
        "ratio": round(_share(ours) / _share(floor), 3) if _share(floor) else 0.0,
        "characters": _chars(one.ours for one in answered),
        "floor_characters": _chars(one.floor for one in answered),
    }


def _clusters(cited: Iterable[tuple[str, list[Span], list[Span]]]) -> list[tuple[int, int]]:
    """Of each contract: gold spans that are found, and all of them."""
    found: dict[str, tuple[int, int]] = {}
    for contract, gold, spans in cited:
        hit, whole = found.get(contract, (0, 0))
        found[contract] = (hit + sum(_overlaps(span, spans) for span in gold), whole + len(gold))
    return list(found.values())


def _share(clusters: Sequence[tuple[int, int]]) -> float:
    whole = sum(size for _, size in clusters)
    return round(sum(hit for hit, _ in clusters) / whole, 4) if whole else 0.0


def _overlaps(span: Span, cited: Sequence[Span]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in cited)


def _chars(returned: Iterable[Sequence[Span]]) -> int:
    return round(mean(sum(end - start for start, end in spans) for spans in returned))
