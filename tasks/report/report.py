"""The report of a run: what was read, what changed, what failed and what it cost, for people.

Markdown for Prefect and the terminal, one HTML file without outside resources for the browser. Text
from documents is data: it is escaped in both, and never becomes markup.
"""

import html
import io
import json
import re
import resource
import time
from collections.abc import Sequence
from typing import Any

from tasks.infer.queue import Outcome
from tasks.infer.quotes import Quote
from tasks.infer.windows import Models
from tasks.ingest.parse import place_of
from tasks.memory.publish import Published
from tasks.memory.reader import run_folder
from tasks.memory.recall import Citation, format_citation
from tasks.plan.work import Work
from tasks.reduce.reduce import Tree
from tasks.reduce.summaries import load_summary
from tasks.reduce.tree import SummaryNode
from tasks.run import Run

Row = dict[str, Any]
SHOWN_DOCUMENTS = 50
"""Documents with a summary of their own in the report; the table names all."""


def report(
    run: Run, models: Models, work: Work, read: Outcome, tree: Tree, published: Published
) -> dict[str, Any]:
    """Write report.md and report.html into the run's folder; returns the run's outcome in figures."""
    table = _table(work)
    summaries = {node.id: load_summary(run.ledger, models.key, node) for node in tree.nodes}
    outcome: Row = {
        "run": run.run,
        "status": "published" if published.added or published.retired else "unchanged",
        "version": published.version,
        "added": published.added,
        "retired": published.retired,
        "documents": len({row["document"] for row in work.rows if row["outcome"] == "ok"}),
        "read": len(work.todo),
        "windows": read.windows,
        "tokens": read.tokens,
        "read_seconds": round(read.seconds, 2),
        "seconds": round(time.monotonic() - run.started, 2),
        "planned_seconds": round(work.cost.seconds, 2),
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "generated": sum(summary.generated for summary in summaries.values()),
        "dropped": sum(summary.dropped for summary in summaries.values()),
        "quarantined": [
            {name: row[name] for name in ("uri", "label", "outcome", "reason")}
            for row in work.rows
            if row["outcome"] != "ok"
        ],
        "table": table,
    }
    shown = [*tree.corpus[-1:], *(nodes[-1] for nodes in tree.documents.values() if nodes)]
    entries = [_entry(run, work, node, summaries[node.id].text) for node in shown[:SHOWN_DOCUMENTS]]
    folder = run_folder(run.home, run.run)
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"report_md": folder / "report.md", "report_html": folder / "report.html"}
    pages["report_md"].write_text(markdown(outcome, entries))
    pages["report_html"].write_text(page(outcome, entries))
    outcome |= {name: str(path) for name, path in pages.items()}
    run.ledger.finish_run(run.run, outcome["status"], json.dumps({**outcome, "table": len(table)}))
    return outcome


def _table(work: Work) -> list[Row]:
    """One row per source: what it holds and what became of it."""
    sizes = {document.document: document for document in work.documents}
    table = []
    for row in sorted(work.rows, key=lambda row: (row["uri"], row["part"])):
        size = sizes.get(row["document"])
        action = "quarantined" if row["outcome"] != "ok" else "read" if size else "remembered"
        table.append(
            {
                "source": f"{row['uri']}{'#' if row['label'] else ''}{row['label']}",
                "action": action,
                "tokens": size.tokens if size else 0,
                "windows": size.windows if size else 0,
                "outcome": row["outcome"],
                "reason": row["reason"],
            }
        )
    return table


def _entry(run: Run, work: Work, node: SummaryNode, summary: str) -> Row:
    """A record as the report shows it: a title, the summary, quotes with their citations."""
    rows = {**work.kept, **work.todo}
    title = rows[node.document]["uri"] if node.document else f"Corpus {node.corpus}"
    quotes = [(quote.text, _citation(run, rows[quote.document], quote)) for quote in node.quotes]
    return {"title": title, "summary": summary, "quotes": quotes}


def _citation(run: Run, row: Row, quote: Quote) -> str:
    place = place_of(run.home, row["parsed"], row["part"], quote.start)
    return format_citation(Citation(row["uri"], place, quote.start, quote.end, quote.text))


