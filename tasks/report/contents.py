"""What a run has to tell of its documents, from its work, its tree and what earlier runs have kept."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks.infer.models import Models
from tasks.infer.quotes import Quote
from tasks.ingest.parse import place_of
from tasks.memory.sources import part_name
from tasks.plan.work import Work
from tasks.recall.hit import Citation, format_citation
from tasks.reduce.done import load_done
from tasks.reduce.reduce import Tree
from tasks.reduce.shown import title_line
from tasks.reduce.summaries import Summary, load_summary
from tasks.reduce.tree import SummaryNode
from tasks.report.entries import (
    MOST_SUMMARIES,
    Contents,
    Entry,
    Failure,
    Quoted,
    Theme,
    status,
    worth_reading,
)
from tasks.run import Row, Run
from tasks.text.markup import readable
from tasks.text.sentences import sentences

UNTOLD = "No sentence of it can stand for the whole; its passages are found by recall."
MOST_ALONE = 20
"""Documents without a theme that are named."""


def contents(run: Run, models: Models, work: Work, tree: Tree) -> Contents:
    """What the report tells: new, changed and remembered documents, themes, what is gone and what failed."""
    roots = _roots(run, models, work, tree)
    sizes = {document.document: document.tokens for document in work.documents}
    found = {
        name: _entry(run, models, node, work, sizes.get(node.document, 0)) for name, node in roots.items()
    }
    untold = [name for name, nodes in tree.documents.items() if not nodes]
    found |= {name: _untold(work, tree, name, sizes.get(name, 0)) for name in untold}
    names = sorted(found, key=lambda name: worth_reading(found[name]))
    for name in (one for one in names[:MOST_SUMMARIES] if one in roots):
        found[name] = replace(found[name], quotes=_quotes(run, models, work, roots[name]))
    return Contents(
        entries=tuple(found[name] for name in names),
        themes=themes(tree.corpus, roots),
        gone=work.loss.uris,
        failures=tuple(
            Failure(part_name(row), row["reason"] or row["outcome"].replace("_", " "))
            for row in work.rows
            if row["outcome"] != "ok"
        ),
    )


def _roots(run: Run, models: Models, work: Work, tree: Tree) -> dict[str, SummaryNode]:
    """Each document's own node, by document: those read now and, as there is room, those remembered."""
    roots = {document: nodes[-1] for document, nodes in tree.documents.items() if nodes}
    for document in work.kept:
        if len(roots) >= MOST_SUMMARIES:
            break
        done = load_done(run.ledger, models.key, document)
        if done and done.node:
            roots[document] = done.node
    return roots


def _entry(run: Run, models: Models, node: SummaryNode, work: Work, tokens: int) -> Entry:
    row = work.source(node.document)
    read = node.document in work.todo
    summary = load_summary(run.ledger, models.key, node)
    return Entry(
        document=node.document,
        title=node.title or part_name(row).rpartition("/")[2],
        source=part_name(row),
        kind=node.kind,
        status=status(row, node.document in work.stale, work.known) if read else "",
        tokens=tokens,
        sentences=said(summary, node.title),
    )


def _untold(work: Work, tree: Tree, document: str, tokens: int) -> Entry:
    """A document that was read and holds no sentence that could stand for it: a table, code, a few words."""
    row, outline = work.todo[document], tree.outlines[document]
    return Entry(
        document=document,
        title=title_line(outline) or part_name(row).rpartition("/")[2],
        source=part_name(row),
        kind=outline.kind,
        status=status(row, document in work.stale, work.known),
        tokens=tokens,
        sentences=(UNTOLD,),
    )


def _quotes(run: Run, models: Models, work: Work, node: SummaryNode) -> tuple[Quoted, ...]:
    """What a summary consists of or is supported by, with its places."""
    row = work.source(node.document)
    quotes = load_summary(run.ledger, models.key, node).quotes
    return tuple(_quoted(run, row, quote) for quote in quotes)


def said(summary: Summary, title: str) -> tuple[str, ...]:
    """The sentences of a summary without its title: those of the document, unless a model wrote it."""
    texts = [summary.text.removeprefix(title).strip()]
    if not summary.generated:
        texts = [" ".join(readable(quote.text).split()) for quote in summary.quotes]
    return tuple(text[start:end] for text in texts for start, end in sentences(text))


def _quoted(run: Run, row: Row, quote: Quote) -> Quoted:
    place = place_of(run.home, row["parsed"], row["part"], quote.start)
    return quote.text, format_citation(Citation(row["uri"], place, quote.start, quote.end, quote.text))


def themes(corpus: Sequence[SummaryNode], roots: Mapping[str, SummaryNode]) -> tuple[Theme, ...]:
    """The themes of a corpus with their documents, and those documents that share none.

    Args:
        corpus: its nodes, its own last.
        roots: nodes of the documents, by document.
    """
    if not corpus:
        return ()
    name, *lines = corpus[-1].text.splitlines()
    if all(line.startswith("- ") for line in lines):  # of one theme
        return (Theme(name, tuple(line.removeprefix("- ") for line in lines)),)
    known = {node.id: node for node in corpus}
    found = [_theme(known[child]) for child in corpus[-1].children if child in known]
    titles = {node.id: node.title or node.text for node in roots.values()}
    alone = [titles[child] for child in corpus[-1].children if child in titles]
    return (*found, *([Theme("Of no theme", tuple(alone[:MOST_ALONE]))] if alone else []))


def _theme(node: SummaryNode) -> Theme:
    name, *lines = node.text.splitlines()
    return Theme(name, tuple(line.removeprefix("- ") for line in lines))
