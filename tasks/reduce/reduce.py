"""Reduce: the windows that were read become a tree of summaries, up to the corpus."""

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tasks.infer.models import Models
from tasks.ingest.shard import ShardedDocument
from tasks.ingest.uris import corpus_of
from tasks.reduce.done import load_done
from tasks.reduce.summaries import summarise
from tasks.reduce.tree import SummaryNode, corpus_tree, document_tree
from tasks.run import Counted, Run
from tasks.text.counted import counted

_log = logging.getLogger("nightread")


@dataclass(frozen=True)
class Tree:
    """Nodes of a run: those of the documents read, and those of the corpus."""

    documents: dict[str, list[SummaryNode]]
    corpus: list[SummaryNode]
    decoded: int = 0
    """Summaries that had to be written."""

    @property
    def nodes(self) -> list[SummaryNode]:
        return [node for nodes in self.documents.values() for node in nodes] + self.corpus


def reduce(
    run: Run,
    models: Models,
    documents: Sequence[ShardedDocument],
    kept: Iterable[str],
    corpora: Collection[str],
    progress: Counted,
) -> Tree:
    """Build the tree over what was read and write the summaries it lacks.

    Args:
        documents: what was read, all its windows in the ledger.
        kept: documents that were read by earlier runs.
        corpora: corpus records that are still true; if this corpus's is among them, nothing is new and the
            tree is empty.
    """
    trees = {
        document.document: document_tree(
            run.ledger, models.key, document.document, document.windows, run.infer
        )
        for document in documents
    }
    roots = [nodes[-1] for nodes in trees.values() if nodes]
    for document in kept:
        done = load_done(run.ledger, models.key, document)
        if done and done.node:
            roots.append(done.node)
    corpus = corpus_tree(models.key, corpus_of(run.uris), roots, run.infer)
    if not trees and (not corpus or corpus[-1].id in corpora):
        return Tree({}, [])
    tree = Tree(trees, corpus)
    with run.timed("write"):
        decoded = summarise(tree.nodes, models, run.ledger, progress)
    _log.info("reduce: %s, summaries written: %s", counted(len(tree.nodes), "node"), f"{decoded:,}")
    return Tree(trees, corpus, decoded)