def _facts(outcome: Row) -> list[tuple[str, str]]:
    seconds = outcome["read_seconds"]
    rate = f"{outcome['tokens'] / seconds:,.0f} tokens/s" if outcome["tokens"] else "nothing to read"
    return [
        ("Status", f"{outcome['status']}, memory version {outcome['version']}"),
        ("Documents", f"{outcome['documents']:,}, of which {outcome['read']:,} read now"),
        ("Windows and tokens", f"{outcome['windows']:,} and {outcome['tokens']:,} read by the model"),
        ("Reading", rate),
        ("Time", f"{outcome['seconds']:,.1f} s in all{_beside_plan(outcome)}"),
        ("Peak memory", f"{outcome['peak_rss'] / 2**30:.2f} GiB in this process"),
        ("Records", f"{outcome['added']:,} added, {outcome['retired']:,} retired"),
        ("Summaries", f"{outcome['generated']:,} generated, {outcome['dropped']:,} sentences dropped"),
        ("Quarantined", f"{len(outcome['quarantined']):,}"),
    ]


def _beside_plan(outcome: Row) -> str:
    planned = outcome["planned_seconds"]
    return f", {planned:,.1f} s planned" if planned else ""


def _flat(text: str) -> str:
    """One line that Markdown takes as plain text."""
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(str(text).split()))


def markdown(outcome: Row, entries: Sequence[Row]) -> str:
    """The report in Markdown."""
    lines = [f"# Nightread run {outcome['run']}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_flat(value)} |" for name, value in _facts(outcome)]
    for entry in entries:
        lines += ["", f"## {_flat(entry['title'])}", "", _flat(entry["summary"]), ""]
        lines += [f"> {_flat(text)}\\\n> {_flat(citation)}\n" for text, citation in entry["quotes"]]
    lines += ["", "## Sources", "", "| source | action | tokens | windows | outcome | reason |"]
    lines += ["|---|---|--:|--:|---|---|"]
    lines += ["| " + " | ".join(_flat(value) for value in row.values()) + " |" for row in outcome["table"]]
    return "\n".join(lines) + "\n"


_STYLE = """
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent)}
body{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:2.5rem auto;padding:0 1.25rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2.2rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
blockquote{margin:.8rem 0;padding:.1rem 0 .1rem 1rem;border-left:3px solid var(--line)}
cite{display:block;font-size:.82rem;opacity:.7;overflow-wrap:anywhere}figure{margin:1.5rem 0}
figure svg{max-width:100%;height:auto;background:#fff}
"""


def page(outcome: Row, entries: Sequence[Row]) -> str:
    """The report as one HTML page."""
    esc = html.escape
    facts = "".join(f"<tr><th scope=row>{esc(n)}</th><td>{esc(v)}</td></tr>" for n, v in _facts(outcome))
    parts = [f"<h1>Nightread run {esc(outcome['run'])}</h1><table>{facts}</table>", _figure(outcome["table"])]
    for entry in entries:
        quotes = "".join(
            f"<blockquote>{esc(text)}<cite>{esc(cite)}</cite></blockquote>" for text, cite in entry["quotes"]
        )
        parts.append(f"<h2>{esc(entry['title'])}</h2><p>{esc(entry['summary'])}</p>{quotes}")
    if outcome["table"]:
        head = "".join(f"<th scope=col>{name}</th>" for name in outcome["table"][0])
        body = "".join(
            "<tr>" + "".join(f"<td>{esc(str(value))}</td>" for value in row.values()) + "</tr>"
            for row in outcome["table"]
        )
        parts.append(f"<h2>Sources</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    title = f"<title>Nightread {esc(outcome['run'])}</title>"
    view = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    head = f"{view}{title}<style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _figure(table: Sequence[Row]) -> str:
    """Tokens of the longest documents read now, as inline SVG; nothing if nothing was read."""
    read = sorted((row for row in table if row["tokens"]), key=lambda row: -row["tokens"])[:20]
    if not read:
        return ""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.5 + 0.26 * len(read)), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    names = [row["source"][-44:].replace("$", r"\$") for row in read]
    axes.barh(range(len(read)), [row["tokens"] for row in read], color="#3b6ea5")
    axes.set_yticks(range(len(read)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("tokens read")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "nightread"}):  # ids inside the SVG: the same page for the same run
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    label = "Bar chart: tokens of each document read in this run"
    return f'<figure role="img" aria-label="{label}">{svg[svg.index("<svg") :]}</figure>'
