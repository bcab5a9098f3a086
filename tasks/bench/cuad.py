"""CUAD: recall of the clauses that lawyers marked in contracts (Hendrycks et al. 2021).

The idea: the query is the clause's category, a gold span is found when a citation overlaps it, and the
characters returned are counted too, for citing the whole contract would find everything.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from tasks.bench.bm25 import Bm25
from tasks.bench.dataset import read_json_lines
from tasks.bench.evidence import Text, mean, remember, retrieve
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.settings import RecallConfig
from tasks.text.passages import stream_passages
from tasks.text.sentences import Span

CUTS = (5, 10)
WINDOW_WORDS = 200
BUDGET_CITATIONS = 40
"""Hits of ours that are retrieved: enough to fill the characters of ten windows of the baseline."""
CONTRACT = "CUAD contracts.jsonl: lines of {id, text}"
SPAN = "CUAD spans.jsonl: lines of {contract, category, start, end}"


@dataclass(frozen=True, slots=True)
class Answered:
    """A category queried in a contract: its gold spans, and the spans that each hit cites."""

    category: str
    gold: list[Span]
    ours: list[list[Span]]
    floor: list[list[Span]]
    """By the BM25 baseline."""


def evaluate_cuad(
    path: Path,
    embed: Embed,
    home: Path,
    config: RecallConfig,
    progress: Progress = silent,
    passage_chars: int = 900,
) -> dict[str, Any]:
    """Share of gold spans that the best 5 and 10 citations overlap, ours and those of BM25 over windows.

    Every category marked in a contract is queried in that contract by its name alone. Shares are over
    spans, from 0 to 1; `characters` and `floor_characters` are means per question. Passages and the
    baseline's windows differ in size, so `recall_at_floor_characters` compares at equal characters: our best
    citations up to as many characters as the baseline's 5 or 10 windows hold.

    Args:
        path: the folder that holds contracts.jsonl and spans.jsonl.
        home: an empty folder for the memory that is searched.
        passage_chars: longest passage, as in a run.

    Raises:
        InvalidInput: if `path` holds something else, or `home` a memory.
    """
    contracts, gold = _contracts(path, passage_chars), _gold(path)
    if lost := sorted({contract for contract, _ in gold} - set(contracts)):
        raise InvalidInput(f"{path / 'spans.jsonl'} names a contract that is not there: {lost[0]!r}")
    memory = remember(list(contracts.values()), embed, home, progress)
    floors: dict[str, tuple[list[Span], Bm25]] = {}
    answered = []
    for done, ((contract, category), spans) in enumerate(gold.items()):
        progress("asking questions", done, len(gold))
        text = contracts[contract]
        if contract not in floors:
            windows = word_windows(text.text, WINDOW_WORDS)
            floors[contract] = windows, Bm25([text.text[start:end] for start, end in windows])
        windows, floor = floors[contract]
        best = [[windows[number]] for number in floor.rank(category, CUTS[-1])]
        ours = retrieve(memory, category, embed, config, text, BUDGET_CITATIONS)
        answered.append(Answered(category, spans, ours, best))
    progress("asking questions", len(gold), len(gold))
    return {"data": "cuad", **_measures(answered)}


# Reading.


def _contracts(path: Path, passage_chars: int) -> dict[str, Text]:
    rows = read_json_lines(path / "contracts.jsonl", {"id": str, "text": str}, CONTRACT)
    return {row["id"]: _cut(row["id"], row["text"], passage_chars) for row in rows}


def _cut(name: str, text: str, passage_chars: int) -> Text:
    return Text(name, text, [(start, end) for start, end, _ in stream_passages([(0, text)], passage_chars)])


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
    """Recall and characters at each of `CUTS`, ours and the baseline's, as `evaluate_cuad` reports them."""
    cuts = {str(cut): cut for cut in CUTS}
    return {
        "spans": sum(len(one.gold) for one in answered),
        "questions": len(answered),
        "recall": {
            name: _share([(one.gold, one.ours[:cut]) for one in answered]) for name, cut in cuts.items()
        },
        "floor": {
            name: _share([(one.gold, one.floor[:cut]) for one in answered]) for name, cut in cuts.items()
        },
        "recall_at_floor_characters": {
            name: _share([(one.gold, _within(one.ours, _size(one.floor[:cut]))) for one in answered])
            for name, cut in cuts.items()
        },
        "characters": {name: _chars([one.ours[:cut] for one in answered]) for name, cut in cuts.items()},
        "floor_characters": {
            name: _chars([one.floor[:cut] for one in answered]) for name, cut in cuts.items()
        },
    }


def _share(pairs: Sequence[tuple[list[Span], Sequence[list[Span]]]]) -> float:
    return mean(float(_overlaps(span, hits)) for gold, hits in pairs for span in gold)


def _overlaps(span: Span, hits: Sequence[list[Span]]) -> bool:
    return any(start < span[1] and span[0] < end for hit in hits for start, end in hit)


def _within(hits: Sequence[list[Span]], characters: int) -> Sequence[list[Span]]:
    """The first of `hits` that together cite no more than `characters`."""
    sizes = accumulate(_size([hit]) for hit in hits)
    return [hit for hit, size in zip(hits, sizes, strict=True) if size <= characters]


def _size(hits: Sequence[list[Span]]) -> int:
    return sum(end - start for hit in hits for start, end in hit)


def _chars(returned: Sequence[Sequence[list[Span]]]) -> int:
    return round(mean(_size(hits) for hits in returned))
