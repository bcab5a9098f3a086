"""What a run has to tell of its documents, from its work, its tree and what earlier runs have kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tasks.infer.models import Models
from tasks.ingest.omitted import remark
from tasks.memory.corrections import kept, standing
from tasks.memory.reader import open_memory, published
from tasks.memory.sources import failed, part_name
from tasks.plan.work import Work
from tasks.recall.corrected import day
from tasks.recall.coverage import coverage
from tasks.reduce.done import load_done
from tasks.reduce.reduce import Tree
from tasks.reduce.shown import names_itself
from tasks.reduce.summaries import Summary, load_summary
from tasks.reduce.themes import NO_THEME
from tasks.reduce.tree import SummaryNode
from tasks.relate.relate import NOTHING, Related
from tasks.report.cited import cited
from tasks.report.entries import (
    MOST_SUMMARIES,
    NAMED,
    Contents,
    Corrected,
    Entry,
    Failure,
    Theme,
    first_of_each,
    status,
)
from tasks.report.findings import findings, told
from tasks.runs.ledger import Row
from tasks.runs.run import Run
from tasks.text.counted import counted
from tasks.text.markup import readable
from tasks.text.sentences import sentences

MOST_ALONE = 20
"""Documents without a theme that are named."""


def contents(
    run: Run,
    models: Models,
    work: Work,
    tree: Tree,
    related: Related = NOTHING,
) -> Contents:
    """What the report tells: new, changed and remembered documents, themes, what is gone and what failed.

    Args:
        related: what was found by comparing them.
    """
    nodes = roots(run, models, work, tree)

    def summary(name: str) -> Summary:
        return load_summary(run.ledger, models.key, nodes[name])

    entries, more = first_of_each(_entry(node, summary(name), work, related) for name, node in nodes.items())
    summarised = [entry.document for entry in entries if entry.sentences][:MOST_SUMMARIES]
    for number, entry in enumerate(entries):
        if entry.document in summarised:
            row = work.source(entry.document)
            quotes = tuple(cited(run.home, row, quote) for quote in summary(entry.document).quotes)
            entries[number] = replace(entry, quotes=quotes)
    failures = _first(
        Failure(part_name(row), row["reason"] or row["outcome"].replace("_", " "))
        for row in work.rows
        if failed(row)
    )
    omissions = _first(
        Failure(part_name(row), remark(row)) for row in work.rows if row["outcome"] == "ok" and remark(row)
    )
    more |= {"failures": failures[1], "omissions": omissions[1], "gone": max(0, len(work.loss.uris) - NAMED)}
    return Contents(
        entries=tuple(entries),
        themes=themes(tree.corpus, nodes),
        gone=work.loss.uris[:NAMED],
        failures=failures[0],
        omissions=omissions[0],
        findings=findings(related),
        more={name: count for name, count in more.items() if count},
    )


def _first(found: Iterator[Failure]) -> tuple[tuple[Failure, ...], int]:
    """The first of these, and how many more there are."""
    return tuple(islice(found, NAMED)), sum(1 for _ in found)


def with_coverage(found: Contents, home: Path) -> Contents:
    """The same with what memory now holds, and does not hold, of the documents that are summarised."""
    if not published(home):
        return found
    known = coverage(open_memory(home), {entry.document for entry in found.summarised})
    entries = (replace(entry, coverage=known.get(entry.document)) for entry in found.entries)
    return replace(found, entries=tuple(entries))


def corrected(home: Path) -> tuple[Corrected, ...]:
    """What people said is right, with whether its place is still there."""
    if not kept(home) or not published(home):
        return ()
    return tuple(
        Corrected(
            one.correction.says,
            " ".join(one.correction.words.split()),
            one.correction.source,
            day(one.correction),
            one.is_gone,
        )
        for one in standing(open_memory(home))
        if one.correction.kind == "correct"
    )


def roots(run: Run, models: Models, work: Work, tree: Tree) -> dict[str, SummaryNode]:
    """Each document's own node, by document: those read now and, as there is room, those remembered."""
    found = {document: nodes[-1] for document, nodes in tree.documents.items()}
    for document in work.kept:
        if len(found) >= MOST_SUMMARIES:
            break
        if done := load_done(run.ledger, models.key, document):
            found[document] = done.node
    return found


def read_as(document: str, work: Work, related: Related) -> str:
    """What a run found of a document that it has read."""
    found = status(work.source(document), document in work.stale, work.known)
    one = related.compared.get(document)
    return "the same" if found == "new" and one is not None and one.copy is not None else found


def title_of(node: SummaryNode, row: Row) -> str:
    """What a document is called; the name of its file where it says nothing."""
    return node.title or part_name(row).rpartition("/")[2]


def _entry(node: SummaryNode, summary: Summary, work: Work, related: Related) -> Entry:
    row = work.source(node.document)
    title = title_of(node, row)
    sentences = said(summary, node.title) if node.is_told else ()
    size = work.documents.get(node.document)
    differs, pairs = told(related.compared.get(node.document))
    return Entry(
        document=node.document,
        title=title,
        source=part_name(row),
        omitted=remark(row),
        kind=node.kind,
        status=read_as(node.document, work, related) if node.document in work.todo else "",
        tokens=size.tokens if size else 0,
        sentences=sentences,
        titled=bool(sentences) and names_itself(sentences[0], title),
        differs=differs,
        pairs=pairs,
    )


def said(summary: Summary, title: str) -> tuple[str, ...]:
    """The sentences of a summary without its title: those of the document, unless a model wrote it."""
    texts = [summary.text.removeprefix(title).strip()]
    if not summary.generated:
        texts = [" ".join(readable(quote.text).split()) for quote in summary.quotes]
    return tuple(text[start:end] for text in texts for start, end in sentences(text))


def themes(corpus: Sequence[SummaryNode], roots: Mapping[str, SummaryNode]) -> tuple[Theme, ...]:
    """The themes of a corpus with their documents, and those documents that share none.

    Args:
        corpus: its nodes, its own last.
        roots: nodes of the documents, by document.
    """
    if not corpus:
        return ()
    name, *lines = corpus[-1].text.splitlines()
    if all(line.startswith("- ") for line in lines):  # of one theme, or of none
        return (Theme(name, tuple(line.removeprefix("- ") for line in lines)),)
    known = {node.id: node for node in corpus}
    found = [_theme(known[child]) for child in corpus[-1].children if child in known]
    titles = {node.id: node.title or node.text for node in roots.values()}
    alone = sorted((titles[one] for one in corpus[-1].children if one in titles), key=str.casefold)
    shown = (*alone[:MOST_ALONE], *([f"and {len(alone) - MOST_ALONE:,} more"] if alone[MOST_ALONE:] else []))
    return (*found, *([Theme(f"{NO_THEME}: {counted(len(alone), 'document')}", shown)] if alone else []))


def _theme(node: SummaryNode) -> Theme:
    name, *lines = node.text.splitlines()
    return Theme(name, tuple(line.removeprefix("- ") for line in lines))
