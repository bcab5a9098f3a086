"""Answers as text for people: plain lines that fit a terminal and a log alike.

Programs ask for --json instead and never read these.
"""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flows.cells import cells, cut, isolated, padded, wrapped
from tasks.ingest.omitted import many
from tasks.plan import left
from tasks.recall.citation import Citation, format_citation
from tasks.runs.ledger import Row
from tasks.text.counted import counted
from tasks.text.labels import HOLDS, labels, warnings
from tasks.text.markup import readable

WIDTH = 100


def read(result: Row) -> str:
    """What a read did and found, what it cost, what is wrong, and where the report lies."""
    lines = [
        f"run {result.get('run', '')}: {result.get('status', '')}",
        f"{counted(result.get('documents', 0), 'document')}; {counted(result.get('windows', 0), 'window')}, "
        f"{counted(result.get('tokens', 0), 'token')} read in {seconds(result.get('seconds', 0))}",
        f"{counted(result.get('added', 0), 'record')} added, {result.get('retired', 0):,} retired",
    ]
    if written := result.get("generated"):
        lines[-1] += (
            f"; {written:,} {'summary' if written == 1 else 'summaries'} written by the model, "
            f"{counted(result.get('dropped', 0), 'sentence')} without support dropped"
        )
    lines += left_out(result) + left.told(result) + omitted(result) + labelled(result)
    lines += announced(result) + gone(result) + found(result)
    if lost := result.get("corrections_gone"):
        lines.append(f"{counted(lost, 'correction')} lost the place: nightread corrections")
    if bad := result.get("quarantined"):
        count = result.get("failures", len(bad))
        lines += [f"{count:,} in quarantine:", quarantined(bad)]
        if count > len(bad):
            lines.append(f"and {count - len(bad):,} more: nightread quarantine")
    lines += [f"report: {path}" for key in ("report_md", "report_html") if (path := result.get(key))]
    return "\n".join(lines)


def left_out(result: Row) -> list[str]:
    """How many documents are left out because they were forgotten, and how one comes back."""
    count = result.get("forgotten", 0)
    are = "is" if count == 1 else "are"
    told = f"{counted(count, 'document')} {are} left out, forgotten; back with: nightread forget --undo URI"
    return [told] if count else []


def omitted(result: Row) -> list[str]:
    """What of the sources is not in their text, by kind."""
    some = [many(kind, count) for kind, count in result.get("omitted", {}).items()]
    return [f"not in the text: {', '.join(some)}; of which documents: in the report"] if some else []


def labelled(result: Row) -> list[str]:
    """How many passages a reader is warned of, and why."""
    found = result.get("labels", {})
    some = [f"{counted(found[one], 'passage')} with {HOLDS[one]}" for one in HOLDS if one in found]
    lines = [f"to be read with care: {', '.join(some)}; in which documents: in the report"] if some else []
    if names := result.get("telling_names", 0):
        hold = "holds a value" if names == 1 else "hold values"
        lines.append(f"{counted(names, 'name')} of sources {hold} of a kind that is redacted; names stay")
    return lines


ANNOUNCED = 5
"""Documents that are named of those that a run has read."""


def announced(result: Row) -> list[str]:
    """The first documents that are new or have changed, by their titles."""
    found = result.get("announced", [])
    lines = [
        f"{one['status']}: {isolated(cut(one['title'], WIDTH - len(one['status']) - 2))}" for one in found
    ]
    more = result.get("read", 0) - ANNOUNCED
    return [*lines[:ANNOUNCED], *([f"and {more:,} more, in the report"] if more > 0 else [])]


def gone(result: Row) -> list[str]:
    """The first sources that are no longer there; of an earlier run how many there were."""
    places = result.get("gone", 0)
    if isinstance(places, int):
        return [f"{counted(places, 'source')} no longer there"] if places else []
    more = result.get("gone_count", len(places)) - ANNOUNCED
    lines = [f"no longer there: {place}" for place in places[:ANNOUNCED]]
    return [*lines, *([f"and {more:,} more that are gone, in the report"] if more > 0 else [])]


