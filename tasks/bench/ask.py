"""Ask: how often a question is answered, wrongly answered, or rightly not answered.

The idea: a question about what was read is answered where a cited span holds the answer; a question about
documents of the same kind that were not read has one right reply, "not found". No model judges.
"""

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import schema
from tasks.bench.asked import Case, Trial, trials
from tasks.bench.evidence import Text, remember
from tasks.bench.progress import Progress, silent
from tasks.ingest.parse.base import cut
from tasks.memory.reader import Memory
from tasks.recall.ask.ask import Reply, ask
from tasks.recall.candidates import Embed
from tasks.recall.citation import Citation
from tasks.settings import RecallConfig

VALUE_CHARS = 40
"""An answer of so many characters is a date, a name or an amount, which holds wherever it stands."""
APART = "adversarial"
"""Questions that ask of one person what another did: about what was read, so in no sum."""
QUESTIONS = 200
"""Questions about what was read; as many about what was not."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question: `first` tells if the first claim holds the answer, `any` if one does."""

    case: Case
    found: bool
    first: bool
    any: bool
    seconds: float


def evaluate_ask(
    path: Path | None,
    embed: Embed,
    config: RecallConfig,
    progress: Progress = silent,
    *,
    questions: int = QUESTIONS,
    seed: int = 0,
    passage_chars: int = 350,
) -> dict[str, Any]:
    """Shares of questions answered, wrongly answered and not answered, with their standard errors.

    Of what was read: `answered` (a cited span holds the answer), `wrong` (none of the cited ones does) and
    `not_found`. Of what was not: `not_found`, and `false_answers`. Each over all questions and by kind;
    adversarial ones, which only look as if something answered them, by kind alone.

    Args:
        path: folder of contracts (CUAD), of conversations (LoCoMo), of both, or of texts; None is text that
            this machine has.
    """
    results: dict[str, Any] = {}
    for trial in trials(path, questions, seed):
        outcomes = list(_outcomes(trial, embed, config, progress, passage_chars))
        results[trial.name] = _measures(outcomes)
    return {"data": "ask", **results}


def _outcomes(
    trial: Trial, embed: Embed, config: RecallConfig, progress: Progress, passage_chars: int
) -> Iterator[Outcome]:
    with tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as folder:
        memory = read_texts(trial.texts, embed, Path(folder), progress, passage_chars)
        for done, case in enumerate(trial.cases):
            progress("asking questions", done, len(trial.cases))
            began = perf_counter()
            reply = ask(memory, case.question, embed, config)
            yield _outcome(case, trial.texts, reply, perf_counter() - began)
        progress("asking questions", len(trial.cases), len(trial.cases))


def read_texts(
    texts: dict[str, str], embed: Embed, home: Path, progress: Progress = silent, passage_chars: int = 350
) -> Memory:
    """A memory of the passages of `texts` in the empty home `home`, beside their parsed texts."""
    (home / "parsed").mkdir(parents=True, exist_ok=True)
    kept = []
    for name, text in texts.items():
        parsed = f"parsed/{sha256(name.encode()).hexdigest()[:16]}.parquet"
        rows, at = [], 0
        for span in cut(text, "line", 1):
            rows.append(
                {"part": 0, "char_start": at, "text": span.text, "place": span.place, "number": span.number}
            )
            at += len(span.text)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema.TEXT), home / parsed)
        kept.append(Text(name, text, passage_chars, parsed))
    return remember(kept, embed, home, progress)


def _outcome(case: Case, texts: dict[str, str], reply: Reply, seconds: float) -> Outcome:
    held = [any(_holds(one, case, texts) for one in claim.citations) for claim in reply.claims]
    return Outcome(case, reply.found, held[:1] == [True], any(held), seconds)


def _holds(cited: Citation, case: Case, texts: dict[str, str]) -> bool:
    """Whether a citation overlaps a span that holds the answer, or says the same date, name or amount
    elsewhere in that document."""
    if cited.uri != case.document or not case.read:
        return False
    said = " ".join(cited.text.split())
    for start, end in case.answers:
        told = " ".join(texts[case.document][start:end].split())
        if (cited.start < end and start < cited.end) or (len(told) <= VALUE_CHARS and told in said):
            return True
    return False


def _measures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    names = sorted({one.case.kind for one in outcomes})
    some = {name: [one for one in outcomes if one.case.kind == name] for name in names}
    return {
        **_shares([one for one in outcomes if one.case.kind != APART]),
        "seconds": round(fmean(one.seconds for one in outcomes), 4) if outcomes else 0.0,
        "by_kind": {name: _shares(some[name]) for name in names},
    }


def _shares(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    read = [one for one in outcomes if one.case.read]
    unread = [one for one in outcomes if not one.case.read]
    return {
        "read": {
            "questions": len(read),
            "answered": _share([one.any for one in read]),
            "answered_first": _share([one.first for one in read]),
            "wrong": _share([one.found and not one.any for one in read]),
            "not_found": _share([not one.found for one in read]),
        },
        "never_read": {
            "questions": len(unread),
            "not_found": _share([not one.found for one in unread]),
            "false_answers": _share([one.found for one in unread]),
        },
    }


def _share(held: Sequence[bool]) -> list[float]:
    """A share and its standard error."""
    if not held:
        return [0.0, 0.0]
    share = sum(held) / len(held)
    return [round(share, 4), round(math.sqrt(share * (1 - share) / len(held)), 4)]
