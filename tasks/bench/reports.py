"""Summaries of long reports beside the reference ones: ROUGE, and the lead baseline in the same run.

The idea: gov_report (Huang et al. 2021) has a summary written by people for every report. Ours and the
report's first words (lead) are both cut to as many words as that has.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.bench.dataset import read_json_lines
from tasks.bench.paired import Paired, paired
from tasks.bench.progress import Progress, silent
from tasks.bench.rouge import Rouge, rouge
from tasks.bench.summaries import Summarised, first_words, summarised

REPORT = "gov_report reports.jsonl: lines of {id, text, summary}"
MEASURES = {"rouge1": "one", "rouge2": "two", "rougeL": "longest"}


@dataclass(frozen=True)
class Scored:
    """A report: ROUGE of ours and of the lead, and how many of our sentences stand in it verbatim."""

    id: str
    words: int
    """Of the reference, and so of both."""
    ours: Rouge
    lead: Rouge
    sentences: int
    verbatim: int


def evaluate_reports(path: Path, progress: Progress = silent) -> dict[str, Any]:
    """ROUGE-1, ROUGE-2 and sentence-level ROUGE-L (F1) of document summaries, ours beside the lead's.

    Our summary is extracted at the reference's number of words, without its title line, and cut there; the
    lead has as many words. Means are over reports, from 0 to 1; a difference is paired by report and comes
    with its standard error. `verbatim` is the share of our sentences that stand at their characters.

    Args:
        path: reports.jsonl, or the folder that holds it.

    Raises:
        InvalidInput: if `path` holds something else.
    """
    file = path / "reports.jsonl" if path.is_dir() else path
    rows = read_json_lines(file, {"id": str, "text": str, "summary": str}, REPORT)
    scored = []
    for done, row in enumerate(rows):
        progress("summarising reports", done, len(rows))
        scored.append(_score(row["id"], row["text"], row["summary"]))
    progress("summarising reports", len(rows), len(rows))
    sentences = sum(one.sentences for one in scored)
    return {
        "data": "reports",
        "reports": len(scored),
        "verbatim": round(sum(one.verbatim for one in scored) / max(1, sentences), 4),
        **{name: asdict(_measure(scored, name)) for name in MEASURES},
        "by_report": {one.id: _row(one) for one in scored},
    }


def _score(name: str, text: str, reference: str) -> Scored:
    words = len(reference.split())
    made = summarised(text, words)
    ours = rouge(first_words(made.body, words), reference)
    lead = rouge(first_words(text, words), reference)
    return Scored(name, words, ours, lead, len(made.quotes), _verbatim(made, text))


def _verbatim(made: Summarised, text: str) -> int:
    return sum(text[quote.start : quote.end] == quote.text for quote in made.quotes)


def _measure(scored: Sequence[Scored], name: str) -> Paired:
    which = MEASURES[name]
    return paired([(getattr(one.ours, which), getattr(one.lead, which)) for one in scored])


def _row(one: Scored) -> dict[str, Any]:
    gains = {
        name: round(getattr(one.ours, which) - getattr(one.lead, which), 4)
        for name, which in MEASURES.items()
    }
    return {"words": one.words, "sentences": one.sentences, **gains}
