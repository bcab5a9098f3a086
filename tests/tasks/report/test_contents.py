"""A report tells of every document that was read, whether a sentence of it can stand for it or not.

Run: pytest tests/tasks/report/test_contents.py
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tasks.infer.models import Models
from tasks.ingest.by_document import ByDocument
from tasks.ingest.sharded import ShardedDocument, sharded
from tasks.ingest.source_rows import SourceRows
from tasks.memory.sources import Loss, Seen
from tasks.plan.work import Work
from tasks.reduce.reduce import Tree
from tasks.reduce.tree import document_tree
from tasks.report.contents import contents
from tasks.runs.run import Run
from tasks.settings import ClusterConfig, InferConfig, ParseConfig, ShardConfig, StorageConfig
from tests.tasks.reduce.texts import read_as


def test_a_document_without_a_sentence_to_quote_is_announced_by_its_title(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    row = {"uri": "/docs/ports.csv", "label": "", "document": "d1", "outcome": "ok", "reason": ""}
    work = Work(
        seen=Seen((), (row,)),
        todo=ByDocument(SourceRows(pa.Table.from_pylist([row])), [0]),
        kept=ByDocument(SourceRows(pa.Table.from_pylist([row])), []),
        stale=frozenset(),
        known=frozenset(),
        gone=(),
        loss=Loss(),
        corpora=frozenset(),
        documents=sharded([ShardedDocument("d1", 1, 12, tmp_path / "d1")]),
    )
    infer = InferConfig(model=str(tiny_model_dir), embedder=str(tiny_model_dir))
    run = Run(("docs",), tmp_path, StorageConfig(), ParseConfig(), ShardConfig(), infer, ClusterConfig())
    reading = read_as("port;depth;quays\nOrlo;12;3\nTarn;9;2\n", "ports.csv")
    nodes = document_tree("key", replace(reading, document="d1"), 8, 100)
    tree = Tree({"d1": nodes}, [], {"d1": reading.outline})
    found = contents(run, Models(tmp_path, infer, 2048), work, tree)
    (entry,) = found.entries
    assert (entry.title, entry.status, entry.source) == (
        "ports.csv: port, depth, quays (table)",
        "new",
        "/docs/ports.csv",
    )
    assert (entry.sentences, entry.opening, found.summarised) == ((), "", ())
