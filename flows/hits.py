"""What was recalled as text for people: verbatim with its lines, its place, and on request why it came."""

import textwrap

from flows.cells import isolated, wrapped
from flows.show import WIDTH, corrections, relation, warned
from tasks.reduce.shown import names_itself
from tasks.runs.ledger import Row

NEAREST = 3
"""Hits shown where none answers."""
SOURCES = 5
"""Places of the same words that are listed; the others are counted."""


def hits(found: Row, explain: bool = False) -> str:
    """Records, best first, each with its quotes and where they stand; the nearest, where none answers."""
    shown = found["hits"]
    if not shown:
        return "nothing in memory answers this"
    lines = corrections([one for hit in shown for one in hit.get("corrections", [])])
    if not found["answered"]:
        lines += ["nothing in memory answers this; nearest:", ""]
        shown = shown[:NEAREST]
    lines.append("\n\n".join(_hit(number, hit, explain) for number, hit in enumerate(shown, 1)))
    if explain:
        times = ", ".join(f"{part} {1000 * amount:.0f} ms" for part, amount in found["seconds"].items())
        lines += ["", f"({times})"]
    return "\n".join(lines)


def _hit(number: int, hit: Row, explain: bool) -> str:
    title, said = (
        hit.get("title", ""),
        hit.get("summary") or ("" if hit.get("quotes") else hit.get("text", "")),
    )
    if title and said.startswith(title):
        title, _, said = said.partition("\n")  # with kind and date
    stands = " > ".join(name for name in (title, hit.get("section")) if name)
    shown = said or next((quote["text"] for quote in hit.get("quotes", [])), "")
    called = names_itself(shown, title)  # by its first sentence
    named = f": {isolated(stands)}" if stands and not called else ""
    lines = [f"{number}. {hit['level']}, score {hit['score']:.2f}{named}"]
    if said:
        lines.append(verbatim(said, "   "))
    flat, cited = " ".join(said.split()), dict[str, list[str]]()
    for quote in hit.get("quotes", []):
        cited.setdefault(quote["text"], []).append(quote["citation"])
    for text, places in cited.items():
        if " ".join(text.split()) not in flat:  # what a summary holds is not said twice
            lines.append(verbatim(text, "   | "))
        lines += [f"     {place}" for place in places[:SOURCES]]
        if len(places) > SOURCES:
            lines.append(f"     and {len(places) - SOURCES:,} more")
    lines += warned(hit.get("labels", ()))
    if hit.get("pinned"):
        lines.append("     pinned by a person")
    lines += [relation(one) for one in hit.get("relations", [])]
    return "\n".join([*lines, *(_why(hit["receipt"]) if explain else [])])


def verbatim(text: str, indent: str) -> str:
    """A text with its lines as they are; only a line that is too long is wrapped, under its own indent."""
    shown = []
    for line in textwrap.dedent(text.expandtabs(4)).splitlines():
        within = indent + line[: len(line) - len(line.lstrip())]
        shown += wrapped(line.strip(), WIDTH, within) or [indent.rstrip()]
    return "\n".join(shown)


def _why(receipt: Row) -> list[str]:
    """What found a hit, what that came to, and what was merged into it."""
    found = [
        f"{one['search']}: rank {one['rank']}, {one['value']:.2f} ({one['gain']:.2f} of the best)"
        for one in receipt["found"]
    ]
    told = [*(found or ["no search: its neighbours"]), f"together {receipt['fused']:.2f}"]
    told.append(f"after the walk {receipt['walked']:.3f}")
    if receipt["reranked"] is not None:
        told.append(f"the reader added {receipt['reranked']:+.2f}")
    if receipt["merged"]:
        told.append(f"merged: {', '.join(receipt['merged'])}")
    return [textwrap.fill("; ".join(told), WIDTH, initial_indent="     why: ", subsequent_indent="       ")]
