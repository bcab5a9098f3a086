"""LoCoMo: evidence recall of questions about long conversations, counted in turns (Maharana et al. 2024).

The idea: a turn is a passage of its conversation, so the number of turns returned is the only budget. Its
context-rich key is the turn before it and the turn itself, each with its date and speaker.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from tasks.bench.dataset import read_json
from tasks.bench.evidence import Asking, Text, remember
from tasks.bench.means import mean, standard_error
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.recall.rerank import Reranker
from tasks.settings import RecallConfig
from tasks.text.bm25 import Bm25
from tasks.text.sentences import Span

CUTS = (5, 10, 20, 50)
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
EXPECTED = "LoCoMo: a list of {conversation: {session_1: [{speaker, dia_id, text}], ...}, qa: [...]}"
CORRECTIONS = "LoCoMo errors: a list of {question, cited_evidence, correct_evidence}"
_TURN = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as one text with a line per turn, where each line begins, and which turn it is."""

    text: Text
    lines: list[str]
    starts: list[int]
    turns: list[str]

    @property
    def spans(self) -> dict[str, Span]:
        """The characters of each turn."""
        ends = (start + len(line) for start, line in zip(self.starts, self.lines, strict=True))
        return dict(zip(self.turns, zip(self.starts, ends, strict=True), strict=True))

    def turn_at(self, char: int) -> str:
        """The turn that holds a character."""
        return self.turns[bisect_right(self.starts, char) - 1]


@dataclass(frozen=True, slots=True)
class Answered:
    """A question: ids of its evidence turns, as published and as corrected, and of the turns retrieved."""

    talk: int
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
    only: Sequence[int] = (),
    rerank: Reranker | None = None,
) -> dict[str, Any]:
    """Evidence recall at 5, 10, 20 and 50 turns, ours and the BM25 baseline's, overall and per category.

    A question's recall is the share of its evidence among the turns returned; numbers are means over
    questions, from 0 to 1, and their standard errors. `recall`, `floor` (the baseline) and `by_category` use
    the published gold labels, `corrected` holds the same after the corrections of errors.json, beside the
    conversations. `least_gain` is how much ours is above the baseline on the half of the conversations where
    it is least so.

    Args:
        path: conversations.json, or the folder that holds it.
        home: an empty folder for the memory that is searched.
        only: numbers of the conversations that are measured, from 0; all of them where there are none.
        rerank: re-ranks the best turns.

    Raises:
        InvalidInput: if `path` holds something else or no such conversation, or `home` a memory.
    """
    file = path / "conversations.json" if path.is_dir() else path
    items = _chosen(_checked(read_json(file, EXPECTED), file), only)
    corrections = _corrections(file.with_name("errors.json"))
    talks = {number: _conversation(f"{file.name}#{number}", item) for number, item in items.items()}
    memory = remember([talk.text for talk in talks.values()], embed, home, progress)
    asking = Asking(memory, embed, config, rerank)
    total, answered = sum(len(item["qa"]) for item in items.values()), list[Answered]()
    for number, talk in talks.items():
        floor = Bm25(talk.lines)
        for original, corrected, row in _questions(items[number]["qa"], corrections, talk.turns):
            progress("asking questions", len(answered), total)
            hits = asking.retrieve(row["question"], talk.text, CUTS[-1])
            ours = list(dict.fromkeys(talk.turn_at(start) for hit in hits for start, _ in hit))
            best = [talk.turns[turn] for turn in floor.rank(row["question"], CUTS[-1])]
            answered.append(Answered(number, _category(row), original, corrected, ours, best))
    progress("asking questions", total, total)
    original_gold = [(one.original, one) for one in answered]
    return {
        "data": "locomo",
        **_measures(original_gold),
        "least_gain": _least_gain(original_gold),
        "corrected": _measures([(one.corrected, one) for one in answered]),
        "seconds": asking.seconds,
    }


def _chosen(items: list[dict[str, Any]], only: Sequence[int]) -> dict[int, dict[str, Any]]:
    for number in only:
        if not 0 <= number < len(items):
            raise InvalidInput(f"--only {number}: give numbers of conversations, 0 to {len(items) - 1}")
    return {number: items[number] for number in only or range(len(items))}


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
    lines, starts, turns, at = [], [], [], 0
    for _, date, turn in _turns(item["conversation"]):
        caption = f" [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else ""
        lines.append(f"[{date}] {turn['speaker']}: {turn['text']}{caption}")
        starts.append(at)
        turns.append(turn["dia_id"])
        at += len(lines[-1]) + 1
    return Conversation(Text(name, "\n".join(lines)), lines, starts, turns)


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation and what is asked about it: (category, question, ids of the turns that answer)."""

    conversation: Conversation
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
        talks.append(Talk(one, asked))
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
    found: dict[str, Any] = {"questions": len(counted)}
    for name, ours in (("recall", True), ("floor", False)):
        shares = {str(cut): _shares(counted, cut, ours) for cut in CUTS}
        found[name] = {cut: mean(some) for cut, some in shares.items()}
        found[f"{name}_error"] = {cut: standard_error(some) for cut, some in shares.items()}
    return found


def _shares(counted: Sequence[tuple[frozenset[str], Answered]], cut: int, ours: bool) -> list[float]:
    """For each question the share of its evidence among the first `cut` turns."""
    return [
        len(evidence & set((one.ours if ours else one.floor)[:cut])) / len(evidence)
        for evidence, one in counted
    ]


def _least_gain(gold: Sequence[tuple[frozenset[str], Answered]]) -> dict[str, float]:
    """Recall above the baseline's at each cut, on the half of the conversations where that is least."""
    counted = [(evidence, one) for evidence, one in gold if evidence]
    talks = sorted({one.talk for _, one in counted})
    halves = [set(half) for half in combinations(talks, (len(talks) + 1) // 2)]
    least = {}
    for cut in CUTS:
        pairs = zip(_shares(counted, cut, True), _shares(counted, cut, False), strict=True)
        gains = [(one.talk, ours - floor) for (_, one), (ours, floor) in zip(counted, pairs, strict=True)]
        least[str(cut)] = min((mean(g for talk, g in gains if talk in half) for half in halves), default=0.0)
    return least
