"""Plain words for what the memory knows: kinds of records, how they were found, when and where things are."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from flows import show
from tasks.text.counted import counted
from tasks.text.labels import HOLDS, LABELS, labels, warnings

__all__ = ["counted", "labels", "warnings"]

KINDS = {
    "passage": "Passage",
    "window": "Summary of some pages",
    "section": "Summary of a section",
    "document": "Summary of a document",
    "corpus": "Summary of many documents",
}
"""Levels of records, as readers call them."""
LEVELS = {
    "passage": "passage",
    "window": "pages",
    "section": "section",
    "document": "document",
    "corpus": "theme",
}
"""The same, in a word before a name."""
CAREFUL = {label: f"with {HOLDS.get(label, label)}" for label in LABELS}
"""Labels, as a choice of what is shown."""
HOW = {
    "words": "by its words",
    "words in context": "by its words with its title and what stands before it",
    "meaning": "by its meaning",
    "meaning in context": "by its meaning with its title and what stands before it",
}
"""Searches, and what found a passage in each."""
OUTCOMES = {
    "ok": "read",
    "empty_text": "no text in it",
    "encrypted": "locked with a password",
    "scanned_no_ocr": "only pictures of pages",
    "unsupported": "of a kind that cannot be read",
    "corrupt": "damaged",
    "timeout": "took too long",
    "out_of_memory": "took too much memory",
    "too_large": "too large",
    "unreadable": "could not be opened",
    "vanished": "gone while it was read",
    "killed_reader": "stopped the reader",
    "forgotten": "forgotten",
    "postponed": "left for the next run",
    "not remembered": "not in memory",
}
"""What became of a source."""
RELATED = {
    "superseded by": "Replaced since by",
    "contradicted by": "Another source says otherwise:",
    "changed to": "Reworded since:",
    "supersedes": "Replaces",
    "was before": "Said before:",
    "also in": "Said elsewhere too:",
    "nearly the same as": "Nearly the same as",
}
"""What a passage is to another one."""
DOUBTFUL = ("superseded by", "contradicted by", "changed to")
"""Of these, after which one should not rely on a passage alone."""
STATES = {
    "changed": "The source has changed since this was read. What you see is the text as it was read.",
    "gone": "The source is no longer where it was read. What you see is the text as it was read.",
    "unknown": "The source cannot be reached just now. What you see is the text as it was read.",
}
"""What became of a source since, other than nothing."""
ENDED = {
    "published": "Ended well",
    "unchanged": "Ended well, nothing new",
    "running": "Running",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "cancelled": "Cancelled",
    "crashed": "Broke off",
}
"""How a run ended."""
FOUND = {
    "changed": "reworded",
    "superseded": "replaced",
    "conflicting": "in conflict",
    "the same": "near copies",
}
"""What a run found out by comparing."""
LONG = 700
"""Characters of a summary that is shown in part first."""
Quoted = list[tuple[str, list[Mapping[str, Any]]]]
"""Words, and the places where they stand."""


def why(receipt: Mapping[str, Any], hit: Mapping[str, Any]) -> list[str]:
    """Why a passage is shown, a sentence each."""
    told = [f"Found {HOW[one['search']]}: {best(one['rank'])} of all." for one in receipt["found"]]
    if not told:
        told = ["No search found it by itself: it stands beside passages that were found."]
    if receipt["reranked"] is not None:
        moved = "up" if receipt["reranked"] > 0 else "down"
        told.append(f"The model read it against the question, and moved it {moved}.")
    if merged := len(receipt["merged"]):
        told.append(
            f"{counted(merged, 'other record')} that {says(merged)} the same {are(merged)} shown with it."
        )
    if hit["pinned"]:
        told.append("A person pinned it, so it is always among what is shown.")
    told.append(f"Together that makes {hit['score']:.2f} of 1.")
    return told


def best(number: int) -> str:
    """ "the best", "the 12th best"."""
    if number == 1:
        return "the best"
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"the {number:,}{ending} best"


def says(count: int) -> str:
    return "says" if count == 1 else "say"


def are(count: int) -> str:
    return "is" if count == 1 else "are"


def moment(when: str) -> str:
    """ "29 November 2026, 02:00", in this machine's time; "" where nothing is known."""
    if not when:
        return ""
    at = datetime.fromisoformat(when).astimezone()
    return f"{at.day} {at:%B %Y, %H:%M}"


