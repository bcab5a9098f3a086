"""Turns of a dialogue: who speaks, and when, in the formats of transcripts, chats and logs.

A line begins a turn if it begins with a speaker; a text is a dialogue if its speakers come again and take
turns, which fields of a header, entries of a glossary and keys of a configuration do not.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.text.dates import dates

_STAMP = r"[^\]\[()\n]{3,40}"
_IN_NAME = r"[^\s:：<>\[\](){}*\"“”|,;!?=/\\]"
_NAME = rf"[^\W\d_]{_IN_NAME}{{0,30}}(?: {_IN_NAME}{{1,30}}){{0,3}}"
_TURN = re.compile(
    rf"[ \t]*+(?:"
    rf"(?:\[(?P<d1>{_STAMP})\]|\((?P<d6>\d[\d:., ]{{1,20}})\)"  # [date], (time), date -
    rf"|(?P<d2>\d[\d./:-]*,? [\d:]+(?: ?[AaPp][Mm])?) -)?[ \t]*"
    rf"(?:\*\*(?P<s1>{_NAME})(?::\*\*|\*\*:)|<(?P<s2>[^\s<>]{{1,30}})>"  # **Ann:**, <ann>
    rf"|(?P<s3>{_NAME})(?: ?[(\[](?P<d3>{_STAMP})[)\]])?(?::(?=\s|$)|：))"  # Ann:, Ann (date):
    rf"|(?P<d4>\d\d?:\d\d(?::\d\d)?)[ \t]+<(?P<s4>[^\s<>]{{1,30}})>"  # 10:31 <ann>
    rf"|(?P<s5>{_NAME})[ \t]{{1,4}}\[?\d\d?:\d\d(?: ?[AaPp][Mm])?\]?[ \t]*$)"  # Ann 10:31 AM, the words below
)
_LEAST_TURNS, _LEAST_SHARE = 4, 0.25
_PARTICLES = frozenset(
    "user assistant system human bot agent of the de la le del der den di van von zu al el bin ibn".split()
)
_NO_SPEAKER = re.compile(
    r"(?:note|notes|warning|example|examples|source|sources|see|date|subject|from|to|cc|re|title|author|tel"
    r"|fax|"
    r"phone|e-?mail|address|attention|attn|by|name|its|version|summary|total|table|figure|step|section"
    r"|article|"
    r"chapter|abstract|keywords|present|apologies|where|if|and|or|returns?|args|raises|parameters|fixed|"
    r"added|changed|removed|deprecated|security|copyright|license|licence|classifier|url|home-?page)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says: text[start:end] with the speaker's name in front, without white space around."""

    start: int
    end: int
    speaker: str
    date: str
    """ISO, the turn's own or the last one above it; "" for none."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a turn in a line."""

    speaker: str
    date: str
    text_at: int
    """Where in the line the words begin."""


def opening(line: str) -> Opening | None:
    """The speaker that a line begins with, if it begins as a turn does."""
    match = _TURN.match(line[:200])
    if match is None:
        return None
    part = {name: value for name, value in match.groupdict().items() if value}
    speaker = " ".join(next(value for name, value in part.items() if name.startswith("s")).split())
    if ("s3" in part or "s5" in part) and not _is_name(speaker, part):
        return None
    stamp = next((value for name, value in part.items() if name.startswith("d")), "")
    return Opening(speaker, date_of(stamp), match.end())


def date_of(stamp: str) -> str:
    """The first date in it, ISO, or ""."""
    return next((found.iso for found in dates(stamp)), "")


def _is_name(speaker: str, part: dict[str, str]) -> bool:
    """Whether it is written as a name is; anything is one where a date stands beside it."""
    if _NO_SPEAKER.match(speaker):
        return False
    dated = any(name.startswith("d") for name in part)
    return dated or not any(word[0].islower() for word in speaker.split() if word not in _PARTICLES)


def is_dialogue(text: str) -> bool:
    """Whether the lines of a text (its beginning is enough) are turns of speakers who come again."""
    lines = [line for line in text.split("\n") if line.strip()]
    openings = [(found, line) for line in lines if (found := opening(line))]
    said = [line[one.text_at :].strip() for one, line in openings]
    speech = sum(not words or len(words.split()) > 1 or not words.isascii() for words in said)
    return _alternate([one.speaker for one, _ in openings], len(lines)) and speech >= 0.5 * len(said)


def _alternate(speakers: Sequence[str], lines: int) -> bool:
    if len(speakers) < max(_LEAST_TURNS, _LEAST_SHARE * lines):
        return False
    counts = Counter(speakers)
    again = sum(count for count in counts.values() if count > 1)
    changes = sum(first != second for first, second in pairwise(speakers))
    return len(counts) > 1 and again >= 0.7 * len(speakers) and changes >= 0.3 * len(speakers)


def turns(text: str) -> list[Turn]:
    """Every turn of a dialogue in order; [] for a text that is none.

    A turn goes on to the next one. Lines that hold only a date date the turns below them.
    """
    found: list[Turn] = []
    at, date = 0, ""
    for line in text.splitlines(keepends=True):
        begins = opening(line)
        if begins:
            date = begins.date or date
            found.append(
                Turn(at + len(line) - len(line.lstrip()), at + len(line.rstrip()), begins.speaker, date)
            )
        elif line.strip() and (stamp := session_date(line)):
            date = stamp
        elif line.strip() and found:
            last = found[-1]
            found[-1] = Turn(last.start, at + len(line.rstrip()), last.speaker, last.date)
        at += len(line)
    return found if is_dialogue(text) else []


def session_date(line: str) -> str:
    """The date of a line that says little else, as between the sessions of a dialogue; "" for another."""
    line = line.strip()
    if not 4 <= len(line) <= 60:
        return ""
    found = dates(line)
    return found[0].iso if found and found[0].end - found[0].start >= 0.4 * len(line) else ""
