"""LoCoMo: evidence recall of questions about long conversations, counted in turns (Maharana et al. 2024).

The idea: a turn is a passage of its conversation, so the number of turns returned, neighbours included, is
the only budget.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.bench.bm25 import Bm25
from tasks.bench.dataset import read_json
from tasks.bench.evidence import Text, mean, remember, retrieve
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.settings import RecallConfig

CUTS = (5, 10, 20, 50)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
EXPECTED = "LoCoMo: a list of {conversation: {session_1: [{speaker, dia_id, text}], ...}, qa: [...]}"
CORRECTIONS = "LoCoMo errors: a list of {question, cited_evidence, correct_evidence}"
_TURN = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as one text with a line per turn, and which turn each line is."""

    text: Text
    turns: list[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """A question: ids of its evidence turns, as published and as corrected, and of the turns retrieved."""

    category: str
    original: frozenset[str]
    corrected: frozenset[str]
    ours: list[str]
    floor: list[str]
    """By the BM25 baseline."""


def evaluate_locomo(
    path: Path,
    embed: Embed,
    home: Path,
    config: RecallConfig,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Evidence recall at 5, 10, 20 and 50 turns, ours and the BM25 baseline's, overall and per category.

    A question's recall is the share of its evidence among the turns returned; numbers are means over
    questions, from 0 to 1. `recall`, `floor` (the baseline) and `by_category` use the published gold labels,
    `corrected` holds the same after the corrections of errors.json, beside the conversations.

    Args:
        path: conversations.json, or the folder that holds it.
        home: an empty folder for the memory that is searched.

    Raises:
        InvalidInput: if `path` holds something else, or `home` a memory.
    """
    file = path / "conversations.json" if path.is_dir() else path
    items = _checked(read_json(file, EXPECTED), file)
    corrections = _corrections(file.with_name("errors.json"))
    talks = [_conversation(f"{file.name}#{number}", item) for number, item in enumerate(items)]
    memory = remember([talk.text for talk in talks], embed, home, progress)
    total, answered = sum(len(item["qa"]) for item in items), list[Answered]()
    for item, talk in zip(items, talks, strict=True):
        floor = Bm25([talk.text.text[start:end] for start, end in talk.text.passages])
        by_start = {start: turn for (start, _), turn in zip(talk.text.passages, talk.turns, strict=True)}
        for original, corrected, row in _questions(item["qa"], corrections, talk.turns):
            progress("asking questions", len(answered), total)
            hits = retrieve(memory, row["question"], embed, config, talk.text, CUTS[-1])
            ours = [by_start[start] for hit in hits for start, _ in hit]
            best = [talk.turns[number] for number in floor.rank(row["question"], CUTS[-1])]
            answered.append(Answered(_category(row), original, corrected, ours, best))
    progress("asking questions", total, total)
    original_gold = _measures([(one.original, one) for one in answered])
    corrected_gold = _measures([(one.corrected, one) for one in answered])
    return {"data": "locomo", **original_gold, "corrected": corrected_gold}


# Reading.


def _checked(items: Any, file: Path) -> list[dict[str, Any]]:
    try:
        for item in _rows(items):
            for _, _, turn in _turns(item["conversation"]):
                turn["speaker"], turn["dia_id"], turn["text"]
            for row in item["qa"]:
                row["question"], row["category"], row["evidence"]
    except (TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"{file} is not {EXPECTED} (missing or wrong: {error})") from error
    return _rows(items)


def _rows(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _turns(conversation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(session, its date, turn) in the order of the sessions' numbers."""
    sessions = [key for key in conversation if re.fullmatch(r"session_\d+", key)]
    for key in sorted(sessions, key=lambda name: int(name.removeprefix("session_"))):
        for turn in conversation[key]:
            yield key, str(conversation.get(f"{key}_date_time", "")), turn


def _conversation(name: str, item: dict[str, Any]) -> Conversation:
    """One line per turn: date, speaker, text, and the caption of a photo where one was shared."""
    lines, spans, turns, at = [], [], [], 0
    for _, date, turn in _turns(item["conversation"]):
        caption = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
        line = f"[{date}] {turn['speaker']}: {turn['text']}{caption}"
        lines.append(line)
        spans.append((at, at + len(line)))
        turns.append(turn["dia_id"])
        at += len(line) + 1
    return Conversation(Text(name, "\n".join(lines), spans), turns)


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation and what is asked about it: (category, question, ids of the turns that answer)."""

    text: Text
    turns: list[str]
    questions: list[tuple[str, str, frozenset[str]]]


def read_conversations(path: Path) -> list[Talk]:
    """The conversations of a folder with their questions, of corrected evidence.

    Raises:
        InvalidInput: if `path` holds something else.
    """
    file = path / "conversations.json"
    corrections, talks = _corrections(file.with_name("errors.json")), []
    for number, item in enumerate(_checked(read_json(file, EXPECTED), file)):
        one = _conversation(f"{file.name}#{number}", item)
        asked = [
            (_category(row), str(row["question"]), corrected)
            for _, corrected, row in _questions(item["qa"], corrections, one.turns)
        ]
        talks.append(Talk(one.text, one.turns, asked))
    return talks


def _corrections(file: Path) -> dict[tuple[str, tuple[str, ...]], list[str]]:
    """Corrected evidence by question and published evidence; {} without the file."""
    if not file.exists():
        return {}
    try:
        return {
            (row["question"], tuple(row["cited_evidence"])): row["correct_evidence"]
            for row in _rows(read_json(file, CORRECTIONS))
        }
    except (TypeError, KeyError) as error:
        raise InvalidInput(f"{file} is not {CORRECTIONS} (missing or wrong: {error})") from error


def _questions(
    rows: Sequence[dict[str, Any]],
    corrections: dict[tuple[str, tuple[str, ...]], list[str]],
    turns: list[str],
) -> Iterator[tuple[frozenset[str], frozenset[str], dict[str, Any]]]:
    for row in rows:
        corrected = corrections.get((row["question"], tuple(row["evidence"])), row["evidence"])
        yield _evidence(row["evidence"], turns), _evidence(corrected, turns), row


def _evidence(cited: Sequence[str], turns: list[str]) -> frozenset[str]:
    """Ids of turns that exist: published labels hold several ids in a string, stray colons, unknown ids."""
    ids = {f"D{int(session)}:{int(turn)}" for one in cited for session, turn in _TURN.findall(one)}
    return frozenset(ids & set(turns))


def _category(row: dict[str, Any]) -> str:
    return CATEGORIES.get(row["category"], str(row["category"]))


# Counting.


def _measures(gold: Sequence[tuple[frozenset[str], Answered]]) -> dict[str, Any]:
    """Questions without evidence are left out."""
    counted = [(evidence, one) for evidence, one in gold if evidence]
    names = sorted({one.category for _, one in counted})
    some = {name: [(evidence, one) for evidence, one in counted if one.category == name] for name in names}
    return _at_cuts(counted) | {"by_category": {name: _at_cuts(some[name]) for name in names}}


def _at_cuts(counted: Sequence[tuple[frozenset[str], Answered]]) -> dict[str, Any]:
    def recall_at(cut: int, ours: bool) -> float:
        return mean(
            len(evidence & set((one.ours if ours else one.floor)[:cut])) / len(evidence)
            for evidence, one in counted
        )

    recalls = {str(cut): recall_at(cut, ours=True) for cut in CUTS}
    floors = {str(cut): recall_at(cut, ours=False) for cut in CUTS}
    return {"questions": len(counted), "recall": recalls, "floor": floors}