NAMES = {
    "changed": "sentence changed",
    "superseded": "statement superseded",
    "conflicting": "conflict",
    "confirmed": "statement confirmed",
    "the same": "document the same as another but for a few sentences",
}
"""What a run has found out by comparing, and what one of it is called."""
FOUND = 3
"""Findings that are shown."""


def found(result: Row) -> list[str]:
    """How many statements were changed, superseded and contradicted, and the first of them."""
    some = {name: count for name, count in result.get("relations", {}).items() if count}
    lines = (
        [", ".join(f"{count:,} {_plural(NAMES[name], count)}" for name, count in some.items())]
        if some
        else []
    )
    shown = result.get("found", [])
    for one in shown[:FOUND] if isinstance(shown, list) else ():
        lines += [
            _wrapped(f"{one['kind']}: {one['before']}", "   "),
            _wrapped(f"-> {one['now']} ({one['source']})", "   "),
        ]
    return lines


def _plural(noun: str, count: int) -> str:
    first, _, rest = noun.partition(" ")
    return noun if count == 1 else f"{first}s {rest}".rstrip()


def plan(result: Row) -> str:
    """Cost first, then every document and why it is read or not."""
    head = (
        f"{counted(result['documents'], 'document')}, {counted(result['tokens'], 'token')}, "
        f"{counted(result['windows'], 'window')}: "
        f"about {seconds(result['seconds'])}, {result['flops']:.2e} FLOPs, {size(result['bytes'])} on disk"
    )
    rows = [
        [row["action"], f"{row['tokens']:,}", f"{row['windows']:,}", row["uri"], row["why"]]
        for row in result["rows"]
    ]
    columns = ["action", "tokens", "windows", "uri", "why"]
    lines = [head, *left_out(result), *left.told(result), *table(columns, rows)]
    count = sum(result["actions"].values())
    if count > len(rows):
        all_ = ", ".join(f"{many:,} {action}" for action, many in result["actions"].items())
        lines.append(
            f"the first {len(rows):,} of {counted(count, 'source')} by name, in all {all_}; name a folder of "
            f"them for the others: nightread plan URI"
        )
    return "\n".join(lines)


def claim(found: Any) -> str:
    """A sentence that answers, whose it is where sources disagree, and where it stands."""
    head = [f"{found.source}:"] if found.source else []
    places = [f"     {format_citation(one)}" for one in found.citations]
    over = warned(found.labels) + ([relation(found.over.as_json())] if found.over else [])
    return "\n".join([*head, _wrapped(readable(found.text) or found.text, ""), *places, *over])


def reply(found: Row) -> str:
    """The times; before them the nearest passages, where no claim was found and shown before."""
    times = ", ".join(f"{part} {amount:.2f} s" for part, amount in found["seconds"].items())
    if found["found"]:
        return f"({times})"
    lines = ["not found in what was read"]
    if found["nearest"]:
        lines.append("nearest:")
    for one in found["nearest"]:
        lines += [
            _wrapped(one["text"], "   | "),
            f"     {one['uri']}:{one['place']}:{one['start']}-{one['end']}",
            *warned(labels(one["text"])),
        ]
    return "\n".join([*lines, f"({times})"])


def session_reply(found: Row, explain: bool = False) -> str:
    """What was said or read that answers, each with its place; on request how much each level counted."""
    lines = []
    for one in found["claims"]:
        lines += [f"{one['source']}:"] if one["source"] else []
        lines.append(_wrapped(readable(one["text"]) or one["text"], ""))
        lines += [
            _place(cited) + (f"  ({one['level']}-term)" if explain else "") for cited in one["citations"]
        ]
        lines += warned(one.get("labels", ()))
        lines += [relation(one["superseded_by"])] if one["superseded_by"] else []
    if not found["found"]:
        lines.append("not found in what was said or read")
        lines += ["nearest:"] if found["nearest"] else []
    for one in found["nearest"]:
        lines += [_wrapped(one["text"], "   | "), _place(one)]
    if explain:
        told = ", ".join(f"{level}-term {weight:.2f}" for level, weight in found["levels"].items())
        lines.append(f"levels: {told}")
    times = ", ".join(f"{part} {amount:.2f} s" for part, amount in found["seconds"].items())
    return "\n".join([*lines, f"(round {found['round']} of session {found['session']}; {times})"])


