"""What a run has to tell of its documents, from its work, its tree and what earlier runs have kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
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
from tasks.relate.found import Compared
from tasks.relate.relate import NOTHING, Related
from tasks.report.cited import cited
from tasks.report.entries import (
    MOST_SUMMARIES,
    Contents,
    Corrected,
    Entry,
    Failure,
    Theme,
    status,
    worth_reading,
)
from tasks.report.findings import findings, told
from tasks.run import Run
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
    summaries: Mapping[str, Summary] | None = None,
) -> Contents:
    """What the report tells: new, changed and remembered documents, themes, what is gone and what failed.

    Args:
        related: what was found by comparing them.
        summaries: of the tree's nodes, by their ids; those that are not given are loaded.
    """
    roots = _roots(run, models, work, tree)
    known = dict(summaries or {})
    for node in roots.values():
        if node.id not in known:
            known[node.id] = load_summary(run.ledger, models.key, node)
    sizes = {document.document: document.tokens for document in work.documents}
    found = {
        name: _entry(node, known[node.id], work, sizes.get(node.document, 0)) for name, node in roots.items()
    }
    found = {name: _compared(entry, related.compared.get(name)) for name, entry in found.items()}
    names = sorted(found, key=lambda name: worth_reading(found[name]))
    told = [name for name in names if found[name].sentences][:MOST_SUMMARIES]
    for name in told:
        row = work.source(name)
        quotes = tuple(cited(run.home, row, quote) for quote in known[roots[name].id].quotes)
        found[name] = replace(found[name], quotes=quotes)
    return Contents(
        entries=tuple(found[name] for name in names),
        themes=themes(tree.corpus, roots),
        gone=work.loss.uris,
        failures=tuple(
            Failure(part_name(row), row["reason"] or row["outcome"].replace("_", " "))
            for row in work.rows
            if failed(row)
        ),
        omissions=tuple(
            Failure(part_name(row), remark(row))
            for row in work.rows
            if row["outcome"] == "ok" and remark(row)
        ),
        findings=findings(related),
    )


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


def _compared(entry: Entry, found: Compared | None) -> Entry:
    """A document with what it was compared with."""
    differs, pairs = told(found)
    alike = found is not None and found.copy is not None and entry.status == "new"
    return replace(entry, differs=differs, pairs=pairs, status="the same" if alike else entry.status)


def _roots(run: Run, models: Models, work: Work, tree: Tree) -> dict[str, SummaryNode]:
    """Each document's own node, by document: those read now and, as there is room, those remembered."""
    roots = {document: nodes[-1] for document, nodes in tree.documents.items()}
    for document in work.kept:
        if len(roots) >= MOST_SUMMARIES:
            break
        if done := load_done(run.ledger, models.key, document):
            roots[document] = done.node
    return roots


def _entry(node: SummaryNode, summary: Summary, work: Work, tokens: int) -> Entry:
    row = work.source(node.document)
    read = node.document in work.todo
    title = node.title or part_name(row).rpartition("/")[2]
    sentences = said(summary, node.title) if node.is_told else ()
    return Entry(
        document=node.document,
        title=title,
        source=part_name(row),
        omitted=remark(row),
        kind=node.kind,
        status=status(row, node.document in work.stale, work.known) if read else "",
        tokens=tokens,
        sentences=sentences,
        titled=bool(sentences) and names_itself(sentences[0], title),
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