def day(iso: str) -> str:
    """ "5 March 2024" for 2024-03-05, as much of it as is known."""
    year, *rest = iso.split("-")
    named = [f"{datetime(2000, int(rest[0]), 1):%B}"] if rest else []
    return " ".join([*(str(int(one)) for one in rest[1:]), *named, year])


def file_name(source: str) -> str:
    """What people call a source: the last part of where it is, and its part in a container."""
    uri, _, label = source.partition("#")
    name = PurePosixPath(uri).name or uri
    return f"{name}, {label.replace('=', ' ')}" if label else name


def opens(document: str, start: int, end: int, as_of: str = "") -> str:
    """The address of a citation."""
    given = {"start": start, "end": end, **({"as_of": as_of} if as_of else {})}
    return f"/document/{document}?{urlencode(given)}#cited"


def with_given(path: str, given: Mapping[str, object], **changes: object) -> str:
    """An address with what was asked for, and these changes."""
    some = {name: value for name, value in {**given, **changes}.items() if value not in ("", None)}
    return f"{path}?{urlencode(some)}" if some else path


def seconds(amount: float) -> str:
    """ "0.3 s"."""
    return f"{amount:.2f} s" if amount < 1 else f"{amount:.1f} s"


def cited(citations: Sequence[Mapping[str, Any]]) -> Quoted:
    """Places by the words that stand there, each words once."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in citations:
        found.setdefault(one["text"], []).append(one)
    return list(found.items())


def closed_up(text: str) -> str:
    """A text without empty lines."""
    return "\n".join(line for line in text.split("\n") if line.strip())


def said_in(quotes: Quoted, summary: str) -> list[Mapping[str, Any]]:
    """Places of the quotes whose words a summary says."""
    return [one for text, places in quotes for one in places if _is_in(text, summary)]


def beside(quotes: Quoted, summary: str) -> Quoted:
    """Quotes whose words a summary does not say."""
    return [one for one in quotes if not _is_in(one[0], summary)]


def told(hit: Mapping[str, Any]) -> str:
    """A summary without the title that stands above it."""
    return str(hit["summary"]).removeprefix(str(hit["title"])).strip() or str(hit["summary"])


def name_of(node: Any) -> str:
    """What a node of the tree is called: its title, its section, or how it begins."""
    begins = str(node.said).split("\n")[0]
    if node.level == "document" and node.title:
        return str(node.title)
    if node.level == "corpus":
        return str(node.said).split("\n")[0] if not node.title else str(node.title)
    if node.level == "passage":
        return shortened(begins)
    return shortened(f"{node.section}: {begins}" if node.section else begins)


def rest_of(node: Any) -> str:
    """What a node says beside its name."""
    said = str(node.said)
    return said.partition("\n")[2].strip() or said if node.level == "corpus" else said


def ended(run: Mapping[str, Any]) -> str:
    """How a run ended, and how long it took."""
    told = ENDED.get(run["status"], str(run["status"]))
    if not run["finished"]:
        return told
    took = datetime.fromisoformat(run["finished"]) - datetime.fromisoformat(run["started"])
    return f"{told}, in {show.seconds(took.total_seconds())}"


def did(counts: Mapping[str, Any]) -> str:
    """What a run did, in a sentence; "" where it did not come so far."""
    if "documents" not in counts:
        return ""
    read = f"{counts.get('read', 0):,} of {counted(counts['documents'], 'document')} read"
    parts = [read, *(["nothing changed"] if not counts.get("added") and not counts.get("retired") else [])]
    some = {name: count for name, count in counts.get("relations", {}).items() if count}
    parts += [f"{count:,} {FOUND[name]}" for name, count in some.items() if name in FOUND]
    if gone := counts.get("gone"):
        parts.append(f"{gone:,} gone")
    if bad := counts.get("failures", len(counts.get("quarantined", ()))):
        parts.append(f"{bad:,} could not be read")
    return f"{', '.join(parts)}."


def short_place(place: str) -> str:
    """ "lease.txt, line 9" of what `format_citation` tells."""
    source, _, rest = place.rpartition(":")[0].rpartition(":")
    return f"{file_name(source)}, {rest}" if source else place


def shortened(text: str, most: int = 90) -> str:
    """The beginning of a text, cut at a word."""
    return text if len(text) <= most else f"{text[:most].rpartition(' ')[0] or text[:most]} ..."


def _is_in(text: str, summary: str) -> bool:
    return bool(summary) and " ".join(text.split()) in " ".join(summary.split())