def _place(cited: Row) -> str:
    return f"     {format_citation(Citation(**cited))}"


def _wrapped(text: str, indent: str) -> str:
    return "\n".join(wrapped(" ".join(text.split()), WIDTH, indent))


def quarantined(rows: list[Row]) -> str:
    """Documents that could not be read, and why."""
    if not rows:
        return "quarantine is empty"
    cells = [[row["outcome"], _source(row), row["reason"]] for row in rows]
    return "\n".join(table(["outcome", "uri", "reason"], cells))


def _source(row: Row) -> str:
    return f"{row['uri']}#{row['label']}" if row.get("label") else str(row["uri"])


def runs(rows: list[Row]) -> str:
    """One line a run: when, how it ended, what it did, and the corpus in what is left of the line."""
    if not rows:
        return "no run yet: nightread read URI"
    cells = [[row["run"], _when(row), row["status"], *_counts(row["counts"])] for row in rows]
    header = ["run", "started, took", "status", "read", "records"]
    lines = table([*header, "corpus"], [[*cell, ""] for cell in cells])
    room = max(10, WIDTH - max(map(len, lines)) - 2)
    corpora = [_shortened(" ".join(row["corpus"]), room) for row in rows]
    return "\n".join(table([*header, "corpus"], [[*c, name] for c, name in zip(cells, corpora, strict=True)]))


def _when(row: Row) -> str:
    """ "29 Nov 02:00, 4 min", in this machine's time."""
    started = datetime.fromisoformat(row["started"]).astimezone()
    year = "" if started.year == datetime.now().year else f" {started.year}"
    told = f"{started.day} {started:%b}{year} {started:%H:%M}"
    if not row["finished"]:
        return told
    return f"{told}, {seconds((datetime.fromisoformat(row['finished']) - started).total_seconds())}"


def _counts(counts: Row) -> list[str]:
    """Documents read of those found, and records added and retired; empty where a run did not come so far."""
    records = f"+{counts['added']:,} -{counts['retired']:,}" if "added" in counts else ""
    if "documents" not in counts:
        return ["", records]
    bad = f", {len(some)} bad" if (some := counts.get("quarantined")) else ""
    read = f"{counts.get('read', 0):,} of {counts['documents']:,}{bad}"
    return [read, records]


def _shortened(text: str, room: int) -> str:
    """The text, or its end, which tells more of a path than its beginning."""
    return text if len(text) <= room else f"...{text[len(text) - room + 3 :]}"


def run(row: Row) -> str:
    """A run: how it ended and what it did, then the settings it was made with."""
    counts = row["counts"]
    lines = [f"run {row['run']}: {row['status']}"]
    lines += [f"corpus: {' '.join(row['corpus'])}"] if row["corpus"] else []
    lines.append(f"started: {_when(row)}")
    if error := counts.get("error"):
        lines.append(f"error: {error}")
    if "documents" in counts:
        lines += read({**counts, "status": row["status"]}).splitlines()[1:]
    elif "added" in counts:
        lines.append(f"{counted(counts['added'], 'record')} added, {counts['retired']:,} retired")
    unnamed = {name: "the default" for name in ("model", "embedder") if row["config"].get(name) == ""}
    settings = [_field(name, value, "  ") for name, value in {**row["config"], **unnamed}.items()]
    return "\n".join([*lines, *(["", "settings:", *settings] if settings else [])])


