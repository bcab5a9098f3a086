"""Sessions of any length: what adding and asking cost, and how much of what was said is recalled.

The idea: a session is measured while it grows, so that what is constant shows itself; and a dialogue that
people wrote (LoCoMo) is measured beside the made-up one.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import psutil

from tasks.bench.dialogue import Planted, dialogue
from tasks.bench.levels import evaluate_eviction, evaluate_levels
from tasks.bench.locomo import read_conversations
from tasks.bench.means import mean, standard_error
from tasks.bench.progress import Progress, silent
from tasks.memory.sessions.round import Said
from tasks.memory.sessions.session import MID_TERM, Session
from tasks.recall.candidates import Embed
from tasks.recall.levels.answer import Asking, recall_rounds
from tasks.settings import RecallConfig
from tasks.text.speakers import opening

SEEDS = 8
"""Dialogues of 300 rounds that weights are measured on."""
RECENT_FACTS, OLDER_FACTS = 30, 200
"""Facts planted in the last 100 rounds of a long session, and before them."""
MARKS = 5
"""Lengths at which a growing session is measured."""
SAMPLE = 100
"""Rounds that are timed at each length, the last ones."""
CUT = 10
"""Rounds among which evidence is looked for."""
SHORT = 1
"""Sentences of a round of a long session, or two."""
LEAST_ROUNDS = 300
"""Of a session that has old rounds."""
TOKENS = 2048
"""Of the current context: half a window."""


def evaluate_sessions(
    path: Path | None,
    embed: Embed,
    rounds: int,
    seed: int = 0,
    progress: Progress = silent,
    *,
    only: Sequence[int] = (),
) -> dict[str, Any]:
    """{growth, recall, levels, eviction, talks}: see the functions that measure each.

    Args:
        path: folder of LoCoMo's conversations; None for made-up dialogues alone.
        rounds: of the long session, LEAST_ROUNDS or more.
        only: numbers of the conversations that are measured; all of them where there are none.
    """
    with tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as folder:
        grown = evaluate_growth(Path(folder), embed, rounds, seed, progress)
    return {
        "data": "sessions",
        "seed": seed,
        **grown,
        "levels": evaluate_levels(embed, range(seed, seed + SEEDS), progress),
        "eviction": evaluate_eviction(embed, seed, progress),
        "talks": evaluate_talks(path, embed, progress, only) if path else None,
    }


def evaluate_growth(
    home: Path, embed: Embed, rounds: int, seed: int, progress: Progress = silent
) -> dict[str, Any]:
    """A session that grows to `rounds` rounds: milliseconds of wall and of processor time to add a round and
    to ask, embedding included, and resident MiB, at several lengths; at the end the share of facts whose
    round is among the 10 recalled, of the last 100 rounds and of older ones, with standard errors."""
    older = min(OLDER_FACTS, (rounds - MID_TERM) // 3)
    where = [*np.linspace(1, rounds - MID_TERM, older, dtype=int).tolist()]
    where += np.linspace(rounds - MID_TERM + 1, rounds, RECENT_FACTS, dtype=int).tolist()
    made = dialogue(rounds, len(where), seed, SHORT, where)
    how, rows, marks = Asking(embed, RecallConfig(), TOKENS), [], _marks(rounds)
    with Session(home / "session", "measured") as session:
        timed: list[tuple[float, float]] = []
        for number, one in enumerate(made.rounds, 1):
            began = perf_counter(), process_time()
            session.add([one], embed)
            timed.append((perf_counter() - began[0], process_time() - began[1]))
            if number % 100 == 0:
                progress("adding rounds", number, rounds)
            if number in marks:
                known = [fact for fact in made.facts if fact.round <= number][-20:]
                rows.append({"rounds": number, **_cost(timed[-SAMPLE:], session, known, how)})
        found = [(fact, _is_recalled(session, {fact.round}, fact.question, how)) for fact in made.facts]
    groups = {
        "newest": [share for fact, share in found if fact.round > rounds - MID_TERM],
        "older": [share for fact, share in found if fact.round <= rounds - MID_TERM],
    }
    return {"growth": rows, "recall": {name: _summed(some) for name, some in groups.items()}}


def _marks(rounds: int) -> set[int]:
    return {rounds * (at + 1) // MARKS for at in range(MARKS)}


def _cost(
    added: Sequence[tuple[float, float]], session: Session, facts: Sequence[Planted], how: Asking
) -> dict[str, Any]:
    """Median and 95th percentile of wall milliseconds. Of processor ones the mean of adding, which pays for
    what it puts off, and the median of asking: other threads of the process count too, now and then."""
    asked = []
    for fact in facts:
        began = perf_counter(), process_time()
        recall_rounds(session, fact.question, how)
        asked.append((perf_counter() - began[0], process_time() - began[1]))
    resident = psutil.Process(os.getpid()).memory_info().rss
    times = {name: 1000 * np.array(some) for name, some in (("add", added), ("ask", asked))}
    usual: dict[str, Callable[[Any], Any]] = {"add": np.mean, "ask": np.median}
    return {
        "rss_mib": round(resident / 2**20),
        **{f"{name}_ms": round(float(np.median(some[:, 0])), 1) for name, some in times.items()},
        **{f"{name}_p95_ms": round(float(np.quantile(some[:, 0], 0.95)), 1) for name, some in times.items()},
        **{f"{name}_cpu_ms": round(float(usual[name](some[:, 1])), 1) for name, some in times.items()},
    }


def _is_recalled(session: Session, rounds: set[int], question: str, how: Asking) -> float:
    """The share of some rounds among the `CUT` that are recalled."""
    items = recall_rounds(session, question, how)[2].items
    best = list(dict.fromkeys(item.said.number for _, item in items))[:CUT]
    return len(rounds & set(best)) / len(rounds)


def _summed(shares: Sequence[float]) -> dict[str, Any]:
    return {"questions": len(shares), "recall": [mean(shares), standard_error(shares)]}


def evaluate_talks(
    path: Path, embed: Embed, progress: Progress = silent, only: Sequence[int] = ()
) -> dict[str, Any]:
    """Evidence of LoCoMo's questions among the 10 rounds recalled, each conversation as a session: of the
    last 100 rounds, of older ones, and of all. Adversarial questions are left out.

    Raises:
        InvalidInput: if `path` holds something else.
    """
    every = read_conversations(path)
    talks = [every[number] for number in only] if only else every
    shares: dict[str, list[float]] = {"newest": [], "older": [], "all": []}
    how = Asking(embed, RecallConfig(), TOKENS)
    for done, talk in enumerate(talks):
        progress("asking conversations", done, len(talks))
        rounds = list(_rounds(talk.conversation.lines))
        numbers = {turn: number for number, turn in enumerate(talk.conversation.turns, 1)}
        with (
            tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as folder,
            Session(Path(folder) / "session", "measured") as session,
        ):
            for at in range(0, len(rounds), 64):
                session.add(rounds[at : at + 64], embed)
            for category, question, evidence in talk.questions:
                held = {numbers[turn] for turn in evidence}
                if not held or category == "adversarial":
                    continue
                share = _is_recalled(session, held, question, how)
                shares["all"].append(share)
                if min(held) > len(rounds) - MID_TERM:
                    shares["newest"].append(share)
                elif max(held) <= len(rounds) - MID_TERM:
                    shares["older"].append(share)
    progress("asking conversations", len(talks), len(talks))
    return {name: _summed(some) for name, some in shares.items()}


_DATED = re.compile(r"\[([^\]]*)\] ")
_STAMP = "%I:%M %p on %d %B, %Y"


def _rounds(lines: Sequence[str]) -> Iterator[Said]:
    """Lines "[date] speaker: text" as rounds."""
    for line in lines:
        begins, dated = opening(line), _DATED.match(line)
        if begins and dated:
            time = datetime.strptime(dated[1], _STAMP).replace(tzinfo=UTC)
            yield Said(begins.speaker, line[begins.text_at :].strip(), time)
        else:
            speaker, _, text = line[dated.end() if dated else 0 :].partition(": ")
            yield Said(speaker, text or line, datetime(2023, 1, 1, tzinfo=UTC))