def record(found: Row) -> str:
    """A record: its title, what it says, where that stands word for word, and how it was made."""
    said = found["summary"] or found["text"]  # the same where there is a summary
    title = found.get("title", "")
    lines = [*corrections(found.get("corrections", [])), f"{found['level']} {found['id']}"]
    lines += [_wrapped(title, "")] if title and not said.startswith(title) else []
    lines += [_wrapped(line, "   ") for line in said.splitlines() if line.strip()]
    for place in found["citations"]:
        if place["text"] != said:  # a passage quotes itself
            lines.append(_wrapped(f'"{" ".join(place["text"].split())}"', "   | "))
        lines.append(f"     {place['citation']}")
    lines += warned(found.get("labels", ()))
    lines += [relation(one) for one in found.get("relations", [])]
    told = {"model": found["model"] if found["generated"] else "extract, written by no model"} | {
        name: value for name, value in found.items() if name not in RECORD_SHOWN and value not in ("", [])
    }
    return "\n".join([*lines, "", *(_field(name, value, "") for name, value in told.items())])


def corrections(found: list[Row]) -> list[str]:
    """What people said is right, each once, as what stands before all that was read."""
    lines = []
    for one in {one["id"]: one for one in found}.values():
        of = " ".join(one["of"].split()) or "the whole document"
        of = of if len(of) <= QUOTED else f"{of[: QUOTED - 3]}..."
        lines += [
            _wrapped(f"a person's correction of {one['on']} [{one['id']}]: {one['says']}", ""),
            _wrapped(
                f"of: {of if len(of) <= QUOTED else of[: QUOTED - 3] + '...'} ({one['source']})", "     "
            ),
        ]
    return [*lines, ""] if lines else []


QUOTED = 160
"""Characters of another record's words that are shown."""
WARNED = ("superseded by", "contradicted by", "changed to")
"""Relations after which a reader should not rely on a record alone."""


def warned(some: Sequence[str]) -> list[str]:
    """What to know of words with these labels before using them."""
    return [f"     ! {told}" for told in warnings(some)]


def relation(one: Row) -> str:
    """What a record is to another one, in short: superseded by what, since when, and where that stands."""
    said, date = " ".join(one["text"].split()), f", {one['date']}" if one["date"] else ""
    quote = said if len(said) <= QUOTED else f"{said[: QUOTED - 3]}..."
    return textwrap.fill(
        f'{one["how"]} "{quote}" ({one["citation"]}{date})',
        WIDTH,
        initial_indent="     ! " if one["how"] in WARNED else "     = ",
        subsequent_indent="       ",
        break_long_words=False,
        break_on_hyphens=False,
    )


RECORD_SHOWN = (
    "id",
    "model",
    "generated",
    "level",
    "title",
    "summary",
    "text",
    "quotes",
    "citations",
    "vector",
    "context",
    "context_vector",
    "text_hash",
    "sketch",
    "relations",
    "related",
    "corrections",
)
"""Fields of a record that its text shows in another way, or that tell a person nothing."""


def fields(found: Row) -> str:
    """Every field of one thing, nested ones indented."""
    return "\n".join(_field(name, value, "") for name, value in found.items())


def _field(name: str, value: Any, indent: str) -> str:
    if isinstance(value, dict) and value:
        return "\n".join(
            [f"{indent}{name}:", *(_field(str(key), inner, indent + "  ") for key, inner in value.items())]
        )
    if isinstance(value, list) and value:
        return "\n".join([f"{indent}{name}:", *(f"{indent}  - {item}" for item in value)])
    return f"{indent}{name}: {value}"


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Left-aligned columns; the last one is never padded."""
    flat = [[" ".join(str(cell).split()) for cell in row] for row in [header, *rows]]
    widths = [max(cells(row[column]) for row in flat) for column in range(len(header))]
    return [
        "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in flat
    ]


def seconds(amount: float) -> str:
    """Seconds as people say them."""
    if amount < 120:
        return f"{amount:.1f} s"
    minutes = round(amount / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def size(amount: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
